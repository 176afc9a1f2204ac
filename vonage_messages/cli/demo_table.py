"""
How a run of the demo looks: one table, three lists, one line.

At 80 columns a row is a line. A narrower terminal gets a table of two columns; nothing is ever cut off.
"""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

from rich import box
from rich.table import Table
from rich.text import Text

from vonage_messages.cli.terminal import printable

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rich.console import Console

    from vonage_messages.cli.rehearsal import Answered, Refused, Report
    from vonage_messages.cli.round_trip import Happening

_WIDE_ENOUGH = 72
"""Columns that the five-column table needs so that no row wraps."""

_NARROWEST = 20
"""Columns below which sentences are not broken any further."""

_GOOD = "green"
_BAD = "bold red"
_UUID_SHOWN = 8
_LONGEST_HAPPENING = 9
"""Characters of ``submitted``, ``delivered``."""


def show(report: Report, console: Console) -> None:
    """Print a whole report."""
    opening = (
        f"The simulator listened at {report.url}. The demo kept to {report.rate:g} requests a second, the limit of "
        "its simulated account (the platform's is 30)."
    )
    console.print(_wrapped(opening, console.width), soft_wrap=True)
    console.print()
    console.print(_table(report.answered, wide=console.width >= _WIDE_ENOUGH))
    _show_refused("Refused here, before anything was sent", report.found_here, console)
    _show_refused("Sent, and refused by the platform's rules", report.found_there, console)
    _show_round_trip(report.round_trip, console)
    console.print(_summary(report, console.width), soft_wrap=True)


def _table(answered: Iterable[Answered], *, wide: bool) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    if wide:
        for heading in ("Channel", "Type", "API", "Answer"):
            table.add_column(heading, overflow="fold")
        table.add_column("ms", justify="right")
    else:
        table.add_column("Message", overflow="fold")
        table.add_column("Answer", overflow="fold")
    for each in answered:
        answer = _answer(each)
        if wide:
            table.add_row(each.channel, each.what, each.version, answer, f"{each.duration * 1000:.1f}")
        else:
            table.add_row(f"{each.channel} {each.what} ({each.version})", answer)
    return table


def _answer(answered: Answered) -> Text:
    if not answered.as_expected:
        return Text(printable(answered.error), style=_BAD)
    return Text(f"{answered.status} {answered.message_uuid[:_UUID_SHOWN]}".rstrip(), style=_GOOD)


def _show_refused(heading: str, refused: Iterable[Refused], console: Console) -> None:
    console.print()
    console.print(Text(heading, style="bold"))
    for each in refused:
        console.print()
        console.print(_title(each))
        console.print(_wrapped(_sentence(each), console.width, indent="    "), soft_wrap=True)


def _show_round_trip(happenings: Iterable[Happening], console: Console) -> None:
    console.print()
    console.print(Text("There and back, every callback signed", style="bold"))
    console.print()
    for each in happenings:
        line = f"{each.what:<{_LONGEST_HAPPENING}}  {printable(each.detail)}"
        if not each.as_expected:
            line += " NOT AS EXPECTED"
        console.print(Text(_hanging(line, console.width), style="" if each.as_expected else _BAD), soft_wrap=True)


def _hanging(line: str, width: int) -> str:
    """Break a line; what does not fit stands below its second column, or further left where there is little room."""
    indent = " " * (_LONGEST_HAPPENING + 4) if width >= _WIDE_ENOUGH else "    "
    return textwrap.fill(line, max(width, 20), initial_indent="  ", subsequent_indent=indent, break_on_hyphens=False)


def _title(refused: Refused) -> Text:
    title = Text(f"  {refused.what}")
    if refused.retry_after is not None:
        title.append(f" (Retry-After: {refused.retry_after:g})")
    if not refused.as_expected:
        title.append(" NOT AS EXPECTED", style=_BAD)
    return title


def _sentence(refused: Refused) -> str:
    return printable(refused.sentence) or "Nothing refused it."


def _wrapped(sentence: str, width: int, indent: str = "") -> str:
    """Break a sentence into lines without blanks at their ends, which a pipe would keep."""
    return textwrap.fill(
        sentence, max(width, _NARROWEST), initial_indent=indent, subsequent_indent=indent, break_on_hyphens=False
    )


def _summary(report: Report, width: int) -> Text:
    parts = (
        f"{len(report.answered)} sent",
        f"{report.accepted} accepted and arrived as written",
        f"{report.refused} of {len(report.found_here) + len(report.found_there)} wrong ones refused as expected",
        f"{report.duration * 1000:.0f} ms",
    )
    summary = Text("\n" + _wrapped(", ".join(parts), width), style=_GOOD if report.as_expected else _BAD)
    if not report.as_expected:
        summary.append("\nNot everything was as expected: look for the red lines above.")
    return summary
