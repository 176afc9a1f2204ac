"""What ``bulk`` shows: the plan, the bar or the lines of a run, and where every row stands at its end."""

from __future__ import annotations

import textwrap
import time
import unicodedata
from typing import TYPE_CHECKING, Any

import attrs
from rich.console import Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from vonage_messages.cli.terminal import printable

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime
    from decimal import Decimal
    from types import TracebackType
    from typing import Self

    from rich.console import Console

    from vonage_messages.bulk.report import Standing
    from vonage_messages.bulk.screening import Held
    from vonage_messages.bulk.survey import Cost, Surprise, Survey
    from vonage_messages.sending.report import Progress, Report
    from vonage_messages.values import Seconds

_LINE_EVERY: Seconds = 5.0
_BAR_EVERY: Seconds = 0.1
_BRIEF = 3
_INDENT = 12
_UNITS = (("d", 86_400), ("h", 3600), ("min", 60), ("s", 1))
_MINUTE = 60


@attrs.frozen(kw_only=True)
class PlanView:
    """A survey, and what it is shown beside."""

    survey: Survey
    file: str
    limits: str
    """What the limits are called: their file, or ``the published limits``."""

    max_cost: Decimal | None = None
    max_messages: int | None = None


def show_plan(view: PlanView, console: Console, *, brief: bool = False) -> None:
    """Print the plan; *brief* names fewer of the rows that are left out."""
    for label, text, style in _plan_lines(view, _BRIEF if brief else None):
        begin = Text(label.ljust(_INDENT), style="bold")
        for line in _wrapped(Text(printable(text), style=style), console, indent=_INDENT):
            console.print(Text.assemble(begin, line), soft_wrap=True)
            begin = Text(" " * _INDENT)


def show_sentence(sentence: str, console: Console, style: str = "") -> None:
    """Print a sentence, broken between words, with no spaces at the end of a line."""
    for line in _wrapped(Text(printable(sentence), style=style), console):
        console.print(line, soft_wrap=True)


def _wrapped(text: Text, console: Console, *, indent: int = 0) -> Iterator[Text]:
    """Break a text between words. A path or a command that is longer than a line stays whole: it is to be copied."""
    width = max(console.width - indent, 2 * _INDENT)
    for line in textwrap.wrap(text.plain, width, break_long_words=False, break_on_hyphens=False):
        yield Text(line, style=text.style)


def plan_document(view: PlanView) -> dict[str, Any]:
    """Give the plan as a JSON object."""
    survey = view.survey
    return {
        "file": view.file,
        "rows": survey.rows,
        "messages": survey.messages,
        "channels": dict(survey.channels),
        "done": survey.done,
        "invalid": survey.invalid,
        "invalid_rows": [
            {"line": row.line, "row": row.number, "problems": [str(problem) for problem in row.problems]}
            for row in survey.invalid_rows
        ],
        "duplicates": survey.duplicates,
        "duplicate_lines": [{"line": line, "same_as_line": first} for line, first in survey.duplicate_lines],
        "suppressed": survey.suppressed,
        "asleep": _held_document(survey.asleep),
        "segments": survey.plan.segments,
        "encoding": {
            "texts": survey.surprising,
            "more_parts": survey.more_parts,
            "characters": [attrs.asdict(each) for each in survey.surprises],
        },
        "cost": None if survey.cost is None else _cost_document(survey.cost),
        "over_max_cost": _is_over(survey.cost, view.max_cost),
        "over_max_messages": view.max_messages is not None and survey.messages > view.max_messages,
        "duration": survey.plan.duration,
        "limits": view.limits,
        "busiest_sender": _busiest_document(survey),
    }


