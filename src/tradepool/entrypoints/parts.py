"""The commands and groups of commands that have a file of their own, in the order `tradepool --help` may show them."""

from __future__ import annotations

from tradepool.entrypoints.audit_commands import audit_app
from tradepool.entrypoints.commission_commands import commission_app
from tradepool.entrypoints.data import data_app
from tradepool.entrypoints.exchange_commands import exchange_app
from tradepool.entrypoints.key_commands import keys_app
from tradepool.entrypoints.ledger_commands import ledger_app
from tradepool.entrypoints.signals import signals
from tradepool.entrypoints.universe import universe_app

PARTS = (data_app, exchange_app, keys_app, commission_app, ledger_app, audit_app, universe_app, signals)
