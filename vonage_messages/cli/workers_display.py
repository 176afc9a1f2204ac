"""What ``workers`` shows: how everything stands, and what a demo has counted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich import box
from rich.table import Table
from rich.text import Text

from vonage_messages.cli.bulk_display import show_sentence

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rich.console import Console

    from vonage_messages.cli.workers_demo import Found
    from vonage_messages.workers.standing import Standing, Worker

_GOOD, _BAD = "green", "bold red"


def show_standing(standing: Standing, console: Console) -> None:
    """Print how everything stands: rows, then jobs, then workers."""
    rows = _table("Rows", "")
    for state, number in standing.rows.items():
        rows.add_row(str(state).replace("_", " "), f"{number:,}")
    console.print(rows)
    jobs = ", ".join(f"{number:,} {status}" for status, number in sorted(standing.jobs.items())) or "none"
    console.print(f"\nBatches that wait: {standing.waiting_batches:,}. Jobs: {jobs}.\n", soft_wrap=True)
    if not standing.workers:
        show_sentence("No worker has shown a sign of life.", console, _BAD)
        return
    table = _table("Worker", "Jobs", "Silent for", "")
    for worker in standing.workers:
        table.add_row(str(worker.id), str(worker.jobs), f"{worker.silent_for:.0f} s", _life(worker))
    console.print(table)


def show_demo(found: Found, console: Console) -> None:
    """Print what a demo has counted, and whether that is as it should be."""
    console.print()
    table = _table("What became of them", "Messages", "")
    for line in found.lines():
        mark = "" if line.right is None else "as it should be" if line.right else "WRONG"
        table.add_row(line.what, f"{line.number:,}", Text(mark, style=_GOOD if line.right else _BAD))
    console.print(table)
    console.print()
    if found.as_expected:
        sentence = "Every message is accounted for, and none was requested twice."
        show_sentence(sentence, console, _GOOD)
    else:
        show_sentence("That is not as it should be.", console, _BAD)


def _life(worker: Worker) -> Text:
    return Text("alive", style=_GOOD) if worker.alive else Text("dead", style=_BAD)


def _table(first: str, *others: str) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    table.add_column(first, overflow="fold")
    for heading in _but_for_remarks(others):
        table.add_column(heading, justify="right")
    if others[-1:] == ("",) and len(others) > 1:
        table.add_column("")
    return table


def _but_for_remarks(headings: tuple[str, ...]) -> Iterable[str]:
    return headings[:-1] if len(headings) > 1 and not headings[-1] else headings