def _plan_lines(view: PlanView, most: int | None) -> Iterator[tuple[str, str, str]]:
    """Give label, text and style of each line."""
    survey = view.survey
    yield "rows", f"{survey.rows:,} in {view.file}", ""
    channels = ", ".join(f"{count:,} {channel}" for channel, count in survey.channels.items())
    yield "to send", f"{survey.messages:,}" + (f": {channels}" if channels else ""), "green" if survey.messages else ""
    if survey.done:
        yield "done", f"{survey.done:,} by earlier runs: they are not sent again", ""
    if survey.invalid:
        yield "invalid", f"{survey.invalid:,}: no message can be made of them", "yellow"
        shown = survey.invalid_rows[:most]
        yield from (("", str(row), "") for row in shown)
        yield from _and_more(survey.invalid - len(shown))
    if survey.duplicates:
        yield "duplicates", f"{survey.duplicates:,} left out: --duplicates send writes to them, too", "yellow"
        pairs = survey.duplicate_lines[:most]
        yield from (("", f"line {line} goes to the same recipient as line {first}", "") for line, first in pairs)
        yield from _and_more(survey.duplicates - len(pairs))
    if survey.suppressed:
        yield "suppressed", f"{survey.suppressed:,} left out: they are on a suppression list", ""
    if survey.asleep.rows:
        yield "asleep now", f"{survey.asleep.rows:,} would be held now; {_when(survey.asleep)}", ""
    if survey.plan.segments:
        yield "SMS parts", f"{survey.plan.segments:,}", ""
    if survey.surprising:
        yield "encoding", _encoding(survey), "yellow"
        yield from (("", _surprise(each), "") for each in survey.surprises[:most])
    yield from _cost_lines(view)
    if survey.messages:
        yield "duration", f"{span(survey.plan.duration)} or more, by {view.limits}", ""
    busiest = survey.plan.busiest.get("sender")
    if busiest:
        needs = f", {span(busiest[0].duration)}" if busiest[0].duration else ""
        yield "busiest", f"{busiest[0].key}: {busiest[0].messages:,}{needs}", ""


def _and_more(number: int) -> Iterator[tuple[str, str, str]]:
    if number > 0:
        yield "", f"and {number:,} more", ""


_INVISIBLE = {" ": "a space", "\n": "a line end"}


def _encoding(survey: Survey) -> str:
    texts = "1 text needs" if survey.surprising == 1 else f"{survey.surprising:,} texts need"
    parts = "1 part" if survey.more_parts == 1 else f"{survey.more_parts:,} parts"
    return f"{texts} {parts} more for characters outside GSM-7"


def _surprise(surprise: Surprise) -> str:
    character = surprise.character
    shown = character if character.isprintable() and not character.isspace() else ""
    code = " ".join(f"U+{ord(point):04X}" for point in character)
    name = unicodedata.name(character, "") if len(character) == 1 else ""
    described = " ".join(word for word in (shown, code, name) if word)
    lines = ", ".join(str(line) for line in surprise.lines)
    where = f"line {lines}" if surprise.rows == 1 else f"lines {lines}" + (", …" if surprise.rows > len(lines) else "")
    return f"{described}: {surprise.more_parts:,} more ({where}); {_in_its_place(surprise.replacement)}"


def _in_its_place(replacement: str | None) -> str:
    if replacement is None:
        return "it has no plain form"
    return f"write {_INVISIBLE.get(replacement, replacement)} in its place" if replacement else "leave it out"


def _cost_lines(view: PlanView) -> Iterator[tuple[str, str, str]]:
    cost = view.survey.cost
    if cost is not None:
        text = f"{cost.total} {cost.currency}"
        if cost.worst > cost.total:
            text += f", {cost.worst} if every failover is needed"
        yield "cost", text, ""
        if cost.unpriced:
            yield "", f"{cost.unpriced:,} messages have no price in the table, and are not counted", "yellow"
        if _is_over(cost, view.max_cost):
            yield "", f"the budget of {view.max_cost} will be used up before the end", "yellow"
    if view.max_messages is not None and view.survey.messages > view.max_messages:
        yield "", f"the budget of {view.max_messages:,} messages will be used up before the end", "yellow"


