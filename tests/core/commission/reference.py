"""A second reading of the rules: the profit of an account in fractions, out of bare transfers, in forty lines."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from fractions import Fraction
from statistics import median

from tradepool.domain.ledger import LedgerEntry

# What a coin cost in another one at the end of the minute of a moment.
Close = Callable[[str, str, int], Fraction]
# R15: for a week what left is on its way, and not sold.
LEAVES, WEEK_MS = {"withdrawal", "moved"}, 7 * 86_400_000


def profit(entries: Sequence[LedgerEntry], close: Close, ends_ms: int, known_ms: int) -> Fraction:
    """In USDT, since the beginning: realised, and of open lots what they have lost; as it is known at a moment."""
    held, have, cost, heard, away, spent = (defaultdict[str, Fraction](Fraction) for _ in range(6))
    pnl = Fraction(0)
    # R23: a withdrawal that the venue sent back is known to have never left.
    flows = {e.reference.rpartition(":")[0]: e.id for e in entries}
    back = {id_ for name in flows if name + ":returned" in flows for id_ in (flows[name], flows[name + ":returned"])}
    for e in sorted((e for e in entries if e.time_ms < ends_ms and e.id not in back), key=lambda e: e.time_ms):
        net, at, codes = defaultdict[str, Fraction](Fraction), e.time_ms, {t.code.value for t in e.transfers}
        for t in e.transfers:
            change = Fraction(t.amount) * ((t.debit.value == "venue") - (t.credit.value == "venue"))
            net[t.asset], held[t.asset] = net[t.asset] + change, held[t.asset] + change
        market, moved, moves = e.reference.partition(":")[2].rpartition(":")[0], Fraction(e.transfers[0].amount), []
        base, quote = pair(market)
        if codes & {"bought", "sold"}:
            lot = max(net[base], -have[market])
            moves = [(market, lot, lot / net[base] * sum(v * close(a, quote, at) for a, v in net.items() if a != base))]
        elif "adopted" in codes:
            moves = [(market, moved, -moved * around(close, base, quote, at, range(-5, 6)))]
        elif "released" in codes:
            part = min(max(Fraction(0), moved - heard.pop(market, Fraction(0))), have[market])
            moves = [(market, -part, part * around(close, base, quote, at, range(-4, 1)) * 999 / 1_000)]
        for m, (coin, unit) in [(m, pair(m)) for m in have if pair(m)[0] in net]:
            if (short := have[m] + sum(step for name, step, _ in moves if name == m) - held[coin]) > 0:
                came = {**net, coin: Fraction(0)} if codes & {"dust", "outside"} else {coin: -net[coin]}
                near = range(-5, 6) if "dust" in codes else range(1)
                paid = sum(v * around(close, a, unit, at, near) for a, v in came.items()) / -net[coin]
                way = min(short, moved) / have[m] if codes & LEAVES and at >= known_ms - WEEK_MS else Fraction(0)
                away[m], spent[m], heard[m] = away[m] + way * have[m], spent[m] + way * cost[m], heard[m] + short
                moves.append((m, -short, short * paid + way * (cost[m] - have[m] * paid)))
        for m, step, worth in moves:
            gone = -worth if step > 0 else cost[m] * step / (have[m] or 1)
            have[m], cost[m] = have[m] + step, cost[m] + gone
            pnl += 0 if step > 0 else (worth + gone) * close(pair(m)[1], "USDT", at)
    for m, (base, quote) in ((m, pair(m)) for m in have):
        lost = (have[m] + away[m]) * close(base, quote, ends_ms - 1) * 999 / 1_000 - cost[m] - spent[m]
        pnl += min(Fraction(0), lost) * close(quote, "USDT", ends_ms - 1)
    return pnl


def around(close: Close, coin: str, quote: str, at: int, minutes: range) -> Fraction:
    """The median of the closes of some minutes around a moment."""
    return median(close(coin, quote, at + n * 60_000) for n in minutes)


def pair(market: str) -> tuple[str, str]:
    """Base and quote."""
    return market.partition(":")[2].partition("/")[::2]
