"""Wallet life as ccxt.pro's binance, unmodified and at its production URLs, meets it: C-329 to C-339."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import ccxt.pro
import pytest

from tests.contract.ccxt_kit import OPTIONS
from tests.contract.gate_kit import Gated, tell
from tests.simexchange.exchange_kit import MINUTE, START
from tradepool.simexchange.tls import TlsFiles
from tradepool.simexchange.wallet import Wallet

DAY = 86_400_000
BTC = Decimal(1)


def wallet_of(running: Gated) -> tuple[Wallet, Any]:
    """The venue's wallets and the account."""
    return running.venue.wallet, running.venue.account("key")


async def states(client: Any, method: str) -> list[tuple[str, str]]:
    """Binance's number and ccxt's word for each row."""
    return [(str(row["info"]["status"]), row["status"]) for row in await getattr(client, method)()]


def test_a_deposit_comes_in_three_steps(files: TlsFiles) -> None:
    """C-329: a deposit is pending (0), then credited (6) and usable, then a success (1); its times and txId are told."""

    async def story(running: Gated) -> None:
        wallet, account = wallet_of(running)
        client, venue = running.client(), running.venue
        made = wallet.deposit(account, "BTC", BTC, START, credit_after_ms=MINUTE, unlock_after_ms=2 * MINUTE)
        assert await states(client, "fetch_deposits") == [("0", "pending")]
        for time_ms, state, free in (
            (START + MINUTE - 1, ("0", "pending"), 10),
            (START + MINUTE, ("6", "ok"), 11),
            (START + 2 * MINUTE, ("1", "ok"), 11),
        ):
            venue.pass_time(time_ms)
            assert await states(client, "fetch_deposits") == [state]
            assert (await client.fetch_balance())["BTC"]["free"] == free
        row = (await client.fetch_deposits("BTC"))[0]
        assert (row["id"], row["txid"], row["amount"], row["currency"]) == (str(made.id), made.tx_id, BTC, "BTC")
        assert (row["timestamp"], row["network"], row["address"]) == (START, "BTC", "sim-1-BTC")
        assert row["info"]["completeTime"] == START + 2 * MINUTE

    tell(story, files)


