"""The short form of the fuzz campaign (``make campaign-fuzz``), and that it sees what it looks for."""

from __future__ import annotations

import importlib
import random
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
NAMES = ("fuzz_webhooks", "fuzz_targets", "campaign_fuzz")
INPUTS = {"webhooks": 400, "payloads": 400, "limits": 200}
"""How many inputs a door gets here; the others 1,000."""


@pytest.fixture(scope="module")
def programs() -> Iterator[SimpleNamespace]:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(BENCHMARKS))
        yield SimpleNamespace(**{name: importlib.import_module(name) for name in NAMES})
    for name in NAMES:
        sys.modules.pop(name, None)


def test_no_door_breaks_its_promise(programs: SimpleNamespace) -> None:
    for name in programs.fuzz_targets.TARGETS:
        figures = programs.campaign_fuzz.run_block(name, 0, INPUTS.get(name, 1_000), seed=3)
        assert figures.breaches == []
        # The mutations neither spare the door nor close it: some inputs are taken and some are not.
        assert len(figures.outcomes) >= 2
        assert max(figures.outcomes.values()) < figures.inputs


def test_block_is_repeated_by_its_number(programs: SimpleNamespace) -> None:
    target = programs.fuzz_targets.TARGETS["signatures"]()
    made = [[target.make(chance) for _ in range(20)] for chance in (random.Random("1/a"), random.Random("1/a"))]  # noqa: S311
    assert made[0] == made[1]
    assert made[0] != [target.make(random.Random("1/b")) for _ in range(20)]  # noqa: S311  repeatable


def test_forgery_that_is_taken_is_a_breach(programs: SimpleNamespace) -> None:
    target = programs.fuzz_targets.TARGETS["signatures"]()
    token, body = target._genuine[-1]
    target._verifier = SimpleNamespace(verify=lambda _headers, _body: SimpleNamespace(payload_hash=""))
    for given in (({"Authorization": f"Bearer {token}"}, body + b" "), ({"Authorization": "Bearer e30.e30."}, body)):
        with pytest.raises(programs.fuzz_targets.BreachError, match="what was not signed is taken"):
            target.examine(given, random.Random(1))  # noqa: S311  repeatable


def test_campaign_lists_each_door_and_fails_where_one_raises(
    programs: SimpleNamespace, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    campaign = programs.campaign_fuzz
    work = list(campaign.blocks(100_000, None, 1))
    assert {name for name, *_ in work} == set(programs.fuzz_targets.TARGETS)
    assert sum(count for _, _, count, _ in work) == 100_000

    class Broken(programs.fuzz_targets.Target):  # type: ignore[misc, name-defined]  known when it runs
        name, share = "broken", 1

        def make(self, chance: random.Random) -> Any:
            return chance.randrange(4)

        def examine(self, given: Any, chance: random.Random) -> str:  # noqa: ARG002  as every target
            return f"{1 // given}"

    monkeypatch.setattr(campaign, "target_named", lambda _: Broken())
    figures = campaign.run_block("broken", 0, 40)
    assert 0 < figures.outcomes["breach"] < 40
    assert len(figures.breaches) == campaign.MOST_BREACHES
    campaign.report({"broken": figures}, 1.0)
    printed = capsys.readouterr().out
    assert f"40 inputs in 1 s, {figures.outcomes['breach']} breaches" in printed
    assert "broken, block 0, input" in printed
    assert "ZeroDivisionError" in printed
