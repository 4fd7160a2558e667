"""Structured logs on standard error, with secrets taken out before anything is written.

A logger from here is safe from the first import on: redaction is part of the chain and not of anyone's care. Lines
of the standard library's `logging` (ccxt, aiohttp, asyncio) pass the same chain.
"""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Mapping, MutableMapping
from decimal import Decimal
from typing import Literal

import structlog
from structlog.typing import EventDict, FilteringBoundLogger, Processor, WrappedLogger

MASK = "***"

_WORDS = (
    r"x[-_]mbx[-_]apikey|api[-_]?key|api[-_]?secret|secret|signature|password|passphrase|token"
    r"|private[-_]?key|listen[-_]?key|authorization|cookie|totp"
)
_SECRET_KEY = re.compile(_WORDS, re.IGNORECASE)
# name=value, name: value, "name": "value", 'name': b'value'; the value ends at a blank, a quote or a separator.
_SECRET_PAIR = re.compile(
    rf"((?:{_WORDS})[\w-]*[\"']?\s*[=:]\s*)(?!bearer\b)(b?\"[^\"]*\"?|b?'[^']*'?|[^\s\"'&,;)}}\]]+)", re.IGNORECASE
)
_BEARER = re.compile(r"(\b(?:bearer|basic)\s+)[\w.~+/=-]{8,}", re.IGNORECASE)
_PRIVATE_KEY = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.DOTALL)


def redact_text(text: str) -> str:
    """The text with the values of secrets masked.

    >>> redact_text("GET /order?symbol=BTCUSDT&signature=9f8e7d&timestamp=1")
    'GET /order?symbol=BTCUSDT&signature=***&timestamp=1'
    >>> redact_text("{'X-MBX-APIKEY': 'vmPUZE6mv9SD'}, Authorization: Bearer abcdefgh12345")
    "{'X-MBX-APIKEY': ***}, Authorization: Bearer ***"
    """
    text = _PRIVATE_KEY.sub(MASK, text)
    text = _BEARER.sub(rf"\g<1>{MASK}", text)
    return _SECRET_PAIR.sub(rf"\g<1>{MASK}", text)


def redact_value(value: object) -> object:
    """The value with secrets masked: mappings and sequences inside, any other object as its redacted text.

    >>> redact_value({"apiKey": "abc", "orders": [{"note": "token=abc"}, 3]})
    {'apiKey': '***', 'orders': [{'note': 'token=***'}, 3]}
    """
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, str):
        return redact_text(value)
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, Mapping):
        return {key: MASK if _is_secret(key, held) else redact_value(held) for key, held in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [redact_value(held) for held in value]
    if isinstance(value, BaseException):
        return redact_text(f"{type(value).__name__}: {value}")
    return redact_text(repr(value))


def _is_secret(key: object, value: object) -> bool:
    """A name that speaks of a secret; a mere flag or None under it stays readable."""
    return not (value is None or isinstance(value, bool)) and _SECRET_KEY.search(str(key)) is not None


def redact(_logger: WrappedLogger, _method: str, event: EventDict) -> MutableMapping[str, object]:
    """The processor: every key and value of a log line, exception texts included."""
    return {key: MASK if _is_secret(key, value) else redact_value(value) for key, value in event.items()}


def logger(name: str) -> FilteringBoundLogger:
    """The logger of a module, named by its `__name__`."""
    bound: FilteringBoundLogger = structlog.get_logger(module=name)
    return bound


def configure(level: str = "INFO", style: Literal["console", "json"] = "console") -> None:
    """Send all logs from `level` up to standard error, for people (`console`) or for machines (`json`)."""
    threshold = logging.getLevelNamesMapping()[level.upper()]
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        # Text of the traceback only: the values of local variables would carry keys and balances.
        structlog.processors.format_exc_info,
        redact,
    ]
    structlog.configure(
        processors=[*shared, _renderer(style)],
        wrapper_class=structlog.make_filtering_bound_logger(threshold),
        logger_factory=_stderr_logger,
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(_Stderr())
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.add_logger_name, *shared],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, redact, _renderer(style)],
        )
    )
    logging.basicConfig(handlers=[handler], level=threshold, force=True)
    # Each opening of the database would be told in three lines.
    logging.getLogger("alembic").setLevel(max(threshold, logging.WARNING))


def _renderer(style: Literal["console", "json"]) -> Processor:
    if style == "json":
        return structlog.processors.JSONRenderer()
    return structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())


def _stderr_logger(*_arguments: object) -> structlog.PrintLogger:
    return structlog.PrintLogger(sys.stderr)


class _Stderr:
    """Whatever standard error is when a line is written, so that a redirected one is followed."""

    def write(self, text: str) -> int:
        return sys.stderr.write(text)

    def flush(self) -> None:
        sys.stderr.flush()


# From the first import on, before anybody has chosen: only warnings, and never onto standard output.
structlog.configure(
    processors=[
        structlog.processors.add_log_level,
        structlog.processors.format_exc_info,
        redact,
        structlog.dev.ConsoleRenderer(colors=False),
    ],
    wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING),
    logger_factory=_stderr_logger,
    cache_logger_on_first_use=False,
)