def test_deposits_are_paged(files: TlsFiles) -> None:
    """C-330: deposits by coin, status, limit and offset, the newest first as the venue lists them."""

    async def story(running: Gated) -> None:
        wallet, account = wallet_of(running)
        client, venue = running.client(), running.venue
        for number in range(5):
            venue.pass_time(START + number)
            wallet.deposit(account, "ETH" if number == 2 else "BTC", BTC, venue.now_ms, credit_after_ms=number // 4)
        raw = [await client.sapi_get_capital_deposit_hisrec({"limit": 2, "offset": offset}) for offset in (0, 2, 4, 6)]
        assert [[row["insertTime"] - START for row in page] for page in raw] == [[4, 3], [2, 1], [0], []]
        assert [row["timestamp"] - START for row in await client.fetch_deposits(limit=3)] == [2, 3, 4]
        assert [row["timestamp"] - START for row in await client.fetch_deposits("ETH")] == [2]
        assert [row["timestamp"] - START for row in await client.fetch_deposits(since=START + 3)] == [3, 4]
        pending = await client.sapi_get_capital_deposit_hisrec({"status": 0})
        assert [row["insertTime"] - START for row in pending] == [4]

    tell(story, files)


def test_lists_look_back_90_days(files: TlsFiles) -> None:
    """C-331: without times a list shows 90 days; more between startTime and endTime is -4047."""

    async def story(running: Gated) -> None:
        wallet, account = wallet_of(running)
        client, venue = running.client(), running.venue
        wallet.deposit(account, "BTC", BTC, START)
        wallet.withdraw(account, "BTC", BTC, START)
        venue.pass_time(START + 90 * DAY)
        assert len(await client.fetch_deposits()) == len(await client.fetch_withdrawals()) == 1
        venue.pass_time(START + 90 * DAY + 1)
        assert await client.fetch_deposits() == await client.fetch_withdrawals() == []
        assert len(await client.fetch_deposits(since=START)) == len(await client.fetch_withdrawals(since=START)) == 1
        wide = {"startTime": START, "endTime": START + 90 * DAY + 1}
        for name in ("deposit_hisrec", "withdraw_history"):
            with pytest.raises(ccxt.pro.BadRequest, match=r"-4047.*Time interval must be within 0-90 days"):
                await getattr(client, f"sapi_get_capital_{name}")(wide)

    tell(story, files)


def test_a_withdrawal_leaves_at_once_and_completes_later(files: TlsFiles) -> None:
    """C-332: a withdrawal takes amount and fee when asked for, is processing (4), then completed (6) with its txId."""

    async def story(running: Gated) -> None:
        wallet, account = wallet_of(running)
        client, venue = running.client(), running.venue
        made = wallet.withdraw(account, "BTC", BTC, START, fee=Decimal("0.25"), address="bc1", done_after_ms=MINUTE)
        assert (await client.fetch_balance())["BTC"]["free"] == 9
        row = (await client.fetch_withdrawals("BTC"))[0]
        assert (row["status"], row["info"]["status"], row["txid"], row["timestamp"]) == ("pending", 4, None, START)
        assert (row["amount"], row["info"]["transactionFee"], row["address"]) == (Decimal("0.75"), "0.25000000", "bc1")
        venue.pass_time(START + MINUTE)
        row = (await client.fetch_withdrawals("BTC"))[0]
        assert (row["status"], row["info"]["status"], row["txid"]) == ("ok", 6, made.tx_id)
        assert row["info"]["completeTime"] == "2023-11-14 22:14:00"
        assert await client.fetch_withdrawals("ETH") == []

    tell(story, files)


def test_a_rejected_withdrawal_comes_back(files: TlsFiles) -> None:
    """C-333: a rejected withdrawal (3) gives the money back, fee and all."""

    async def story(running: Gated) -> None:
        wallet, account = wallet_of(running)
        client, venue = running.client(), running.venue
        wallet.withdraw(account, "BTC", BTC, START, fee=Decimal("0.1"), done_after_ms=MINUTE, rejected=True)
        assert (await client.fetch_balance())["BTC"]["free"] == 9
        venue.pass_time(START + MINUTE)
        assert await states(client, "fetch_withdrawals") == [("3", "failed")]
        assert (await client.fetch_balance())["BTC"]["free"] == 10

    tell(story, files)


def test_transfers_move_and_are_paged(files: TlsFiles) -> None:
    """C-334: money moves between the account's wallets; fetch_transfers lists one direction, by page."""

    async def story(running: Gated) -> None:
        wallet, account = wallet_of(running)
        client, venue = running.client(), running.venue
        for number in range(1, 6):
            venue.pass_time(START + number)
            wallet.transfer(account, "MAIN", "UMFUTURE", "USDT", Decimal(number), venue.now_ms)
        wallet.transfer(account, "UMFUTURE", "MAIN", "USDT", Decimal(4), venue.now_ms)
        assert (await client.fetch_balance())["USDT"]["free"] == 1000 - 15 + 4
        out = await client.fetch_transfers("USDT", limit=2)
        assert [(row["amount"], row["fromAccount"], row["toAccount"], row["status"]) for row in out] == [
            (4, "spot", "linear", "ok"),
            (5, "spot", "linear", "ok"),
        ]
        back = await client.fetch_transfers(params={"fromAccount": "linear", "toAccount": "spot"})
        assert [row["amount"] for row in back] == [4]
        pages = [
            await client.sapi_get_asset_transfer({"type": "MAIN_UMFUTURE", "size": 2, "current": page})
            for page in (1, 2, 3, 4)
        ]
        assert [[row["amount"] for row in page["rows"]] for page in pages] == [
            ["5.00000000", "4.00000000"], ["3.00000000", "2.00000000"], ["1.00000000"], [],
        ]  # fmt: skip
        assert {page["total"] for page in pages} == {5}
        assert await client.sapi_get_asset_transfer({"type": "MAIN_FUNDING"}) == {"total": 0}
        running.key("mover", universal_transfer=True)
        for kind, words in (("UMFUTURE_MAIN", "-5002"), ("MAIN_MAIN", "-1100")):
            with pytest.raises(ccxt.pro.BaseError, match=words):
                await running.client("mover").sapi_post_asset_transfer({"type": kind, "asset": "USDT", "amount": "12"})

    tell(story, files)


def test_dust_becomes_bnb(files: TlsFiles) -> None:
    """C-335: a conversion turns all that is free of some assets into BNB, less 2 %; fetch_my_dust_trades lists it."""

    async def story(running: Gated) -> None:
        client = running.client()
        wallet, account = wallet_of(running)
        wallet.deposit(account, "ETH", Decimal("0.0003"), START)
        done = await client.sapi_post_asset_dust({"asset": "ETH,USDT"})
        # 0.0003 ETH at 10 and 1,000 USDT, in BNB at 5.
        assert (done["totalServiceCharge"], done["totalTransfered"]) == ("4.00001200", "196.00058800")
        balance = await client.fetch_balance()
        assert (balance["ETH"]["free"], balance["USDT"]["free"], balance["BNB"]["free"]) == (
            0,
            0,
            Decimal("196.000588"),
        )
        trades = await client.fetch_my_dust_trades()
        assert [(each["symbol"], each["side"], each["amount"], each["cost"]) for each in trades] == [
            ("ETH/BNB", "sell", Decimal("0.0003"), Decimal("0.000588")),
            ("BNB/USDT", "buy", Decimal(196), Decimal(1000)),
        ]
        assert trades[0]["info"]["serviceChargeAmount"] == "0.00001200"
        log = await client.sapi_get_asset_dribblet()
        assert (log["total"], len(log["userAssetDribblets"][0]["userAssetDribbletDetails"])) == (1, 2)
        with pytest.raises(ccxt.pro.BaseError, match="has no price in BNB"):
            await client.sapi_post_asset_dust({"asset": "DOGE"})

    tell(story, files)


def test_dividends_are_listed(files: TlsFiles) -> None:
    """C-336: dividends raise the balance and are listed by asset and limit, the newest first."""

    async def story(running: Gated) -> None:
        wallet, account = wallet_of(running)
        client = running.client()
        running.venue.pass_time(START + 3)
        for number in range(1, 4):
            asset = "BTC" if number == 2 else "NEWCOIN"
            wallet.pay_dividend(account, asset, Decimal(number), START + number, "Launchpool")
        told = await client.sapi_get_asset_assetdividend({"limit": 2})
        assert [(row["asset"], row["amount"]) for row in told["rows"]] == [
            ("NEWCOIN", "3.00000000"),
            ("BTC", "2.00000000"),
        ]
        assert (told["total"], told["rows"][0]["enInfo"], told["rows"][0]["divTime"]) == (3, "Launchpool", START + 3)
        assert (await client.sapi_get_asset_assetdividend({"asset": "BTC"}))["total"] == 1
        assert (await client.fetch_balance())["NEWCOIN"]["free"] == 4

    running = tell(story, files)
    assert running.balances("key")["BTC"][0] == 12


def test_the_user_stream_tells_wallet_life(files: TlsFiles) -> None:
    """C-337: a deposit and a withdrawal are told as balanceUpdate and outboundAccountPosition, when they happen."""

    async def story(running: Gated) -> None:
        wallet, account = wallet_of(running)
        client, venue = running.client(), running.venue
        seen: list[dict[str, Any]] = []
        original = client.handle_balance

        def note(socket: Any, message: dict[str, Any]) -> None:
            seen.append(message)
            client.balance.setdefault("spot", {})
            original(socket, message)

        client.handle_balance = note
        await client.load_markets()
        await client.authenticate()
        wallet.deposit(account, "BTC", BTC, START, credit_after_ms=MINUTE // 3)
        wallet.withdraw(account, "USDT", Decimal(100), START)
        while venue.now_ms < START + MINUTE // 2:
            venue.step()
        await running.until(lambda: len(seen) == 4)
        assert [(each["e"], each.get("d"), each["E"]) for each in seen] == [
            ("balanceUpdate", "-100.00000000", START),
            ("outboundAccountPosition", None, START),
            ("balanceUpdate", "1.00000000", START + MINUTE // 3),
            ("outboundAccountPosition", None, START + MINUTE // 3),
        ]
        assert [each["a"] for each in seen if "a" in each] == ["USDT", "BTC"]
        assert seen[3]["B"] == [{"a": "BTC", "f": "11.00000000", "l": "0.00000000"}]
        assert client.balance["spot"]["BTC"]["free"] == 11

    tell(story, files)


def test_coins_and_fees_are_told(files: TlsFiles) -> None:
    """C-338: load_markets with currencies, fetch_trading_fees, commission, the BNB switch and getUserAsset."""

    async def story(running: Gated) -> None:
        client = running.client(options=OPTIONS | {"fetchCurrencies": True})
        await client.load_markets()
        assert set(client.currencies) >= {"BTC", "ETH", "BNB", "USDT"}
        coin = client.currencies["BTC"]
        assert (coin["active"], coin["deposit"], coin["withdraw"]) == (True, True, True)
        fees = await client.fetch_trading_fees()
        assert (fees["BTC/USDT"]["maker"], fees["BTC/USDT"]["taker"]) == (Decimal("0.001"), Decimal("0.001"))
        assert (await client.fetch_trading_fee("ETH/USDT"))["taker"] == Decimal("0.001")
        commission = await client.private_get_account_commission({"symbol": "BTCUSDT"})
        assert commission["standardCommission"]["taker"] == "0.00100000"
        assert commission["discount"]["enabledForAccount"] is False
        assert (await client.sapi_get_bnbburn())["spotBNBBurn"] is False
        assert (await client.sapi_post_bnbburn({"spotBNBBurn": "true"}))["spotBNBBurn"] is True
        assert running.venue.account("key").fees.asset == "BNB"
        assert (await client.private_get_account_commission({"symbol": "BTCUSDT"}))["discount"]["enabledForAccount"]
        with pytest.raises(ccxt.pro.BadRequest, match="-1102"):
            await client.sapi_post_bnbburn({"spotBNBBurn": "maybe"})
        assets = await client.sapiv3_post_asset_getuserasset()
        assert {row["asset"]: row["free"] for row in assets} == {"USDT": "1000.00000000", "BTC": "10.00000000"}
        assert [row["asset"] for row in await client.sapiv3_post_asset_getuserasset({"asset": "BTC"})] == ["BTC"]

    tell(story, files)


def test_the_system_is_normal(files: TlsFiles) -> None:
    """C-339: fetch_status says ok, without a key."""

    async def story(running: Gated) -> None:
        assert (await running.client(None).fetch_status())["status"] == "ok"

    tell(story, files)
