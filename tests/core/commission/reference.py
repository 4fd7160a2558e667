"""A second reading of the rules: the profit of an account in fractions, out of bare transfers, in forty lines."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from fractions import Fraction
from statistics import median

from tradepool.domain.ledger import LedgerEntry

# What a coin cost in another one at the end of the minute of a moment.
Close = Callable[[str, str, int], Fraction]


def profit(entries: Sequence[LedgerEntry], close: Close, ends_ms: int) -> Fraction:
    """In USDT, since the beginning: realised, and of open lots what they have lost."""
    held, have, cost, heard = (defaultdict[str, Fraction](Fraction) for _ in range(4))
    pnl = Fraction(0)
    for e in sorted((e for e in entries if e.time_ms < ends_ms), key=lambda e: e.time_ms):
        net, at, codes = defaultdict[str, Fraction](Fraction), e.time_ms, {t.code.value for t in e.transfers}
        for t in e.transfers:
            change = Fraction(t.amount) * ((t.debit.value == "venue") - (t.credit.value == "venue"))
            net[t.asset], held[t.asset] = net[t.asset] + change, held[t.asset] + change
        market, moved, moves = e.reference.partition(":")[2].rpartition(":")[0], Fraction(e.transfers[0].amount), []
        base, quote = pair(market)
        if codes & {"bought", "sold"}:
            part, money = (
                max(net[base], -have[market]),
                sum(v * close(a, quote, at) for a, v in net.items() if a != base),
            )
            moves.append((market, part, money * part / net[base]))
        elif "adopted" in codes:
            moves.append((market, moved, -moved * around(close, base, quote, at, range(-5, 6))))
        elif "released" in codes:
            part = min(max(Fraction(0), moved - heard.pop(market, Fraction(0))), have[market])
            moves.append((market, -part, part * around(close, base, quote, at, range(-4, 1)) * 999 / 1_000))
        for m in [m for m in have if pair(m)[0] in net]:
            coin, unit = pair(m)
            if (short := have[m] + sum(step for name, step, _ in moves if name == m) - held[coin]) > 0:
                paid = -net[coin] * close(coin, unit, at)
                if "dust" in codes:
                    paid = sum((v * around(close, a, unit, at, range(-5, 6)) for a, v in net.items() if v > 0), pnl * 0)
                paid = net[quote] * close(quote, unit, at) if "outside" in codes else paid
                moves, heard[m] = [*moves, (m, -short, short * paid / -net[coin])], heard[m] + short
        for m, step, worth in moves:
            gone = -worth if step > 0 else cost[m] * step / (have[m] or 1)
            have[m], cost[m] = have[m] + step, cost[m] + gone
            pnl += 0 if step > 0 else (worth + gone) * close(pair(m)[1], "USDT", at)
    for m, (base, quote) in ((m, pair(m)) for m in have):
        lost = have[m] * close(base, quote, ends_ms - 1) * 999 / 1_000 - cost[m]
        pnl += min(Fraction(0), lost) * close(quote, "USDT", ends_ms - 1)
    return pnl


def around(close: Close, coin: str, quote: str, at: int, minutes: range) -> Fraction:
    """The median of the closes of some minutes around a moment."""
    return median(close(coin, quote, at + n * 60_000) for n in minutes)


def pair(market: str) -> tuple[str, str]:
    """Base and quote."""
    base, _, quote = market.partition(":")[2].partition("/")
    return base, quote
