"""The short form of the campaign at the limits: real queues, real sockets, simulators in processes of their own."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

from vonage_messages.limits.rate import Rate

from .programs import run_python

PROGRAM = Path(__file__).parent.parent.parent / "benchmarks" / "campaign_limits.py"
LIMIT = Rate(10)


def load() -> ModuleType:
    spec = importlib.util.spec_from_file_location("campaign_limits", PROGRAM)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


campaign_limits = load()


async def run(*arguments: str) -> tuple[int | None, list[str]]:
    code, output, errors = await run_python("-W", "error", PROGRAM, *arguments)
    return code, [*output.splitlines(), *errors.splitlines()]


async def test_three_queues_use_the_published_limits_up_and_pass_none() -> None:
    code, lines = await run("--seconds", "2", "--waiting", "3000", "--busy")
    assert code == 0, lines
    assert [line.split()[0] for line in lines[1:]] == ["sms", "whatsapp", "senders"]
    assert all(" 0 refused" in line for line in lines[1:])


async def test_an_account_that_allows_less_makes_the_campaign_fail() -> None:
    code, lines = await run("--seconds", "0.5", "--waiting", "100", "--rate", "5", "--only", "sms")
    assert code == 1, lines
    assert any("requests were not accepted" in line for line in lines)


def test_a_pace_that_is_kept_is_early_by_nothing() -> None:
    assert campaign_limits.early_by([7 + number / 10 for number in range(50)], LIMIT, 7.0) == pytest.approx(0.0)


def test_what_comes_too_early_anywhere_is_found() -> None:
    instants = [number / 10 for number in range(50)]
    instants[30:] = [instant - 0.25 for instant in instants[30:]]
    assert campaign_limits.early_by(instants, LIMIT, 0.0) == pytest.approx(0.25)


def test_a_burst_is_none_where_the_queue_cannot_know_of_it() -> None:
    allowed = Rate(10, burst=5)
    assert campaign_limits.early_by([0.0] * 5, allowed, 0.0) == pytest.approx(0.4)
    assert campaign_limits.early_by([10.0] * 5, allowed, 0.0) <= 1e-9


@pytest.mark.parametrize(("left", "fault"), [(58, True), (59, False), (90, False), (91, True)])
def test_too_few_and_too_many_are_faults(left: int, fault: bool) -> None:
    assert bool([*campaign_limits.amount_faults(left, 2.0)]) is fault


def accepted(*places: int) -> list[object]:
    """Give the hot pairs' messages at *places* as the simulator would have seen them, one after the other."""
    messages = campaign_limits.campaigns(60)[1].messages
    return [campaign_limits.Came(at=float(at), status=202, message=messages[place]) for at, place in enumerate(places)]


@pytest.mark.parametrize(
    ("places", "fault"),
    [
        ((0, 1, 20, 21), None),
        ((1, 0, 21, 20), None),
        ((20, 0), "messages of one pair came in another order"),
        ((0, 20, 0), "1 messages came twice"),
    ],
)
def test_repetitions_and_the_wrong_order_are_faults(places: tuple[int, ...], fault: str | None) -> None:
    faults = [*campaign_limits.order_faults(campaign_limits.campaigns(60)[1], accepted(*places))]
    assert faults[:1] == ([] if fault is None else [fault])


def test_what_nobody_sent_is_a_fault() -> None:
    sms = campaign_limits.campaigns(60)[0].messages[0]
    came = [campaign_limits.Came(at=0.0, status=202, message=sms)]
    assert [*campaign_limits.order_faults(campaign_limits.campaigns(60)[1], came)] == ["messages came that nobody sent"]
