"""What stands for a simulator in another thread has all that the simulator has, and does it over there."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal

import pytest

from vonage_messages import ConfigurationError, SimulatorError, WaitTimeoutError
from vonage_messages.clock import ManualClock
from vonage_messages.simulator import Simulator
from vonage_messages.testing import LoopThread, RunningSimulator, RunningWebhooks
from vonage_messages.testing.starting import let_call, made_simulator
from vonage_messages.webhooks.content import Text


@pytest.fixture(scope="module")
def loop() -> Iterator[LoopThread]:
    with LoopThread() as loop:
        yield loop


@pytest.fixture
def living() -> Simulator:
    return made_simulator({"rate": 10.0}, {"rate": None, "clock": "manual"})


@pytest.fixture
def simulator(loop: LoopThread, living: Simulator) -> Iterator[RunningSimulator]:
    loop.submit(living.start()).result()
    yield RunningSimulator(loop, living)
    loop.submit(living.stop()).result()


@pytest.fixture
def webhooks(loop: LoopThread, simulator: RunningSimulator) -> Iterator[RunningWebhooks]:
    webhooks = RunningWebhooks(loop, simulator)
    let_call(simulator, webhooks)
    yield webhooks
    webhooks.stop()


def test_it_has_every_public_name(simulator: RunningSimulator, living: Simulator) -> None:
    names = [name for name in dir(living) if not name.startswith("_")]

    assert set(names) <= set(dir(simulator))
    assert [name for name in names if not hasattr(simulator, name)] == []
    assert repr(simulator) == repr(living)


def test_what_is_private_stays_so(simulator: RunningSimulator) -> None:
    with pytest.raises(AttributeError, match="no public attribute '_dispatch'"):
        _ = simulator._dispatch


def test_a_later_option_counts(simulator: RunningSimulator) -> None:
    assert simulator.rate is None


def test_an_option_that_does_not_exist_is_named() -> None:
    with pytest.raises(ConfigurationError, match="colour"):
        made_simulator({"colour": "red"})


def test_everything_happens_in_the_thread_of_the_simulator(simulator: RunningSimulator) -> None:
    there = simulator.call(lambda _: threading.current_thread())
    heard: list[threading.Thread] = []
    simulator.state.journal.listen(lambda _: heard.append(threading.current_thread()))

    simulator.faults.add("throttle", count=1)
    simulator.fail(1022)
    simulator.clear()

    assert heard
    assert set(heard) == {there}


def test_its_parts_are_changed_over_there(simulator: RunningSimulator, living: Simulator) -> None:
    simulator.balance.amount = Decimal(5)
    simulator.faults.add("throttle")
    before = simulator.clock()
    simulator.advance(60).result()

    assert living.balance.amount == Decimal(5)
    assert (len(living.faults), len(simulator.faults)) == (1, 1)
    assert [each.fault.kind for each in simulator.faults] == ["throttle"]
    assert isinstance(living.clock, ManualClock)
    assert simulator.clock() == before + 60
    assert simulator.now - timedelta(seconds=60) < simulator.now


def test_an_attribute_that_is_misspelt_is_not_set(simulator: RunningSimulator) -> None:
    with pytest.raises(AttributeError, match="webhook"):
        simulator.webhook = None


def test_errors_come_back(simulator: RunningSimulator) -> None:
    with pytest.raises(SimulatorError, match="no inbound_url"):
        simulator.inbound(text="Hello").result()


def test_events_are_kept_in_order_and_may_be_forgotten(simulator: RunningSimulator, webhooks: RunningWebhooks) -> None:
    for text in ("one", "two"):
        simulator.inbound(text=text).result()

    def is_two(event: object) -> bool:
        return getattr(getattr(event, "content", None), "text", "") == "two"

    two = webhooks.wait_for_inbound(is_two).result()
    assert isinstance(two.content, Text)
    assert [event.content.text for event in webhooks.inbound if isinstance(event.content, Text)] == ["one", "two"]
    assert webhooks.statuses == []
    assert repr(webhooks) == f"<RunningWebhooks {webhooks.url}: 2 events>"

    webhooks.clear()
    assert webhooks.events == []


def test_who_waits_while_events_are_forgotten_hears_of_the_next(
    simulator: RunningSimulator, webhooks: RunningWebhooks
) -> None:
    both_were_asked_about = threading.Event()
    asked: list[object] = []

    def is_wanted(event: object) -> bool:
        asked.append(event)
        if len(asked) == 2:
            both_were_asked_about.set()
        return getattr(getattr(event, "content", None), "text", "") == "three"

    waiting = webhooks.wait_for_inbound(is_wanted)
    for text in ("one", "two"):
        simulator.inbound(text=text).result()
    assert both_were_asked_about.wait(60)
    webhooks.clear()
    simulator.inbound(text="three").result()

    assert getattr(waiting.result().content, "text", "") == "three"
    assert len(asked) == 3


def test_a_wait_that_is_in_vain_says_how_many_others_came(
    simulator: RunningSimulator, webhooks: RunningWebhooks
) -> None:
    simulator.inbound(text="one").result()

    with pytest.raises(WaitTimeoutError, match="within 0 seconds; those that came: 1"):
        webhooks.wait_for_status(timeout=0).result()


def test_a_handler_of_the_router_hears_too(simulator: RunningSimulator, webhooks: RunningWebhooks) -> None:
    heard: list[str] = []

    async def on_inbound(event: object) -> None:
        heard.append(type(event).__name__)

    webhooks.router.inbound()(on_inbound)
    simulator.inbound(text="one").result()

    assert heard == ["InboundMessage"]
