"""
Read what the tests covered, floor by floor, and end with an error where that is too little.

Knowledge (what waits for nothing, by the contract of that name in ``pyproject.toml``) is covered to the last branch,
and the whole package to 95 %. ``make coverage`` asks for both; ``--knowledge`` for the first alone.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import tomllib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import coverage

ROOT = Path(__file__).parents[1]
WAITS_FOR_NOTHING = "Knowledge of the API waits for nothing"
FLOORS = "A floor imports lower floors only"
LEAST_OF_ALL = 95.0
"""Percent of the lines and branches of the package."""


class Covered(NamedTuple):
    """How many lines and branches there are, and how many were passed."""

    there: int
    passed: int

    @property
    def percent(self) -> float:
        """How much of it was passed."""
        return 100.0 * self.passed / self.there if self.there else 100.0


def covered(summaries: Iterable[dict[str, Any]]) -> Covered:
    """Add up what is told of files."""
    there = passed = 0
    for each in summaries:
        there += each["num_statements"] + each["num_branches"]
        passed += each["covered_lines"] + each["covered_branches"]
    return Covered(there, passed)


def shortcomings(files: dict[str, Any], contracts: Sequence[dict[str, Any]], *, whole: bool) -> Iterator[str]:
    """Name what was not covered enough."""
    knowledge = next(each for each in contracts if each["name"] == WAITS_FOR_NOTHING)["source_modules"]
    for name, file in sorted(files.items()):
        if _is_in(name, knowledge) and (file["missing_lines"] or file["missing_branches"]):
            branches = ", ".join(f"{start}->{'exit' if end < 0 else end}" for start, end in file["missing_branches"])
            lines = ", ".join(map(str, file["missing_lines"]))
            yield f"{name}: not passed: {'; '.join(filter(None, (lines, branches)))}"
    percent = covered(each["summary"] for each in files.values()).percent
    if whole and percent < LEAST_OF_ALL:
        yield f"the package: {percent:.2f} % is less than {LEAST_OF_ALL:g} %"


def table(files: dict[str, Any], contracts: Sequence[dict[str, Any]]) -> Iterator[str]:
    """Tell of each floor, from the top, and of all."""
    floors = next(each for each in contracts if each["name"] == FLOORS)["layers"]
    rows = [(floor.replace("vonage_messages.", ""), [each.strip() for each in floor.split("|")]) for floor in floors]
    for title, modules in (*rows, ("all of it", ["vonage_messages"])):
        found = covered(file["summary"] for name, file in files.items() if _is_in(name, modules))
        yield f"{found.percent:7.2f} %  {found.passed:6} of {found.there:6}  {title}"


def _is_in(name: str, modules: Iterable[str]) -> bool:
    dotted = name.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
    return any(dotted == module or dotted.startswith(f"{module}.") for module in modules)


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table, then what falls short."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--knowledge", action="store_true", help="only what waits for nothing")
    options = parser.parse_args(arguments)
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    with tempfile.TemporaryDirectory() as folder:
        measured = coverage.Coverage()
        measured.load()
        measured.json_report(outfile=f"{folder}/covered.json")
        files: dict[str, Any] = json.loads(Path(folder, "covered.json").read_text())["files"]
    if not options.knowledge:
        for line in table(files, contracts):
            print(line)
    short = list(shortcomings(files, contracts, whole=not options.knowledge))
    for line in short:
        print(line, file=sys.stderr)
    return 1 if short else 0


if __name__ == "__main__":
    sys.exit(main())
