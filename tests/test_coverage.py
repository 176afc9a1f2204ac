"""What tests need not reach says why, and what they did not reach is told."""

from __future__ import annotations

import importlib.util
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "vonage_messages"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
CONTRACTS = PROJECT["tool"]["importlinter"]["contracts"]
WITH_A_REASON = re.compile(r"# pragma: no cover - \w[\w ,:']{9,}$")


def bounds() -> Any:
    spec = importlib.util.spec_from_file_location("coverage_bounds", ROOT / "benchmarks" / "coverage_bounds.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def of(statements: int, missing: list[int], branches: list[list[int]]) -> dict[str, Any]:
    counts = {"num_statements": statements, "covered_lines": statements - len(missing)}
    counts |= {"num_branches": 10, "covered_branches": 10 - len(branches)}
    return {"summary": counts, "missing_lines": missing, "missing_branches": branches}


def test_every_exclusion_says_its_reason_on_its_line() -> None:
    marked = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()}"
        for path in sorted(PACKAGE.rglob("*.py"))
        for number, line in enumerate(path.read_text().splitlines(), start=1)
        if "pragma:" in line and not WITH_A_REASON.search(line)
    ]
    assert marked == []


def test_every_pattern_of_exclusions_says_its_reason_on_its_line() -> None:
    settings = (ROOT / "pyproject.toml").read_text().partition("exclude_lines = [")[2].partition("\n]")[0]
    patterns = [line for line in settings.splitlines() if line.lstrip().startswith("'")]
    assert len(patterns) == len(PROJECT["tool"]["coverage"]["report"]["exclude_lines"])
    assert [line for line in patterns[1:] if "',  # " not in line] == []


@pytest.mark.parametrize(
    ("files", "whole", "expected"),
    [
        ({"vonage_messages/codes.py": of(100, [], [])}, True, []),
        (
            {"vonage_messages/wire/v1.py": of(100, [7], [[7, 9], [12, -3]])},
            False,
            ["vonage_messages/wire/v1.py: not passed: 7; 7->9, 12->exit"],
        ),
        ({"vonage_messages/clock.py": of(100, [7], [[7, 9]])}, True, []),
        ({"vonage_messages/clock.py": of(100, [1] * 6, [])}, True, ["the package: 94.55 % is less than 95 %"]),
        ({"vonage_messages/clock.py": of(100, [1] * 6, [])}, False, []),
    ],
)
def test_what_falls_short_is_named(files: dict[str, Any], whole: bool, expected: list[str]) -> None:
    assert list(bounds().shortcomings(files, CONTRACTS, whole=whole)) == expected


def test_every_floor_has_its_figure() -> None:
    files = {"vonage_messages/codes.py": of(100, [1], []), "vonage_messages/__init__.py": of(10, [], [])}
    lines = list(bounds().table(files, CONTRACTS))
    assert "  99.09 %     109 of    110  values | codes" in lines
    assert lines[-1] == "  99.23 %     129 of    130  all of it"
    assert len(lines) == len(CONTRACTS[0]["layers"]) + 1
