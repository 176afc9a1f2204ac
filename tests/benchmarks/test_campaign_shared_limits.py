"""The short form of the campaign at a shared limit: real processes, real servers, a simulator of its own."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

from .programs import run_python

PROGRAM = Path(__file__).parent.parent.parent / "benchmarks" / "campaign_shared_limits.py"


def load() -> ModuleType:
    spec = importlib.util.spec_from_file_location("campaign_shared_limits", PROGRAM)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # its classes look for their own module
    spec.loader.exec_module(module)
    return module


campaign = load()


@pytest.mark.parametrize("store", ["postgres", pytest.param("redis", marks=pytest.mark.long)])
async def test_four_processes_pass_no_shared_limit(store: str) -> None:
    """
    One limit of the account, and one of a sender. Where a second begins, each process may be put aside between its look
    at the clock and its first byte; how much of a limit is used, and how bunched it arrives, is up to the machine.
    """
    options = ("--seconds", "2.5", "--store", store, "--campaigns", "account-50", "sender-500")
    code, output, errors = await run_python("-W", "error", PROGRAM, *options, "--forgiven", "4", "--least-used", "0")
    lines = output.splitlines()
    assert (code, errors) == (0, ""), lines
    assert [line.split()[:2] for line in lines] == [[store, "account-50"], [store, "sender-500"]]
    assert all(int(line.split()[2].replace(",", "")) > 10 for line in lines)


def judged(begun: dict[str, float], arrived: list[tuple[str, float]], **how: float) -> list[str]:
    options = {"stall": 0.0, "forgiven": 0, "least_used": 0.0, **how}
    report = campaign.judge("redis", campaign.Campaign("account", 50), begun, arrived, 0.0, **options)
    return list(report.faults)


PACED = {str(number): number / 50 for number in range(200)}


def test_pace_that_is_kept_has_no_fault() -> None:
    assert judged(PACED, [*PACED.items()], least_used=0.9) == []


def test_processes_that_do_not_share_are_found() -> None:
    twice = PACED | {f"other {reference}": at for reference, at in PACED.items()}
    (too_many, begun, arrived) = judged(twice, [*twice.items()])
    assert "400 left in 3.98 s, and it should be 200" in too_many
    assert "102 were begun in one second" in begun
    assert "102 arrived in one second" in arrived


def test_bunch_that_the_simulator_could_not_see_apart_is_none() -> None:
    late = [(reference, max(at, 2.0) if at > 1.8 else at) for reference, at in PACED.items()]
    assert judged(PACED, late) == ["60 arrived in one second"]
    assert judged(PACED, late, stall=0.2) == []


@pytest.mark.parametrize(
    ("arrived", "fault"),
    [
        ([*PACED.items()][1:], "200 were begun, and 199 arrived: 199 different ones"),
        ([*PACED.items(), ("0", 9.0)], "200 were begun, and 201 arrived: 200 different ones"),
    ],
)
def test_lost_and_repeated_messages_are_found(arrived: list[tuple[str, float]], fault: str) -> None:
    assert judged(PACED, arrived) == [fault]


def test_limit_that_is_hardly_used_is_found() -> None:
    few = {reference: at for reference, at in PACED.items() if not int(reference) % 2}
    assert judged(few, [*few.items()], least_used=0.9) == ["only 51% of the limit were used"]
