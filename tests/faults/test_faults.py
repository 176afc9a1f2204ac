"""Every fault of the network by its name: what it raises, whether that may be repeated, and what the platform saw."""

from __future__ import annotations

import asyncio
import importlib.util
import socket
import sys
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import AsyncExitStack
from pathlib import Path
from types import ModuleType
from typing import Any

import aiohttp
import pytest
from aiohttp.abc import AbstractResolver, ResolveResult

from vonage_messages import BasicAuth, Client, RetryPolicy, Sms, errors
from vonage_messages.simulator import Simulator
from vonage_messages.testing.loop_thread import LoopThread

HERE = Path(__file__).parent


def load(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"faults_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


campaign = load(HERE.parent.parent / "benchmarks" / "campaign_faults.py")
network, certificates = campaign.network, campaign.certificates
Strike = network.Strike

LONG = 60.0
"""Seconds that nothing takes which does not hang."""
ONCE = RetryPolicy(attempts=1)
REF = "the one that is struck"
SEEDS = {"client": 1, "queue": 2, "outbox": 3}


def strictly(work: Coroutine[Any, Any, None]) -> None:
    """Run *work* in asyncio's debug mode: it must leave no task, no socket and no file, and no error unheard."""
    heard: list[dict[str, Any]] = []

    async def watched() -> None:
        loop = asyncio.get_running_loop()
        loop.slow_callback_duration = LONG  # a busy machine is no fault
        loop.set_exception_handler(lambda _loop, context: heard.append(context))
        async with asyncio.timeout(LONG):
            await work
        await turns()
        assert asyncio.all_tasks() == {asyncio.current_task()}

    before = campaign.open_files()
    asyncio.run(watched(), debug=True)
    assert campaign.open_files() == before
    assert heard == []


class Tls:
    """What both sides need to speak TLS."""

    def __init__(self, folder: Path) -> None:
        self.authority = certificates.Authority(folder)
        self.contexts = campaign.contexts_of(self.authority)


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> Tls:
    return Tls(tmp_path_factory.mktemp("tls"))


def sms(ref: str = REF) -> Sms:
    return Sms(to="447700900000", from_="Acme", text="Hello", client_ref=ref)


async def turns() -> None:
    """Let everything be read that has arrived: it takes a loop no more than so many turns."""
    for _ in range(5):
        await asyncio.sleep(0)


async def expire(client: Client, lasts: asyncio.Event) -> None:
    """Let the patience of a client end when what tries it has begun: no clock decides what that meets."""
    await lasts.wait()
    await turns()
    transport = client._transport
    deadlines = transport._callers_deadlines or transport._sessions[asyncio.get_running_loop()].deadlines
    for deadline in list(deadlines._under_way):
        deadline.expire()


async def strike_and_go_on(strike: Any, tls: Any = None, *, callers_session: bool = False) -> None:
    """Send one message that is struck, and one after it that must not suffer from it."""
    async with AsyncExitStack() as stack:
        simulator = await stack.enter_async_context(Simulator(rate=None))
        proxy = await stack.enter_async_context(
            network.Proxy(simulator.url, network.Script(strike), certificates=None if tls is None else tls.contexts)
        )
        session = await stack.enter_async_context(aiohttp.ClientSession()) if callers_session else None
        proxy.repeats = asyncio.Event()
        auth = BasicAuth(simulator.api_key, simulator.api_secret)
        client = await stack.enter_async_context(
            Client(
                auth,
                base_url=f"http{'s' if tls is not None else ''}://127.0.0.1:{proxy.port}",
                session=session,
                ssl_context=None if tls is None else tls.authority.client_context(),
                retry=ONCE,
            )
        )
        patience = asyncio.create_task(expire(client, proxy.lasts)) if strike in network.LASTING else None
        try:
            sent = await client.send(sms())
        except errors.VonageMessagesError as error:
            check_error(error, strike)
        else:
            assert network.OUTCOMES[strike] == "SentMessage"
            assert sent.message_uuid == simulator.messages[0].message_uuid
        if patience is not None:
            await patience
        assert [seen.ref for seen in proxy.log] == [REF]
        assert len(simulator.messages) == (strike not in network.NOT_FORWARDED)
        if strike in {Strike.ANSWER_TWICE, Strike.ANSWER_AND_HALF_CLOSE}:
            proxy.repeats.set()
            await until_kept_connections_are_over(client, session)
        if strike is Strike.ANSWER_TWICE:
            with pytest.raises(errors.ConnectError, match="an answer before it was asked"):
                await client.send(sms("the next"))
        following = await client.send(sms("the next"))
        assert following.message_uuid == simulator.messages[-1].message_uuid
        assert [message.client_ref for message in simulator.messages].count("the next") == 1


async def until_kept_connections_are_over(client: Client, session: aiohttp.ClientSession | None) -> None:
    own = client._transport._sessions.get(asyncio.get_running_loop())
    connector: Any = (session or own.session).connector
    while not all(kept.should_close for pool in connector._conns.values() for kept, _ in pool):  # noqa: ASYNC110  nothing tells
        await asyncio.sleep(0.001)


def check_error(error: errors.VonageMessagesError, strike: Any) -> None:
    assert type(error).__name__ == network.OUTCOMES[strike]
    assert error.maybe_sent
    assert error.retryable is isinstance(error, errors.ResponseLostError)
    assert "Hello" not in f"{error}{error!r}{error.__cause__!r}"


@pytest.mark.each(
    ("strike", "callers_session"),
    [(strike, False) for strike in network.OF_REQUESTS]
    + [(strike, True) for strike in (Strike.NEVER_ANSWER, Strike.RESET_IN_ANSWER, Strike.ANSWER_TWICE)],
)
def test_request_that_is_struck_ends_as_it_should_and_the_next_one_arrives(strike: Any, callers_session: bool) -> None:
    strictly(strike_and_go_on(strike, callers_session=callers_session))


async def leave_in_the_dark(tls: Tls, *, cancel: bool) -> None:
    """Give up on a connection of which nothing is heard any more, and close the client."""
    script = network.Script(Strike.GO_DARK)
    async with (
        Simulator(rate=None) as simulator,
        network.Proxy(simulator.url, script, certificates=tls.contexts) as proxy,
    ):
        client = Client(
            BasicAuth(simulator.api_key, simulator.api_secret),
            base_url=f"https://127.0.0.1:{proxy.port}",
            ssl_context=tls.authority.client_context(),
        )
        sending = asyncio.create_task(client.send(sms()))
        await proxy.lasts.wait()
        own = client._transport._sessions[asyncio.get_running_loop()]
        connector: Any = own.session.connector
        (protocol,) = connector._acquired
        connection = protocol.transport.get_extra_info("socket")
        if cancel:
            sending.cancel()
        else:
            await expire(client, proxy.lasts)
        with pytest.raises(asyncio.CancelledError if cancel else errors.ResponseLostError):
            await sending
        await client.close()
        await turns()
        assert connection.fileno() == -1


@pytest.mark.each("cancel", [False, True])
def test_connection_that_went_dark_is_not_kept_to_say_goodbye(cancel: bool, tls: Tls) -> None:
    strictly(leave_in_the_dark(tls, cancel=cancel))


REFUSALS = {
    Strike.RESET_AT_ONCE: "127.0.0.1",
    Strike.RESET_IN_HANDSHAKE: "127.0.0.1",
    Strike.SILENT_HANDSHAKE: "it took too long",
    Strike.NO_TLS: "the TLS handshake failed",
    Strike.SELF_SIGNED: "its certificate is not trusted .self-signed certificate",
    Strike.EXPIRED: "its certificate is not trusted .certificate has expired",
    Strike.WRONG_HOST: "its certificate is not trusted .IP address mismatch",
}


async def refuse_and_go_on(strike: Any, tls: Tls, *, callers_session: bool) -> None:
    """Send one message whose connection is struck: it must not leave, and the next must not suffer from it."""
    script = network.Script(connections=[strike])
    async with AsyncExitStack() as stack:
        simulator = await stack.enter_async_context(Simulator(rate=None))
        proxy = await stack.enter_async_context(network.Proxy(simulator.url, script, certificates=tls.contexts))
        session = await stack.enter_async_context(aiohttp.ClientSession()) if callers_session else None
        client = await stack.enter_async_context(
            Client(
                BasicAuth(simulator.api_key, simulator.api_secret),
                base_url=f"https://127.0.0.1:{proxy.port}",
                session=session,
                ssl_context=tls.authority.client_context(),
                retry=ONCE,
            )
        )
        patience = asyncio.create_task(expire(client, proxy.lasts)) if strike in network.LASTING else None
        with pytest.raises(errors.ConnectError, match=REFUSALS[strike]) as caught:
            await client.send(sms())
        assert (caught.value.retryable, caught.value.maybe_sent) == (True, False)
        if patience is not None:
            await patience
        assert not proxy.log
        sent = await client.send(sms())
        assert [message.message_uuid for message in simulator.messages] == [sent.message_uuid]


@pytest.mark.each(
    ("strike", "callers_session"),
    [(strike, False) for strike in network.OF_CONNECTIONS]
    + [(Strike.SELF_SIGNED, True), (Strike.SILENT_HANDSHAKE, True)],
)
def test_connection_that_is_struck_lets_nothing_leave_and_the_next_message_arrives(
    strike: Any, callers_session: bool, tls: Tls
) -> None:
    strictly(refuse_and_go_on(strike, tls, callers_session=callers_session))


class Names(AbstractResolver):
    """Looks names up as a test says: an error that is raised, or an event that is waited for; then what is right."""

    def __init__(self, *script: Exception | asyncio.Event) -> None:
        self._script = list(script)
        self.asked = 0

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        self.asked += 1
        match self._script.pop(0) if self._script else None:
            case Exception() as error:
                raise error
            case asyncio.Event() as event:
                await event.wait()
        return [
            ResolveResult(
                hostname=host, host="127.0.0.1", port=port, family=family, proto=0, flags=socket.AI_NUMERICHOST
            )
        ]

    async def close(self) -> None:
        pass


async def with_names(
    names: Names, tls: Tls, work: Callable[[Client, Simulator], Awaitable[None]], **options: Any
) -> None:
    """Run *work* with a client that has to look the platform up."""
    connector = aiohttp.TCPConnector(resolver=names, use_dns_cache=False)
    async with (
        Simulator(rate=None) as simulator,
        network.Proxy(simulator.url, network.Script(), certificates=tls.contexts) as proxy,
        aiohttp.ClientSession(connector=connector) as session,
        Client(
            BasicAuth(simulator.api_key, simulator.api_secret),
            base_url=f"https://{certificates.HOST}:{proxy.port}",
            session=session,
            ssl_context=tls.authority.client_context(),
            **options,
        ) as client,
    ):
        await work(client, simulator)


@pytest.mark.each(
    "failure",
    [OSError("no such name"), socket.gaierror(-3, "try again"), TimeoutError(), UnicodeError("label too long")],
)
def test_name_that_is_not_found_lets_nothing_leave(failure: Exception, tls: Tls) -> None:
    async def send(client: Client, simulator: Simulator) -> None:
        with pytest.raises(errors.VonageMessagesError) as caught:
            await client.send(sms())
        assert not caught.value.maybe_sent
        assert isinstance(caught.value, errors.ConnectError) is isinstance(failure, OSError)
        assert not simulator.messages
        await client.send(sms())
        assert len(simulator.messages) == 1

    strictly(with_names(Names(failure), tls, send, retry=ONCE))


def test_name_that_is_found_the_second_time_costs_a_repetition(tls: Tls) -> None:
    names = Names(OSError("no such name"), OSError("no such name"))

    async def send(client: Client, simulator: Simulator) -> None:
        await client.send(sms())
        assert len(simulator.messages) == 1

    strictly(with_names(names, tls, send, retry=RetryPolicy(base_delay=0.001)))
    assert names.asked == 3


def test_lookup_goes_on_for_the_others_when_who_began_it_is_cancelled(tls: Tls) -> None:
    async def send(client: Client, simulator: Simulator) -> None:
        first, *others = [asyncio.create_task(client.send(sms(f"{number}"))) for number in range(3)]
        await turns()
        first.cancel()
        await turns()
        found.set()
        await asyncio.gather(*others)
        assert first.cancelled()
        assert sorted(str(message.client_ref) for message in simulator.messages) == ["1", "2"]

    found = asyncio.Event()
    strictly(with_names(Names(found), tls, send, retry=ONCE))


# Cancelling ------------------------------------------------------------------------------------------------------


async def cancel_after_each_turn(*, first_connection: bool, close: bool) -> None:
    """Cancel a send, or close its client, after so many turns of the loop: whatever it waits for just then."""
    async with Simulator(rate=None) as simulator:
        auth = BasicAuth(simulator.api_key, simulator.api_secret)
        turn, finished = 0, False
        client = Client(auth, base_url=simulator.url, retry=ONCE)
        while not finished:  # ends: a send takes so many turns
            if first_connection:
                await client.close()
            before = len(simulator.messages)
            task = asyncio.create_task(client.send(sms(f"cut {turn}")))
            for _ in range(turn):
                await asyncio.sleep(0)
            finished = task.done()
            if close:
                await client.close()
            else:
                task.cancel()
            await asyncio.wait([task])
            following = await client.send(sms(f"next {turn}"))
            refs = [str(message.client_ref) for message in simulator.messages]
            assert following.message_uuid == simulator.messages[-1].message_uuid
            assert refs[before:] in ([f"next {turn}"], [f"cut {turn}", f"next {turn}"])
            arrived = len(refs) - before == 2
            check_cut(task, arrived=arrived, close=close)
            turn += 1
        assert turn > 3
        await client.close()


def check_cut(task: asyncio.Task[Any], *, arrived: bool, close: bool) -> None:
    if task.cancelled():
        assert not close
    elif task.exception() is None:
        assert arrived
    else:
        error = task.exception()
        assert isinstance(error, errors.ConnectError if not arrived else errors.ResponseLostError) or (
            isinstance(error, errors.ResponseLostError) and error.maybe_sent
        )


@pytest.mark.each("close", [False, True])
@pytest.mark.each("first_connection", [False, True])
def test_send_that_is_cut_off_at_any_moment_disturbs_no_other(first_connection: bool, close: bool) -> None:
    strictly(cancel_after_each_turn(first_connection=first_connection, close=close))


# Some hundreds of sends ------------------------------------------------------------------------------------------


class InThread:
    """A platform in a thread of this process: to start an interpreter would take longer than the rest."""

    def __init__(self, folder: Path, scale: Any, *, throttles: bool) -> None:
        del throttles  # a second's wait for each
        self._loop = LoopThread()
        self._loop.start()
        self._platform = campaign.Platform(folder, scale, throttles=False)

    def start(self) -> int:
        port: int = self._loop.submit(self._platform.start()).result()
        return port

    def stop(self) -> Any:
        account = self._loop.submit(self._platform.stop()).result()
        self._loop.stop()
        return account


@pytest.mark.each("scenario", campaign.SCENARIOS)
def test_some_hundreds_of_sends_through_a_bad_network_are_neither_lost_nor_doubled(scenario: str) -> None:
    scale = campaign.Scale(sends=200, share=0.01, seed=SEEDS[scenario], patience=60, impatient=True)
    findings = campaign.run_scenario(scenario, scale, InThread, debug=True)
    assert findings.faults == [], findings
    assert findings.figures["sends"] == "200"


@pytest.mark.each(
    ("strike", "status", "ends"),
    [
        (None, 202, {"SentMessage"}),
        (None, 500, {"ServerError"}),
        (Strike.DELAY, 429, {"RateLimitedError"}),
        (Strike.RESET_AFTER_FORWARDING, 500, {"ResponseLostError"}),
        (Strike.TRUNCATE, 202, {"UnexpectedResponseError"}),
        (Strike.TRUNCATE, 500, {"ServerError"}),
        (Strike.LENGTH_TOO_SMALL, 202, {"UnexpectedResponseError"}),
        (Strike.LENGTH_TOO_SMALL, 500, {"ServerError", "UnexpectedResponseError"}),
    ],
)
def test_expected_end_follows_from_strike_and_status(strike: Any, status: int, ends: set[str]) -> None:
    assert campaign.expected_ends(strike, status) == ends


def test_comparison_finds_what_is_lost_doubled_and_mixed_up() -> None:
    accepted = {"0": ["a"], "1": ["b", "c"], "3": ["d"], "4": ["e"], "5": ["f"], "9": ["g"]}
    told = {
        "0": campaign.Told("SentMessage", True, "a"),
        "1": campaign.Told("SentMessage", True, "b"),  # twice
        "2": campaign.Told("SentMessage", True, "z"),  # lost
        "3": campaign.Told("ConnectError", False),  # and sent all the same
        "4": campaign.Told("SentMessage", True, "x"),  # the id of another
        "5": campaign.Told("ValidationError", True),  # of 202
    }  # and 6 was never told of, and 9 is nobody's
    seen = {ref: [(None, 202)] * len(ids) for ref, ids in accepted.items() if ref in told}
    findings = campaign.Findings("made up")
    campaign.compare(findings, told, campaign.Happened(accepted, seen, Counter()), 7)
    assert [fault.split(":")[0] for fault in findings.faults] == [
        "1 messages were never told of",
        "1 messages were accepted twice",
        "1 messages were accepted that nobody sent",
        "1 messages were called accepted, and are lost",
        "1 messages were given the id of another",
        "1 messages were called not sent, and were",
        "1 messages were sent again, although that could be twice",
        "2 messages ended otherwise than what struck them",
    ]


@pytest.mark.each(
    ("words", "in_time"),
    [
        ("it was sent, but not answered in time.", False),
        ("the answer was cut short", False),
        ("it took too long", False),
        ("the connection broke", True),
        ("None", True),
    ],
)
def test_words_tell_whether_the_answer_was_waited_for_to_its_end(words: str, in_time: bool) -> None:
    assert campaign.was_in_time(words) is in_time
