"""``OptOuts``: STOP on a router is heard, kept, shared, and asked for before each send."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from vonage_messages import (
    ConfigurationError,
    OptedOutError,
    OptOutFile,
    OptOutRecord,
    OptOuts,
    RcsText,
    Sms,
    StoreUnavailableError,
    Tracker,
    WhatsappText,
    Wish,
)
from vonage_messages.receiving import Receiver
from vonage_messages.webhooks import (
    InboundMessage,
    Router,
    SignatureVerifier,
    parse_inbound,
    parse_status,
    sign_webhook,
)

ANNA, BOB, US, OTHER = "447700900000", "447700900001", "12345", "67890"


def inbound(text: str = "STOP", **more: Any) -> InboundMessage:
    body = {"channel": "sms", "message_type": "text", "message_uuid": "one", "from": ANNA, "to": US, "text": text}
    return parse_inbound({**body, "timestamp": "2026-11-23T09:26:00Z", **more})


def sms(to: str = ANNA, from_: str = US, **more: Any) -> Sms:
    return Sms(to=to, from_=from_, text="Hello", **more)


class Time:
    now = 0.0

    def __call__(self) -> float:
        return self.now


async def test_stop_is_heard_on_a_router_and_start_takes_it_back() -> None:
    router = Router()
    opt_outs, tracker = OptOuts(router), Tracker(router)
    heard: list[str] = []

    @router.otherwise()
    async def rest(event: Any) -> None:
        heard.append(event.channel)

    for event in (inbound("Hello"), inbound(), parse_status({"status": "read", "message_uuid": "b"})):
        for handler in router.match(event):
            await handler(event)
    assert len(heard) == 3
    assert tracker.waiting == 0
    assert (len(opt_outs), ANNA in opt_outs, BOB in opt_outs, 5 in opt_outs) == (1, True, False, False)
    with pytest.raises(
        OptedOutError, match=r"^to: 44\*+00 has opted out of your messages\. The message was not sent\.$"
    ):
        opt_outs.admit(sms())
    opt_outs.admit(sms(BOB))
    assert await opt_outs.observe(inbound("unstop")) is Wish.OPT_IN
    opt_outs.admit(sms())
    assert ANNA not in repr(opt_outs)
    assert opt_outs


@pytest.mark.parametrize("per_sender", [False, True])
async def test_start_from_before_the_stop_that_comes_late_takes_nothing_back(per_sender: bool) -> None:
    opt_outs = OptOuts(per_sender=per_sender)
    await opt_outs.observe(inbound("STOP", timestamp="2026-11-23T09:26:00Z"))
    assert await opt_outs.observe(inbound("STOP", timestamp="2026-11-23T09:10:00Z")) is Wish.OPT_OUT
    assert await opt_outs.observe(inbound("START", timestamp="2026-11-23T09:20:00Z")) is None
    assert opt_outs.covers(ANNA, US)
    assert await opt_outs.observe(inbound("START", timestamp="2026-11-23T09:30:00Z")) is Wish.OPT_IN
    assert not opt_outs.covers(ANNA, US)


@pytest.mark.parametrize("per_sender", [False, True])
@pytest.mark.parametrize("sender", [None, US])
async def test_start_from_before_an_opt_out_by_hand_takes_nothing_back(per_sender: bool, sender: str | None) -> None:
    clock = datetime(2026, 11, 23, 9, 26, tzinfo=UTC).timestamp
    opt_outs = OptOuts(per_sender=per_sender, clock=clock)
    await opt_outs.opt_out("+44 7700 900000", sender=sender)
    assert await opt_outs.observe(inbound("START", timestamp="2026-11-23T09:20:00Z")) is None
    assert opt_outs.covers(ANNA, US)
    assert await opt_outs.observe(inbound("START", timestamp="2026-11-23T09:30:00Z")) is Wish.OPT_IN
    assert not opt_outs.covers(ANNA, US)


async def test_start_to_one_sender_hears_nothing_of_what_was_said_to_another() -> None:
    opt_outs = OptOuts(per_sender=True)
    await opt_outs.observe(inbound("STOP", to=OTHER, timestamp="2026-11-23T09:26:00Z"))
    await opt_outs.observe(inbound("STOP", timestamp="2026-11-23T09:10:00Z"))
    assert await opt_outs.observe(inbound("START", timestamp="2026-11-23T09:20:00Z")) is Wish.OPT_IN
    assert (opt_outs.covers(ANNA, US), opt_outs.covers(ANNA, OTHER)) == (False, True)


async def test_failover_counts_as_well() -> None:
    opt_outs = OptOuts()
    await opt_outs.opt_out(BOB)
    with pytest.raises(OptedOutError) as caught:
        opt_outs.admit(RcsText(to=ANNA, from_="Acme", text="Hi", failover=[sms(), sms(BOB)]))
    assert (caught.value.path, caught.value.retryable, caught.value.maybe_sent) == ("failover[1].to", False, False)


async def test_one_sender_may_be_meant_alone() -> None:
    opt_outs = OptOuts(per_sender=True)
    await opt_outs.observe(inbound())
    assert opt_outs.covers(ANNA, US)
    assert not opt_outs.covers(ANNA, OTHER)
    opt_outs.admit(sms(from_=OTHER))
    with pytest.raises(OptedOutError):
        opt_outs.admit(sms())
    await opt_outs.opt_in(ANNA)
    opt_outs.admit(sms())


async def test_every_name_of_a_whatsapp_user_is_that_person() -> None:
    opt_outs = OptOuts()
    user = {"wa_id": ANNA, "user_id": "GB.13491208655302741918"}
    event = inbound(channel="whatsapp", whatsapp={"sender": user}, **{"from": user["user_id"]})
    await opt_outs.observe(event)
    for to in (ANNA, "GB.13491208655302741918"):
        with pytest.raises(OptedOutError):
            opt_outs.admit(WhatsappText(to=to, from_="14155550100", text="Hi"))


async def test_exempt_messages_go_out_and_other_readings_are_possible() -> None:
    opt_outs = OptOuts(
        exempt=lambda message: message.client_ref == "farewell",
        wish_of=lambda event: Wish.OPT_OUT if "genug" in event.content.text else None,  # type: ignore[union-attr]
    )
    assert await opt_outs.observe(inbound("STOP")) is None
    assert await opt_outs.observe(inbound("Jetzt ist es genug")) is Wish.OPT_OUT
    with pytest.raises(OptedOutError):
        opt_outs.admit(sms())
    opt_outs.admit(sms(client_ref="farewell"))


async def test_wishes_are_kept_in_a_file_and_found_there_again(tmp_path: Path) -> None:
    path = tmp_path / "opt-outs.txt"
    first = OptOuts(store=OptOutFile(path))
    await first.observe(inbound())
    await first.opt_out("+44 7700 900001", note="by letter")
    again = OptOuts(store=OptOutFile(path))
    assert [again.covers(each) for each in (ANNA, BOB, OTHER)] == [True, True, False]
    assert path.read_text(encoding="utf-8") == (f"{ANNA}  # STOP, sms, 2026-11-23T09:26:00+00:00\n{BOB}  # by letter\n")


async def test_what_another_process_writes_is_heard_of_within_a_second(tmp_path: Path) -> None:
    path, time = tmp_path / "opt-outs.txt", Time()
    ours, theirs = OptOuts(store=OptOutFile(path), monotonic=time), OptOuts(store=OptOutFile(path))
    await theirs.observe(inbound())
    ours.admit(sms())
    time.now = 1.0
    with pytest.raises(OptedOutError):
        ours.admit(sms())
    await theirs.observe(inbound("START"))
    time.now = 2.0
    ours.admit(sms())


class Fragile:
    """A store of one's own, which may fail."""

    def __init__(self) -> None:
        self.records: list[OptOutRecord] = []
        self.fails = False
        self.afresh = False

    def append(self, records: Iterable[OptOutRecord], /) -> None:
        if self.fails:
            raise StoreUnavailableError("no space")
        self.records += records

    def news(self) -> tuple[bool, Iterable[OptOutRecord]]:
        if self.fails:
            raise StoreUnavailableError("no disk")
        return True, list(self.records)