def _is_over(cost: Cost | None, most: Decimal | None) -> bool:
    return cost is not None and most is not None and cost.total > most


def _when(held: Held) -> str:
    if held.until is None:
        return "when they may be written to is not known (--unknown-zone)"
    text = f"the first of them may be written to from {moment(held.until)} on"
    return text + (f"; of {held.never:,} it is not known when" if held.never else "")


def _held_document(held: Held) -> dict[str, Any]:
    until = None if held.until is None else held.until.isoformat()
    return {"rows": held.rows, "never": held.never, "until": until}


def _cost_document(cost: Cost) -> dict[str, Any]:
    return {
        "currency": cost.currency,
        "total": str(cost.total),
        "worst": str(cost.worst),
        "unpriced": cost.unpriced,
        "by_channel": {channel: str(amount) for channel, amount in cost.by_channel.items()},
    }


def _busiest_document(survey: Survey) -> dict[str, Any] | None:
    loads = survey.plan.busiest.get("sender")
    if not loads:
        return None
    return {"key": loads[0].key, "messages": loads[0].messages, "duration": loads[0].duration}


def show_standing(found: Standing, console: Console) -> None:
    """Print where the rows of an outbox stand."""
    lines = [
        (name.replace("_", " "), found.states.get(name, 0), meaning)
        for name, meaning in _STATES.items()
        if found.states.get(name) or name in {"accepted", "failed", "in_doubt"}
    ]
    lines += [(name, count, _LEFT_OUT[name]) for name, count in found.left_out.items()]
    if found.file is not None:
        rows = "not all rows were added: run it again" if found.rows is None else f"{found.rows:,} rows"
        console.print(printable(f"{found.file}: {rows}"), soft_wrap=True)
    width = max(len(f"{count:,}") for _, count, _ in lines)
    for name, count, meaning in lines:
        console.print(f"{name.ljust(_INDENT)}{count:>{width},}  {meaning}", soft_wrap=True)


_STATES = {
    "accepted": "by the platform",
    "failed": "refused, and not sent",
    "in_doubt": "may have been sent, or not",
    "pending": "waiting for a run",
    "claimed": "in the hands of a run, or of one that was killed",
    "sending": "on their way, or in doubt if their run was killed",
    "cancelled": "not sent, and no longer wanted",
}
_LEFT_OUT = {
    "invalid": "left out: no message can be made of them",
    "duplicate": "left out: their recipients stand in earlier rows",
    "suppressed": "left out: their recipients must not be written to",
    "absent": "not in the outbox: adding was interrupted, or they were purged",
}


def show_end(report: Report, held: Held, console: Console, *, name: str) -> None:
    """Print where all rows stand after a run, and what may be done about those that were not accepted."""
    style = "green" if report.accepted == report.total else ""
    show_sentence(_sums(report, held), console, style)
    for sentence in _advice(report, held, name):
        show_sentence(sentence, console)


def _sums(report: Report, held: Held) -> str:
    waiting = report.pending - held.rows
    parts = [f"{report.accepted:,} accepted", f"{report.failed:,} failed", f"{report.in_doubt:,} in doubt"]
    parts += [f"{report.cancelled:,} cancelled"] if report.cancelled else []
    parts += [f"{held.rows:,} held"] if held.rows else []
    parts += [f"{waiting:,} waiting"] if waiting > 0 else []
    seconds = f"; {span(report.duration)}" if report.duration else ""
    return ", ".join(parts) + seconds


def _advice(report: Report, held: Held, name: str) -> Iterator[str]:
    if report.failed:
        yield f"Why they failed: vonage-messages bulk report {name}"
        yield f"To try them again: vonage-messages bulk retry {name}"
    if report.newly_in_doubt:
        yield f"{report.newly_in_doubt:,} were found on their way from a run that had ended suddenly."
    if report.in_doubt:
        yield (
            f"Of {report.in_doubt:,} in doubt nobody knows whether they were sent. They are left alone: --in-doubt "
            "resend would send them again, and some people might get two."
        )
    if held.rows:
        yield f"{held.rows:,} were held because their recipients sleep; {_when(held)}."


