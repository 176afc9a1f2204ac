"""The short form of the campaign of kills: real processes, real sockets, real files, kill -9."""

from __future__ import annotations

import importlib.util
from collections import Counter
from pathlib import Path
from types import ModuleType

import pytest

from vonage_messages.ledger import State

from .programs import run_python

PROGRAM = Path(__file__).parent.parent.parent / "benchmarks" / "campaign_kills.py"


def load() -> ModuleType:
    spec = importlib.util.spec_from_file_location("campaign_kills", PROGRAM)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


campaign_kills = load()


@pytest.mark.parametrize(
    ("scenario", "rounds", "rows"),
    [("sender", 2, 600), ("simulator", 2, 600), ("disk", 1, 800), ("corrupt", 1, 200)],
)
async def test_no_row_is_lost_and_none_is_sent_twice(scenario: str, rounds: int, rows: int) -> None:
    options = ("--rounds", str(rounds), "--rows", str(rows), "--only", scenario)
    code, output, errors = await run_python(PROGRAM, *options)
    assert code == 0, output + errors
    assert output.startswith(scenario)


@pytest.mark.parametrize(
    ("left", "fault"),
    [
        ([0, 3, 8], None),
        ([0, 0, 3], "only 1 of 3 kills hit a send"),
        ([0, 3, 9], "9 rows were on their way at once"),
    ],
)
def test_kills_that_hit_too_little_or_too_much_are_faults(left: list[int], fault: str | None) -> None:
    findings = campaign_kills.Findings("made up")
    campaign_kills.count_hits(findings, left, 3, 8)
    assert findings.faults == ([] if fault is None else [fault])


def faults(states: dict[str, State], *accepted: str, bound: int = 1) -> list[str]:
    findings = campaign_kills.Findings("made up")
    campaign_kills.compare(findings, states, Counter(accepted), 2, bound)
    return list(findings.faults)


A, D = State.ACCEPTED, State.IN_DOUBT


@pytest.mark.parametrize(
    ("states", "accepted", "fault"),
    [
        ({"row-0": A, "row-1": A}, ("row-0", "row-1"), None),
        ({"row-0": A, "row-1": D}, ("row-0", "row-1"), None),
        ({"row-0": A, "row-1": D}, ("row-0",), None),
        ({"row-0": A, "row-1": A}, ("row-0", "row-1", "row-1"), "sent twice"),
        ({"row-0": A, "row-1": A}, ("row-0",), "count as accepted, and are not"),
        ({"row-0": A}, ("row-0",), "are lost"),
        ({"row-0": A, "row-1": State.PENDING}, ("row-0", "row-1"), "does not know"),
        ({"row-0": A, "row-1": State.FAILED}, ("row-0",), "neither accepted nor in doubt"),
        ({"row-0": D, "row-1": D}, (), "are in doubt, and 1 may be"),
    ],
)
def test_every_disagreement_with_the_log_is_a_fault(
    states: dict[str, State], accepted: tuple[str, ...], fault: str | None
) -> None:
    found = faults(states, *accepted)
    assert not found if fault is None else any(fault in each for each in found)
