"""Numbers and times as text: exact for machines, short for people."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import ROUND_HALF_EVEN, Decimal

from tradepool.domain.mandate import EntryOrder, Limits

MS_PER_S = 1000
BLOCKS = "▁▂▃▄▅▆▇█"


def plain(number: Decimal) -> str:
    """A number as a plain decimal: no exponent, no zeros at the end, no negative zero.

    >>> plain(Decimal("1E+4")), plain(Decimal("60000.01000000")), plain(Decimal("-0.00"))
    ('10000', '60000.01', '0')
    """
    text = f"{number:f}"
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text in ("-0", "") else text


def iso(time_ms: int) -> str:
    """A time as ISO-8601 in UTC, with milliseconds only where there are any.

    >>> iso(1_704_067_200_000), iso(1_704_067_200_250)
    ('2024-01-01T00:00:00Z', '2024-01-01T00:00:00.250Z')
    """
    seconds, ms = divmod(time_ms, MS_PER_S)
    text = datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    return f"{text}.{ms:03}Z" if ms else f"{text}Z"


def minute(time_ms: int) -> str:
    """A time for people, to the minute.

    >>> minute(1_704_067_260_000)
    '2024-01-01 00:01'
    """
    return datetime.fromtimestamp(time_ms // MS_PER_S, UTC).strftime("%Y-%m-%d %H:%M")


def money(amount: Decimal, *, signed: bool = False) -> str:
    """An amount of the quote asset for people: two decimals, more where it would read as nothing.

    >>> money(Decimal("12345.678")), money(Decimal("-0.0042"), signed=True), money(Decimal(5), signed=True)
    ('12,345.68', '-0.0042', '+5.00')
    """
    small = amount != 0 and abs(amount) < Decimal("0.01")
    sign = "+" if signed else ""
    if small:
        return f"{_significant(amount, 2):{sign}f}"
    return f"{amount.quantize(Decimal('0.01'), ROUND_HALF_EVEN):{sign},f}"


def price_text(exact: str) -> str:
    """A price for people: ten digits of an average that has more than a venue's price could have; what is no number stays.

    >>> price_text("60000.01"), price_text("60000.01234567890123456789"), price_text("none")
    ('60000.01', '60000.01235', 'none')
    """
    return plain(_significant(Decimal(exact), 10)) if len(exact) > 16 and exact.replace(".", "").isdigit() else exact


def fees_text(fees: dict[str, Decimal]) -> str:
    """Fees by asset, those that were paid.

    >>> fees_text({"BTC": Decimal("0.0012345678"), "USDT": Decimal("3.2"), "ETH": Decimal(0)})
    '0.001235 BTC, 3.2 USDT'
    """
    paid = [f"{plain(_significant(amount, 4))} {asset}" for asset, amount in fees.items() if amount]
    return ", ".join(paid) or "none"


def percent(share: float, *, signed: bool = False) -> str:
    """A share of one as percent.

    >>> percent(0.1234), percent(-0.05, signed=True)
    ('12.3 %', '-5.0 %')
    """
    return f"{100 * share:{'+' if signed else ''}.1f} %"


def percent_of(rate: Decimal) -> str:
    """A rate as percent, with all its digits.

    >>> percent_of(Decimal("0.00075"))
    '0.075 %'
    """
    return f"{plain(rate * 100)} %"


def entry_texts(entry: EntryOrder) -> list[str]:
    """How entries are ordered, where it is not at market.

    >>> from tradepool.domain.mandate import EntryKind
    >>> entry_texts(EntryOrder(kind=EntryKind.IOC, slippage_max=Decimal("0.001"))), entry_texts(EntryOrder())
    (['entry ioc up to 0.1 % beyond the close'], [])
    """
    if not entry.limited:
        return []
    beyond = f" up to {percent_of(entry.slippage_max)} beyond" if entry.slippage_max else " at"
    return [f"entry {entry.kind}{beyond} the close"]


def limit_texts(limits: Limits) -> list[str]:
    """The limits there are, in a few words each.

    >>> limit_texts(Limits(order_notional_max=Decimal(500), daily_loss_max=Decimal("0.02"))), limit_texts(Limits())
    (['orders <= 500', "day's loss <= 2 %"], [])
    """
    texts = []
    if limits.order_notional_max is not None:
        texts.append(f"orders <= {plain(limits.order_notional_max)}")
    if limits.daily_loss_max is not None:
        texts.append(f"day's loss <= {percent_of(limits.daily_loss_max)}")
    known = ("order_notional_max", "daily_loss_max")
    texts += [
        f"{name.replace('_', ' ')} {plain(Decimal(value))}" for name, value in limits.named() if name not in known
    ]
    return texts


def duration(ms: int) -> str:
    """A length of time in its two largest units.

    >>> duration(90 * 60_000), duration(26 * 3_600_000), duration(30_000)
    ('1 h 30 min', '1 d 2 h', '30 s')
    """
    if ms < 60_000:
        return f"{ms // MS_PER_S} s"
    minutes = ms // 60_000
    days, hours, minutes = minutes // 1440, minutes // 60 % 24, minutes % 60
    parts = [(days, "d"), (hours, "h"), (minutes, "min")]
    first = next((i for i, (count, _) in enumerate(parts) if count), 2)
    return " ".join(f"{count} {unit}" for count, unit in parts[first : first + 2] if count) or "0 min"


def sparkline(values: Sequence[float], width: int) -> str:
    """Values as one line of blocks, the last value of each of `width` stretches.

    >>> sparkline([1, 2, 3, 4, 5, 6, 7, 8], 8), sparkline([3, 3], 4)
    ('▁▂▃▄▅▆▇█', '▄▄')
    """
    count = min(width, len(values))
    picked = [float(values[(index + 1) * len(values) // count - 1]) for index in range(count)]
    low, high = min(picked, default=0.0), max(picked, default=0.0)
    if high <= low:
        return BLOCKS[3] * count
    return "".join(BLOCKS[min(7, int(8 * (value - low) / (high - low)))] for value in picked)


def _significant(amount: Decimal, digits: int) -> Decimal:
    return amount if not amount else round(amount, digits - 1 - amount.adjusted())
