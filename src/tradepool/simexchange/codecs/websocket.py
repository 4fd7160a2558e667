"""One WebSocket text frame as bytes (RFC 6455, server to client: unmasked), the same for every connection."""

from __future__ import annotations

import struct

SHORT_MAX = 125
MEDIUM_MAX = 65_535
_TEXT = 0x81


def text_frame(payload: bytes) -> bytes:
    r"""Put a header before a text.

    >>> text_frame(b"hi")
    b'\x81\x02hi'
    """
    size = len(payload)
    if size <= SHORT_MAX:
        return bytes((_TEXT, size)) + payload
    if size <= MEDIUM_MAX:
        return struct.pack("!BBH", _TEXT, 126, size) + payload
    return struct.pack("!BBQ", _TEXT, 127, size) + payload
