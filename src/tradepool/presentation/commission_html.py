"""A settled statement as one page that needs nothing else: no script, no font, no picture; it prints on A4."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from html import escape
from typing import Any

from tradepool.presentation.commission_page import moment

STYLE = """
body{font:14px/1.45 system-ui,sans-serif;max-width:62em;margin:2em auto;padding:0 1em;color:#1b1f24}
h1{font-size:1.5em;margin:0}h2{font-size:1.05em;margin:1.6em 0 .3em;border-bottom:1px solid #ccd}
table{border-collapse:collapse;width:100%}td,th{padding:.15em .8em .15em 0;text-align:left;vertical-align:top;font-variant-numeric:tabular-nums}
th{font-weight:600;color:#556}
.owed{font-size:1.3em;font-weight:600;margin:.6em 0}.rule{color:#667}.hash{font-family:monospace;overflow-wrap:anywhere}
.provisional{border:1px solid #b80;padding:.4em .8em;background:#fff8e6}
@page{size:A4;margin:16mm}@media print{body{margin:0;max-width:none;font-size:10px}tr{break-inside:avoid}}
"""
RULES = {
    "R1": "nothing before joining counts",
    "R2": "capital is never profit",
    "R3": "one rate for the whole profit",
    "R4": "the lowest capital around the opening",
    "R5": "a tier changes at the next opening",
    "R6": "open winners at cost",
    "R7": "open losers lower it at once",
    "R8": "leaving settles that day",
    "R9": "own coins never count",
    "R10": "sold by hand: own coins first",
    "R11": "withdrawn: at that minute's close",
    "R12": "fees in a third coin are a cost",
    "R13": "all accounts together",
    "R14": "gifts and dust are flows",
    "R15": "own transfers stay capital",
    "R16": "other coins at the median of eleven minutes",
    "R17": "other rates by consent",
    "R18": "the mark follows the user",
    "R19": "losses are carried",
    "R20": "a missing price can only lower it",
    "R21": "other currencies at the minute of the sale",
    "R22": "one floor, at the end",
    "R23": "late facts are a correction",
    "R24": "our faults are credited",
    "R25": "paying is no loss; play money is free",
    "R26": "unpaid keeps entries off, never exits",
    "R27": "this page, and its hash",
}


# What a schedule may set otherwise.
SET = {"R4": "the capital at the opening", "R6": "open winners at their price", "R13": "each account by itself"}


def _rules(schedule: Any) -> dict[str, str]:
    """What each rule says under a schedule."""
    set_ = {"R4": not schedule["tier_window_ms"], "R6": schedule["charges_open_winners"], "R13": not schedule["netted"]}
    return RULES | {rule: SET[rule] for rule, is_set in set_.items() if is_set}


def statement_html(text: str) -> str:
    """The same figures as the JSON, each part with the rules it goes by, and the hash they are checked by."""
    said = json.loads(text)
    currency, period = said["currency"], said["period"]
    tier = said["tier_capital"]
    window = f"{moment(tier['window_ms'][0])} to {moment(tier['window_ms'][1])}"
    figures = [
        ("profit since joining", said["pnl"], "R1 R2 R6 R7 R9 R19"),
        ("opening mark: the highest profit charged so far", said["opening_mark"], "R18 R23"),
        ("charged now", said["base"], "R22"),
        (f"tier capital, at {moment(tier['at_ms'])}, the lowest of {window}", tier["amount"], "R3 R4 R5 R13"),
        (f"rate, by the schedule {said['schedule']['name']}", said["rate"], "R3 R17"),
        ("commission", said["commission"], "R22"),
        ("closing mark", said["closing_mark"], "R18"),
    ]
    tiers = [
        (f"{'from' if included else 'above'} {least}", rate) for rate, least, included in said["schedule"]["tiers"]
    ]
    name, rules = escape(said["user"]), _rules(said["schedule"])
    return "\n".join(
        [
            f'<!doctype html><html lang="en"><meta charset="utf-8"><title>Commission {name}</title><style>{STYLE}</style>',
            f"<h1>Commission of {name}</h1>",
            f"<p>{moment(period['opened_ms'])} to {moment(period['closes_ms'])} UTC"
            f"{', from joining on' if period['joined'] else ''}; counted {moment(said['counted_ms'])} UTC.</p>",
            f'<p class="owed">{escape(said["commission"])} {escape(currency)}</p>',
            '<p class="provisional">Provisional (R20): a price was old or missing, which can only lower the commission.</p>'
            if said["provisional"]
            else "",
            _part("The result", "", ("", f"{currency}", "rules"), figures),
            _part("The schedule", "R3 R17", (f"capital, {currency}", "rate"), tiers),
            *_facts(said),
            _part("Every rule", "R27", ("rule", "what holds"), [(rule, rules[rule]) for rule in said["rules"]]),
            f'<p>Hash <span class="hash">{escape(said["hash"])}</span>. Count it again: tradepool commission statement '
            "--verify FILE, with the JSON of this statement.</p></html>",
        ]
    )


def _facts(said: Any) -> Iterable[str]:
    """Every fact that the result follows from."""
    currency = said["currency"]
    flows = [(moment(at), amount, kind, note) for at, amount, kind, note in said["flows"]]
    yield _part("Capital", "R2 R4 R12 R16", ("time, UTC", currency, "why", "what"), flows)
    if "accounts" in said:
        of_each = ("account", "opening mark", f"profit since joining, {currency}", "closing mark")
        yield _part("Accounts settled apart", "R13", of_each, said["accounts"])
    trades = [(moment(at), amount, " ".join(what)) for at, amount, *what in said["trades"]]
    yield _part("Sales since joining", "R8 R10 R11 R12 R14 R21", ("time, UTC", f"earned, {currency}", "what"), trades)
    yield _part("Fees since joining", "R12", ("asset", "amount"), said["fees"].items())
    lots = [
        (f"{each['quantity']} {each['asset']} ({each['market']})", each["cost"], each["price"], each["counted"])
        for each in said["open_lots"]
    ]
    held = ("lot", "it cost", "price at the end", f"counted, {currency}")
    yield _part("Open lots at the end", "R6 R7 R20", held, lots)
    moved = [
        (moment(at), amount, asset, value or "unknown", cause, way)
        for at, asset, amount, value, cause, way in said["movements"]
    ]
    head = ("time, UTC", "amount", "asset", f"worth, {currency}", "cause", "what became of it")
    yield _part("What came and left without an order, never profit", "R9 R14 R15 R16", head, moved)
    prices = [
        (market.partition(":")[2], moment(at), "none" if close is None else close, f"{age_s} s")
        for market, at, close, age_s in said["prices"]
    ]
    yield _part("Prices on record", "R20", ("market", "minute, UTC", "close", "age"), prices)
    books = [(account, str(until)) for account, until in said["books"].items()]
    yield _part("The books it was counted from", "R27", ("account", "up to event"), books)


def _part(title: str, rules: str, head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    cells = ["".join(f"<td>{escape(str(cell))}</td>" for cell in row) for row in rows]
    top = "".join(f"<th>{escape(name)}</th>" for name in head)
    body = f"<table><tr>{top}</tr>" + "".join(f"<tr>{row}</tr>" for row in cells) + "</table>"
    return f'<h2>{escape(title)} <span class="rule">{escape(rules)}</span></h2>{body if cells else "<p>none</p>"}'
