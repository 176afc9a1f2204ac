"""Release: what a person is told before, what is refused, and that each confirmation sends a message at most once."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path

import attrs
import pytest

from vonage_messages import Client, ConfigurationError, EmailText, MmsText, RawMessage, Sms, WhatsappText
from vonage_messages.simulator import Simulator
from vonage_messages.simulator.relay import Cost, Relay, ReleaseAnswer, ReleaseDesk, ReleaseRefusedError, recipients_of
from vonage_messages.values import JSONObject

ALLOWED = "447700900000"
HELLO = Sms(to=ALLOWED, from_="Acme", text="Hello")
ACCEPTED = ReleaseAnswer(accepted=True, status=202, message_uuid="real-1", said="It was accepted.", maybe_sent=True)


@attrs.define
class Platform:
    """Where messages would go for real: keeps what it is sent, and answers when it may."""

    sent: list[tuple[str, JSONObject]] = attrs.field(factory=list)
    may_answer: asyncio.Event = attrs.field(factory=asyncio.Event)
    began: asyncio.Event = attrs.field(factory=asyncio.Event)

    async def send(self, version: str, payload: JSONObject) -> ReleaseAnswer:
        self.sent.append((version, payload))
        self.began.set()
        await self.may_answer.wait()
        return ACCEPTED


@attrs.define
class Seconds:
    """A monotonic clock that is set."""

    now: float = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def platform() -> Platform:
    platform = Platform()
    platform.may_answer.set()
    return platform


@pytest.fixture
def monotonic() -> Seconds:
    return Seconds()


@pytest.fixture
async def simulator(platform: Platform, monotonic: Seconds) -> AsyncIterator[Simulator]:
    relay = Relay(
        send=platform.send,
        recipients=["+44 7700 900000", "ann@example.com"],
        destination="https://api.nexmo.com, account abcd1234",
        cost=lambda version, _: Cost(amount=Decimal("0.04"), currency="EUR") if version == "v1" else None,
    )
    async with Simulator(relay=relay, monotonic=monotonic, rate=None) as simulator:
        yield simulator


@pytest.fixture
async def client(simulator: Simulator) -> AsyncIterator[Client]:
    async with simulator.client() as client:
        yield client


@pytest.fixture
def desk(simulator: Simulator) -> ReleaseDesk:
    assert simulator.releases is not None
    return simulator.releases


async def test_without_a_relay_there_is_nothing_to_release_with() -> None:
    assert Simulator().releases is None


async def test_a_quote_tells_to_whom_through_what_and_for_how_much(
    client: Client, desk: ReleaseDesk, platform: Platform
) -> None:
    sent = await client.send(HELLO)

    quote = desk.quote(sent.message_uuid)

    assert quote.recipients == (ALLOWED,)
    assert quote.destination == "https://api.nexmo.com, account abcd1234"
    assert quote.cost == Cost(amount=Decimal("0.04"), currency="EUR")
    assert (quote.notes, quote.released) == ((), ())
    assert quote.token not in repr(quote)
    assert ALLOWED not in repr(quote)
    assert platform.sent == []


async def test_what_is_confirmed_is_sent_as_it_came(
    simulator: Simulator, client: Client, desk: ReleaseDesk, platform: Platform
) -> None:
    sent = await client.send(HELLO, api_version="v0.1")
    quote = desk.quote(sent.message_uuid)
    assert quote.cost is None

    release = await desk.release(sent.message_uuid, quote.token)

    assert release.answer == ACCEPTED
    assert platform.sent == [("v0.1", simulator.messages[0].payload)]
    assert desk.released(sent.message_uuid) == (release,)
    last = simulator.state.journal.since(simulator.state.journal.last - 1)
    assert last is not None
    assert (last[0].kind, last[0].subject) == ("release", sent.message_uuid)


async def refused(desk: ReleaseDesk, message_uuid: str, token: str, *, again: bool = False) -> ReleaseRefusedError:
    with pytest.raises(ReleaseRefusedError) as failure:
        await desk.release(message_uuid, token, again=again)
    return failure.value


async def test_a_quote_is_good_once(client: Client, desk: ReleaseDesk, platform: Platform) -> None:
    sent = await client.send(HELLO)
    quote = desk.quote(sent.message_uuid)
    await desk.release(sent.message_uuid, quote.token)

    assert "was used" in str(await refused(desk, sent.message_uuid, quote.token, again=True))
    assert len(platform.sent) == 1


async def test_a_quote_is_good_for_five_minutes(
    client: Client, desk: ReleaseDesk, platform: Platform, monotonic: Seconds
) -> None:
    sent = await client.send(HELLO)
    quote = desk.quote(sent.message_uuid)
    monotonic.now = 300

    assert "too old" in str(await refused(desk, sent.message_uuid, quote.token))
    assert platform.sent == []


async def test_a_quote_is_good_for_its_own_message(client: Client, desk: ReleaseDesk, platform: Platform) -> None:
    first, second = await client.send(HELLO), await client.send(HELLO)

    assert (await refused(desk, second.message_uuid, desk.quote(first.message_uuid).token)).status == 409
    assert (await refused(desk, first.message_uuid, "a guess")).status == 409
    assert platform.sent == []


async def test_a_released_message_goes_out_again_only_where_that_is_confirmed(
    client: Client, desk: ReleaseDesk, platform: Platform
) -> None:
    sent = await client.send(HELLO)
    release = await desk.release(sent.message_uuid, desk.quote(sent.message_uuid).token)
    quote = desk.quote(sent.message_uuid)
    assert quote.released == (release,)

    assert "released before" in str(await refused(desk, sent.message_uuid, quote.token))
    await desk.release(sent.message_uuid, quote.token, again=True)

    assert len(platform.sent) == 2


async def test_of_two_quotes_in_two_windows_one_is_good(client: Client, desk: ReleaseDesk, platform: Platform) -> None:
    sent = await client.send(HELLO)
    one, other = desk.quote(sent.message_uuid), desk.quote(sent.message_uuid)
    platform.may_answer.clear()
    first = asyncio.create_task(desk.release(sent.message_uuid, one.token))
    await platform.began.wait()

    assert "right now" in str(await refused(desk, sent.message_uuid, other.token))
    platform.may_answer.set()
    await first
    assert "after the quote was given" in str(await refused(desk, sent.message_uuid, other.token, again=True))
    assert len(platform.sent) == 1


async def test_a_release_that_is_broken_off_counts_as_one(
    client: Client, desk: ReleaseDesk, platform: Platform
) -> None:
    sent = await client.send(HELLO)
    platform.may_answer.clear()
    task = asyncio.create_task(desk.release(sent.message_uuid, desk.quote(sent.message_uuid).token))
    await platform.began.wait()

    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    (release,) = desk.released(sent.message_uuid)
    assert (release.answer.accepted, release.answer.maybe_sent) == (False, True)
    assert not desk.is_under_way(sent.message_uuid)


async def test_nobody_but_those_on_the_list_is_sent_to(client: Client, desk: ReleaseDesk) -> None:
    sent = await client.send(Sms(to="447700900009", from_="Acme", text="Hello"))

    with pytest.raises(ReleaseRefusedError, match=r"44\*+09 may not be sent to") as failure:
        desk.quote(sent.message_uuid)
    assert failure.value.status == 403


@pytest.mark.parametrize(
    "message",
    [
        WhatsappText(
            to=ALLOWED, from_="447700900001", text="Hi", failover=[Sms(to="447700900009", from_="A", text="Hi")]
        ),
        MmsText(to=ALLOWED, from_="14155550100", text="Hi", mms={"participants": ["447700900009"]}),
        EmailText(
            to="ann@example.com",
            from_="a@example.com",
            text="Hi",
            email={"subject": "Hi", "cc": [{"address": "ann@example.com"}], "bcc": [{"address": "eve@example.com"}]},
        ),
    ],
    ids=["failover", "group", "copy"],
)
async def test_everybody_it_may_reach_must_be_on_the_list(client: Client, desk: ReleaseDesk, message: Sms) -> None:
    sent = await client.send(message)

    with pytest.raises(ReleaseRefusedError, match="may not be sent to"):
        desk.quote(sent.message_uuid)


async def test_a_failover_chain_and_a_webhook_url_are_pointed_out(client: Client, desk: ReleaseDesk) -> None:
    sent = await client.send(
        WhatsappText(to=ALLOWED, from_="447700900001", text="Hi", webhook_url="https://example.com/hook"),
        failover=[HELLO],
    )

    quote = desk.quote(sent.message_uuid)

    assert quote.recipients == (ALLOWED,)
    assert "failover chain" in quote.notes[0]
    assert "https://example.com/hook" in quote.notes[1]


async def test_an_unknown_message_cannot_be_released(desk: ReleaseDesk) -> None:
    with pytest.raises(ReleaseRefusedError) as failure:
        desk.quote("an unknown one")
    assert failure.value.status == 404
    assert (await refused(desk, "an unknown one", "a token")).status == 404


async def test_a_message_that_was_cleared_away_cannot_be_released(
    simulator: Simulator, client: Client, desk: ReleaseDesk, platform: Platform
) -> None:
    sent = await client.send(HELLO)
    quote = desk.quote(sent.message_uuid)
    simulator.clear()

    assert (await refused(desk, sent.message_uuid, quote.token)).status == 404
    assert platform.sent == []


@pytest.mark.parametrize("recipients", [[], [" "], ["447700900000", ""]])
def test_a_relay_without_recipients_is_refused(platform: Platform, recipients: list[str]) -> None:
    with pytest.raises(ConfigurationError, match="at least one"):
        Relay(send=platform.send, recipients=recipients, destination="nowhere")


def test_recipients_are_found_wherever_they_stand() -> None:
    payload = RawMessage(
        {
            "to": "1",
            "email": {"cc": [{"address": "2", "name": "Two"}], "bcc": [{"name": "nobody"}]},
            "mms": {"participants": ["3", "4"]},
            "failover": [{"to": "5", "mms": {"participants": ["6"]}}],
        }
    ).payload

    assert list(recipients_of(payload, "1")) == ["1", "2", "3", "4", "5", "6"]


async def test_a_message_that_was_released_is_known_as_such_after_a_restart(platform: Platform, tmp_path: Path) -> None:
    file = tmp_path / "state.sqlite"
    relay = Relay(send=platform.send, recipients=[ALLOWED], destination="the platform")
    async with Simulator(relay=relay, keep=file) as simulator, simulator.client() as client:
        message_uuid = (await client.send(HELLO)).message_uuid
        assert simulator.releases is not None
        release = await simulator.releases.release(message_uuid, simulator.releases.quote(message_uuid).token)

    async with Simulator(keep=file):
        pass  # a start without a relay forgets nothing
    async with Simulator(relay=relay, keep=file) as simulator:
        desk = simulator.releases
        assert desk is not None
        assert desk.released(message_uuid) == (release,)
        with pytest.raises(ReleaseRefusedError, match="released before"):
            await desk.release(message_uuid, desk.quote(message_uuid).token)
    assert len(platform.sent) == 1


async def test_a_message_that_was_being_released_when_all_was_killed_counts_as_released(
    platform: Platform, tmp_path: Path
) -> None:
    found_after_the_kill = tmp_path / "after"
    platform.may_answer.clear()
    relay = Relay(send=platform.send, recipients=[ALLOWED], destination="the platform")
    folder = tmp_path / "before"
    folder.mkdir()
    async with Simulator(relay=relay, keep=folder / "state.sqlite") as simulator, simulator.client() as client:
        message_uuid = (await client.send(HELLO)).message_uuid
        assert simulator.releases is not None
        quote = simulator.releases.quote(message_uuid)
        work = asyncio.ensure_future(simulator.releases.release(message_uuid, quote.token))
        await platform.began.wait()
        shutil.copytree(folder, found_after_the_kill)
        platform.may_answer.set()
        await work

    async with Simulator(relay=relay, keep=found_after_the_kill / "state.sqlite") as simulator:
        assert simulator.releases is not None
        (release,) = simulator.releases.released(message_uuid)
        assert (release.answer.accepted, release.answer.maybe_sent) == (False, True)
