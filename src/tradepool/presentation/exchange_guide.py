"""How to reach a simulated exchange that is being served: what is printed when it opens, and its status line.

The programs are complete: saved as they are printed, they run.
"""

from __future__ import annotations

from dataclasses import dataclass
from string import Template

from rich.text import Text

from tradepool.presentation.formats import minute

MS_PER_HOUR = 3_600_000
BEGIN, END = "--- {name} ---", "--- end of {name} ---"

PYTHON = Template('''\
import asyncio
import socket
import ssl
import time

import aiohttp
import ccxt.pro
from aiohttp.abc import AbstractResolver

PORT = $port
CA_FILE = "$ca_file"
START_MS, BEGAN_S, SPEED = $start_ms, $began_s, $speed


class ToThisMachine(AbstractResolver):
    """Every host name leads to the simulated exchange: nothing can reach the real one."""

    async def resolve(self, host, port=0, family=socket.AF_INET):
        return [dict(hostname=host, host="127.0.0.1", port=PORT, family=socket.AF_INET, proto=0, flags=0)]

    async def close(self):
        pass


async def main():
    tls = ssl.create_default_context(cafile=CA_FILE)
    connector = aiohttp.TCPConnector(ssl=tls, resolver=ToThisMachine(), use_dns_cache=False)
    async with aiohttp.ClientSession(connector=connector) as session:
        exchange = ccxt.pro.binance({
            "apiKey": "$key",
            "secret": "$secret",
            "session": session,
            "ssl_context": tls,
            "options": {"fetchMarkets": {"types": ["spot"]}, "fetchCurrencies": False, "fetchMargins": False},
        })
        # The exchange's time, which may pass faster than yours.
        exchange.milliseconds = lambda: int(START_MS + (time.time() - BEGAN_S) * 1000 * SPEED)
        try:
            await exchange.load_markets()
            candles = await exchange.fetch_ohlcv("$symbol", "$timeframe", limit=3)
            print("last candles:", candles)
            print("free $quote:", (await exchange.fetch_balance())["$quote"]["free"])
            order = await exchange.create_order("$symbol", "market", "buy", $quantity)
            print("bought", order["filled"], "at", order["average"], "order", order["id"], order["status"])
        finally:
            await exchange.close()


asyncio.run(main())
''')

JAVASCRIPT = Template("""\
import { readFileSync } from 'node:fs'
import tls from 'node:tls'
import ccxt from 'ccxt'

const PORT = $port, CA = readFileSync ('$ca_file')
const START_MS = $start_ms, BEGAN_MS = $began_s * 1000, SPEED = $speed

// Every TLS connection of this process leads to the simulated exchange: nothing can reach the real one.
const connect = tls.connect
tls.connect = (options, ...more) => {
  const servername = options.servername || options.host
  return connect ({ ...options, host: '127.0.0.1', port: PORT, servername, ca: CA }, ...more)
}

const exchange = new ccxt.pro.binance ({
  apiKey: '$key',
  secret: '$secret',
  options: { fetchMarkets: { types: ['spot'] }, fetchCurrencies: false, fetchMargins: false },
})
// The exchange's time, which may pass faster than yours.
exchange.milliseconds = () => Math.floor (START_MS + (Date.now () - BEGAN_MS) * SPEED)

await exchange.loadMarkets ()
console.log ('last candles:', await exchange.fetchOHLCV ('$symbol', '$timeframe', undefined, 3))
console.log ('free $quote:', (await exchange.fetchBalance ())['$quote'].free)
const order = await exchange.createOrder ('$symbol', 'market', 'buy', $quantity)
console.log ('bought', order.filled, 'at', order.average, 'order', order.id, order.status)
await exchange.close ()
process.exit (0)
""")


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """An exchange that is open. `users` are (name, key, secret); `began_s` is the real time at `start_ms`.

    At `end_ms` of its own time its candles are over, and it closes; None where prices never end.
    """

    port: int
    control_port: int
    token: str
    ca_file: str
    folder: str
    users: list[tuple[str, str, str]]
    symbols: list[str]
    timeframe: str
    quote: str
    quantity: str
    cash: str
    scenario: str
    limits: str
    rules: str
    books: str
    start_ms: int
    end_ms: int | None
    began_s: float
    speed: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """An exchange at a moment; `weight` is what this machine's clients used this minute, None where nobody counts."""

    time_ms: int
    symbol: str
    price: str
    requests: int
    weight: int | None
    connections: int
    faults: int


def program(template: Template, opened: Opened) -> str:
    """A client in one of the languages."""
    _, key, secret = opened.users[0]
    return template.substitute(
        port=opened.port,
        ca_file=opened.ca_file,
        key=key,
        secret=secret,
        symbol=opened.symbols[0],
        timeframe=opened.timeframe,
        quote=opened.quote,
        quantity=opened.quantity,
        start_ms=opened.start_ms,
        began_s=repr(opened.began_s),
        speed=repr(opened.speed),
    )


def guide(opened: Opened) -> str:
    """What to do with it, as plain text."""
    users = "\n".join(
        f"  {name}: key {key}\n  {' ' * len(name)}  secret {secret}" for name, key, secret in opened.users
    )
    faults = f"-H 'X-Control-Token: {opened.token}' http://127.0.0.1:{opened.control_port}/faults"
    parts = [
        "PRACTICE - simulated exchange, play money; it listens on this machine only",
        f"Binance spot at 127.0.0.1:{opened.port} (TLS); trust {opened.ca_file}, keep every host name",
        f"markets  {', '.join(opened.symbols)}; candles of {opened.timeframe}; time passes {opened.speed:g} x",
        _ends(opened),
        f"scenario {opened.scenario}; limits {opened.limits}; rules {opened.rules}; books {opened.books}",
        f"accounts with {opened.cash} each:",
        users,
        f"control  http://127.0.0.1:{opened.control_port}  (/state, /accounts, /faults, /keys, /deposits ...)",
        f"  token  {opened.token}  (whoever has it owns the exchange), such as",
        f"""  curl -X POST {faults} -d '{{"kind": "late", "delay": "5s", "route": "POST *", "share": 0.5}}'""",
        f"  curl -X DELETE {faults}",
        "",
        _listed("client.py", program(PYTHON, opened)),
        _listed("client.mjs", program(JAVASCRIPT, opened)),
        f"Both programs are in {opened.folder} too. Ctrl-C ends the exchange.",
    ]
    return "\n".join(parts)


def _ends(opened: Opened) -> str:
    """When it closes, in its own time and in the reader's."""
    if opened.end_ms is None:
        return "prices are live: it closes when you close it"
    hours = (opened.end_ms - opened.start_ms) / opened.speed / MS_PER_HOUR
    lasts = f"{hours / 24:.1f} days" if hours >= 48 else f"{hours:.1f} hours"
    return f"candles end at {minute(opened.end_ms)} UTC, in {lasts} from now; then it closes"


def status_line(now: Status) -> Text:
    """One line, drawn again and again."""
    weight = "" if now.weight is None else f"   weight {now.weight:,}"
    faults = f"   faults {now.faults:,}" if now.faults else ""
    text = (
        f"{minute(now.time_ms)}   {now.symbol} {now.price}   requests {now.requests:,}{weight}"
        f"   connections {now.connections:,}{faults}"
    )
    return Text(text)


def _listed(name: str, code: str) -> str:
    return f"{BEGIN.format(name=name)}\n{code}{END.format(name=name)}\n"
