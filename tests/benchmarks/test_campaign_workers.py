"""The short form of the campaign of workers: real processes, PostgreSQL and Redis, kill -9."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

from .programs import run_python

PROGRAM = Path(__file__).parent.parent.parent / "benchmarks" / "campaign_workers.py"


SCENARIOS = [
    ("workers", 1),
    pytest.param("postgres", 1, marks=pytest.mark.long),
    pytest.param("redis", 1, marks=pytest.mark.long),
]


def load(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(PROGRAM.parent))
    spec = importlib.util.spec_from_file_location("campaign_workers", PROGRAM)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(("scenario", "kills"), SCENARIOS)
async def test_no_message_is_lost_and_none_is_requested_twice(scenario: str, kills: int) -> None:
    # So many batches that every worker has as many as it takes at a time, and some wait.
    options = ("--workers", "2", "--rows", "1000", "--kills", str(kills), "--rate", "500", "--only", scenario)
    code, output, errors = await run_python(PROGRAM, *options)
    assert code == 0, output + errors
    assert output.startswith(scenario)


@pytest.mark.parametrize(
    ("kills", "in_doubt", "faults"),
    [
        ([{1, 2}, {3, 4}], {2, 3}, []),
        ([{1, 2}, {3, 4}], {2}, ["only 1 of 2 kills hit a worker that was sending"]),
        ([], set(), []),
    ],
)
def test_kill_that_left_nothing_in_doubt_is_a_fault(
    kills: list[set[int]], in_doubt: set[int], faults: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    module = load(monkeypatch)
    findings = module.Findings("made up")
    module.count_hits(findings, kills, in_doubt)
    assert findings.faults == faults