async def test_wish_that_cannot_be_kept_counts_all_the_same_and_is_asked_for_again(
    caplog: pytest.LogCaptureFixture,
) -> None:
    store, time = Fragile(), Time()
    opt_outs = OptOuts(store=store, monotonic=time)
    store.fails = True
    with pytest.raises(StoreUnavailableError):
        await opt_outs.observe(inbound())
    for time.now in (2.0, 4.0):
        with pytest.raises(OptedOutError):
            opt_outs.admit(sms())
    assert [record.levelno for record in caplog.records] == [logging.WARNING]
    store.fails = False
    time.now = 6.0
    assert opt_outs.covers(ANNA)
    await opt_outs.observe(inbound())
    assert [record.person for record in store.records] == [ANNA]


async def test_callback_is_answered_so_that_it_comes_again_where_it_could_not_be_kept() -> None:
    router, store = Router(), Fragile()
    opt_outs = OptOuts(router, store=store)
    receiver = Receiver(router, verifier=SignatureVerifier("secret" * 6))
    body = json.dumps(inbound().raw).encode()
    now = datetime.now(UTC)
    headers = sign_webhook(body, "secret" * 6, api_key="abcd1234", issued_at=now)
    store.fails = True
    assert (await receiver.receive(headers, body)).status == 500
    store.fails = False
    headers = sign_webhook(body, "secret" * 6, api_key="abcd1234", issued_at=now)
    assert (await receiver.receive(headers, body)).status == 200
    assert [record.person for record in store.records] == [ANNA]
    assert opt_outs.covers(ANNA)


