"""
Ten million hostile inputs against every door of the package: you will see what came of them, and nothing else happen.

The doors stand in ``fuzz_targets.py``: webhooks, signatures, requests read back, answers of the platform, Retry-After,
phone numbers, SMS texts, documents of the older API, rows of campaigns, files of limits. Inputs come in blocks of
1,000, each from a chance of its own: ``--only webhooks --block 17`` runs one again. Two processes work on them. A
breach of what is promised is printed with its input, and makes the exit code 1. How long one input takes is reported,
in CPU time, and no reason to fail. Run: ``python benchmarks/campaign_fuzz.py [--inputs 10000000] [--json FILE]``.
"""

from __future__ import annotations

import argparse
import faulthandler
import json
import logging
import multiprocessing
import random
import sys
import time
import traceback
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import attrs
from fuzz_targets import TARGETS, Target, shown

BLOCK = 1000
INPUTS = 10_000_000
LONGEST_BLOCK = 600
"""Seconds after which a block that has not ended is taken to hang: its stack is printed, and the program ends."""

SHOWN_EVERY = 500_000
MOST_BREACHES = 5
"""How many breaches of one block are shown."""


@attrs.define
class Figures:
    """What came of the inputs of one door."""

    inputs: int = 0
    outcomes: Counter[str] = attrs.field(factory=Counter)
    seconds: float = 0.0
    """CPU time of the door itself, without the making of inputs."""

    slowest: float = 0.0
    slowest_input: str = ""
    breaches: list[str] = attrs.field(factory=list)

    def add(self, other: Figures) -> None:
        """Take in the figures of another block."""
        self.inputs += other.inputs
        self.outcomes += other.outcomes
        self.seconds += other.seconds
        self.breaches += other.breaches
        if other.slowest > self.slowest:
            self.slowest, self.slowest_input = other.slowest, other.slowest_input


@cache
def target_named(name: str) -> Target:
    """Make a target once in each process."""
    return TARGETS[name]()


def run_block(name: str, block: int, count: int = BLOCK, seed: int = 1) -> Figures:
    """Run one block of inputs. Whatever a door raises that it must not is kept with its input."""
    target, figures = target_named(name), Figures()
    chance = random.Random(f"{seed}/{name}/{block}")  # noqa: S311  a seed makes the run repeatable
    for number in range(count):
        given = target.make(chance)
        figures.inputs += 1
        begun = time.thread_time()
        try:
            outcome = target.examine(given, chance)
        except BaseException as error:
            if not isinstance(error, Exception):
                raise
            outcome = "breach"
            if len(figures.breaches) < MOST_BREACHES:
                where = f"{name}, block {block}, input {number}"
                lines = "".join(traceback.format_exception(error, limit=-6))
                figures.breaches.append(f"{where}: {shown(given)}\n{lines}")
        took = time.thread_time() - begun
        figures.outcomes[outcome] += 1
        figures.seconds += took
        if took > figures.slowest:
            figures.slowest, figures.slowest_input = took, shown(given)
    return figures


def blocks(inputs: int, only: str | None, seed: int) -> Iterator[tuple[str, int, int, int]]:
    """List what is to be run: the doors take turns, so that a run that is broken off has seen them all."""
    wanted = {name: cls.share for name, cls in TARGETS.items() if only in {None, name}}  # type: ignore[attr-defined]
    whole = sum(wanted.values())
    left = {name: max(1, inputs * share // whole) for name, share in wanted.items()}
    number = 0
    while left:
        for name in list(left):
            yield name, number, min(BLOCK, left[name]), seed
            left[name] -= BLOCK
            if left[name] <= 0:
                del left[name]
        number += 1


def run_guarded(work: tuple[str, int, int, int]) -> tuple[str, Figures]:
    """Run a block in a process of its own kind, which does not hang for good."""
    logging.disable()
    faulthandler.dump_traceback_later(LONGEST_BLOCK, exit=True)
    name, block, count, seed = work
    figures = run_block(name, block, count, seed)
    faulthandler.cancel_dump_traceback_later()
    return name, figures


def show_progress(figures: dict[str, Figures], just_now: int, seconds: float) -> None:
    """Say on standard error how far it is, whenever another half million inputs are done."""
    done = sum(each.inputs for each in figures.values())
    if done // SHOWN_EVERY != (done - just_now) // SHOWN_EVERY:
        breaches = sum(each.outcomes["breach"] for each in figures.values())
        print(f"{done:,} inputs, {breaches} breaches, {seconds:,.0f} s", file=sys.stderr, flush=True)


def report(figures: dict[str, Figures], seconds: float) -> None:
    """Print a table, and every breach."""
    print(f"{'door':<12}{'inputs':>12}{'µs each':>10}{'slowest ms':>12}  what came of them")
    for name, each in figures.items():
        outcomes = ", ".join(f"{count:,} {outcome}" for outcome, count in each.outcomes.most_common())
        mean = each.seconds / max(1, each.inputs) * 1e6
        print(f"{name:<12}{each.inputs:>12,}{mean:>10.1f}{each.slowest * 1e3:>12.1f}  {outcomes}")
    breaches = [breach for each in figures.values() for breach in each.breaches]
    total = sum(each.inputs for each in figures.values())
    broken = sum(each.outcomes["breach"] for each in figures.values())
    print(f"\n{total:,} inputs in {seconds:,.0f} s, {broken} breaches")
    for breach in breaches[:50]:
        print(f"\n{breach}")


def arguments(given: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n\n")[0])
    parser.add_argument("--inputs", type=int, default=INPUTS)
    parser.add_argument("--only", choices=sorted(TARGETS))
    parser.add_argument("--block", type=int, help="run one block of --only again")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there as well")
    options = parser.parse_args(given)
    if options.block is not None and options.only is None:
        parser.error("--block needs --only: each door has blocks of its own")
    return options


def main(given: Sequence[str] | None = None) -> int:
    """Run and print; 1 where a promise was broken."""
    options = arguments(given)
    begun = time.perf_counter()
    figures: dict[str, Figures] = {}
    work: Any = blocks(options.inputs, options.only, options.seed)
    if options.block is not None:
        work = [(options.only, options.block, BLOCK, options.seed)]
    with multiprocessing.get_context("spawn").Pool(options.processes) as pool:
        for name, found in pool.imap_unordered(run_guarded, work):
            figures.setdefault(name, Figures()).add(found)
            show_progress(figures, found.inputs, time.perf_counter() - begun)
    seconds = time.perf_counter() - begun
    report(figures, seconds)
    if options.json is not None:
        document = {"seconds": seconds, "doors": {name: attrs.asdict(each) for name, each in figures.items()}}
        options.json.write_text(json.dumps(document, indent=1), encoding="utf-8")
    return 1 if any(each.breaches for each in figures.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
