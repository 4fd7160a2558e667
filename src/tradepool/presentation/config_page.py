"""The configuration in force, as the TOML file that would say the same."""

from __future__ import annotations

import json
from collections.abc import Mapping


def config_text(sections: Mapping[str, Mapping[str, object]]) -> str:
    """Sections and values as TOML.

    >>> print(config_text({"log": {"level": "info"}, "backtest": {"slippage_bp": 1}}))
    [log]
    level = "info"
    <BLANKLINE>
    [backtest]
    slippage_bp = 1
    """
    return "\n\n".join(
        "\n".join([f"[{name}]", *(f"{key} = {json.dumps(value)}" for key, value in values.items())])
        for name, values in sections.items()
    )