async def test_many_wishes_at_once_are_all_kept(tmp_path: Path) -> None:
    opt_outs = OptOuts(store=OptOutFile(tmp_path / "a.txt"))
    numbers = [str(447700900000 + number) for number in range(50)]
    await asyncio.gather(*(opt_outs.observe(inbound(**{"from": number})) for number in numbers))
    assert len(OptOuts(store=OptOutFile(tmp_path / "a.txt"))) == len(opt_outs) == 50


class Backwards(ThreadPoolExecutor):
    """Runs two jobs, the later one first: threads come to a lock in any order."""

    first: tuple[Future[Any], Callable[[], object]] | None = None

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        if self.first is None:
            self.first = Future(), partial(fn, *args, **kwargs)
            return self.first[0]
        second = super().submit(fn, *args, **kwargs)
        wait([second])
        self.first[0].set_result(self.first[1]())
        return second


async def test_last_word_is_the_last_in_the_file_whichever_thread_comes_first(tmp_path: Path) -> None:
    path = tmp_path / "opted-out.txt"
    opt_outs = OptOuts(store=OptOutFile(path))
    asyncio.get_running_loop().set_default_executor(Backwards())
    start = inbound("START", message_uuid="one", timestamp="2026-11-23T09:25:00Z")
    stop = inbound("STOP", message_uuid="two")
    assert await asyncio.gather(opt_outs.observe(start), opt_outs.observe(stop)) == [Wish.OPT_IN, Wish.OPT_OUT]
    assert ANNA in OptOuts(store=OptOutFile(path))


def test_what_cannot_work_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="exempt must be a function, not int"):
        OptOuts(exempt=5)  # type: ignore[arg-type]
    path = tmp_path / "a.txt"
    path.write_text("two words\n", encoding="utf-8")
    with pytest.raises(ConfigurationError, match="line 1"):
        OptOuts(store=OptOutFile(path))


async def test_only_recipients_opt_out() -> None:
    opt_outs = OptOuts()
    with pytest.raises(ConfigurationError, match="a recipient must begin with the country code"):
        await opt_outs.opt_out("07700 900000")
    assert await opt_outs.observe(inbound(**{"from": ""})) is None
    assert len(opt_outs) == 0