def show_progress_line(progress: Progress, held: Held) -> str:
    """Say in one line how far a run has come."""
    done = progress.total - progress.pending
    sums = f"{progress.accepted:,} accepted, {progress.failed:,} failed, {progress.in_doubt:,} in doubt"
    return f"{done:,} of {progress.total:,}: {sums}; {_pace(progress, held)}"


def _pace(progress: Progress, held: Held) -> str:
    pace = f"{progress.per_second:,.1f}/s"
    if not progress.per_second:
        return pace
    return f"{pace}, {span(max(progress.pending - held.rows, 0) / progress.per_second)} left"


class Display:
    """What is seen while the rows are read, added and sent: a bar in a terminal, and otherwise a line now and then."""

    def __init__(self, console: Console) -> None:
        self._console = console
        animated = console.is_terminal and not console.no_color and not console.is_dumb_terminal
        self._live = Live(console=console, auto_refresh=False, transient=True) if animated else None
        self._shown = time.monotonic()

    def __enter__(self) -> Self:
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Take the bar away, and give the terminal its cursor back."""
        if self._live is not None:
            self._live.stop()

    def say(self, sentence: str) -> None:
        """Print a sentence above the bar."""
        show_sentence(sentence, self._console)

    def counting(self, what: str, number: int) -> None:
        """Show how many rows were read or added."""
        if self._is_due():
            line = f"{what}: {number:,} rows"
            if self._live is None:
                self.say(line)
            else:
                self._live.update(Text(line), refresh=True)

    def progress(self, progress: Progress, held: Held) -> None:
        """Show how far the sending has come."""
        if self._is_due():
            if self._live is None:
                self.say(show_progress_line(progress, held))
            else:
                self._live.update(_bar(progress, held, self._console), refresh=True)

    def _is_due(self) -> bool:
        now = time.monotonic()
        if now - self._shown < (_LINE_EVERY if self._live is None else _BAR_EVERY):
            return False
        self._shown = now
        return True


def _bar(progress: Progress, held: Held, console: Console) -> Group:
    done = progress.total - progress.pending
    beside = Text(f" {done:,}/{progress.total:,}  {_pace(progress, held)}")
    width = max(console.width - beside.cell_len - 1, 4)
    bar = ProgressBar(total=max(progress.total, 1), completed=done, width=width, complete_style="green")
    line = Table.grid()
    line.add_row(bar, beside)
    sums = Text(f"{progress.accepted:,} accepted", style="green")
    sums.append(f"   {progress.failed:,} failed", style="red" if progress.failed else "default")
    sums.append(f"   {progress.in_doubt:,} in doubt", style="yellow" if progress.in_doubt else "default")
    if held.rows:
        sums.append(f"   {held.rows:,} held", style="default")
    return Group(line, sums)


def span(seconds: Seconds) -> str:
    """Write a span of time in its two largest units: ``1 h 17 min``."""
    if seconds < _MINUTE:
        return f"{seconds:.0f} s" if seconds >= 10 else f"{seconds:.1f} s"  # noqa: PLR2004  below, tenths matter
    left = round(seconds)
    words: list[str] = []
    for unit, size in _UNITS:
        count, left = divmod(left, size)
        if count or words:
            words.append(f"{count} {unit}")
    return " ".join(word for word in words[:2] if not word.startswith("0 "))


def moment(instant: datetime) -> str:
    """Write an instant for people, in UTC."""
    return f"{instant:%Y-%m-%d %H:%M} UTC"


def standing_document(found: Standing) -> Mapping[str, Any]:
    """Give the numbers as a JSON object."""
    return attrs.asdict(found)
