"""``vonage-messages migrate``: documents in the other version. JSON in, JSON out, losses on standard error."""

from __future__ import annotations

import json
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, TextIO

import attrs
import click
from rich.text import Text

from vonage_messages.cli.terminal import REFUSED, errors, printable
from vonage_messages.errors import InvalidMessageError
from vonage_messages.wire import migrate

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import Console

_LARGEST_DOCUMENT: Final = 64 * 1024 * 1024
"""Characters of a file that is one JSON document; one of JSON Lines may have any length."""

_DIRECTIONS: Final = {"v1": migrate.to_v1, "v0.1": migrate.to_v0_1}
_SPACES: Final = " \t\r\n"


@click.command("migrate")
@click.argument(
    "files", nargs=-1, required=True, metavar="FILE...", type=click.Path(exists=True, dir_okay=False, allow_dash=True)
)
@click.option("--to", "version", type=click.Choice(tuple(_DIRECTIONS)), default="v1", show_default=True)
@click.option("--lines", is_flag=True, help="Write one document a line, whatever FILE looks like.")
@click.option("--strict", is_flag=True, help="Refuse what cannot be carried whole.")
def migrate_command(*, files: tuple[str, ...], version: str, lines: bool, strict: bool) -> None:
    """
    Turn requests and webhooks of v0.1 into those of v1, or back.

    \b
    vonage-messages migrate requests.jsonl > requests-v1.jsonl
    vonage-messages migrate --to v0.1 callback.json

    Each FILE holds a JSON object, an array of them, or JSON Lines; - is standard input. What comes out looks like what
    went in. What the other version has no place for is listed on standard error with the number of its line. The exit
    code is 1 if a document was refused; the others are written all the same.
    """  # noqa: D301  \b keeps click from joining the lines
    console = errors()
    tally = _Tally()
    for name in files:
        shown = "standard input" if name == "-" else name
        try:
            with _opened(name) as stream:
                _migrate_all(_Input(stream, shown), version, tally, console, lines=lines, strict=strict)
        except _NotReadError as error:
            tally.refused += 1
            console.print(Text(f"{shown}: cannot be read: {error}", style="red"), soft_wrap=True)
    if tally.refused or tally.incomplete:
        counts = f"{tally.whole} carried whole, {tally.incomplete} with losses, {tally.refused} refused"
        console.print(counts, soft_wrap=True)
    if tally.refused:
        sys.exit(REFUSED)


@attrs.define
class _Tally:
    """How many documents fared how."""

    whole: int = 0
    incomplete: int = 0
    refused: int = 0


class _UnreadableError(Exception):
    """What stands in a file is no JSON; the arguments are its line, and why."""


class _NotReadError(Exception):
    """A file could not be opened, or not be read to its end; it says why."""


class _Input:
    """The documents of one file, each with the number of its line."""

    def __init__(self, stream: TextIO, name: str) -> None:
        self.name = name
        self._stream = stream
        self._number = 0
        self._first = self._next_line()
        self.is_lines = _is_object(self._first)
        """Whether the first line that is not empty is an object by itself; then each line is one."""

        self.is_array = not self.is_lines and self._first.lstrip().startswith("[")

    def documents(self) -> Iterator[tuple[int, Any]]:
        """
        Give each document, or in its place the error of a line that is none.

        Raises:
            _UnreadableError: the file is not JSON.
            _NotReadError: it cannot be read on.
        """
        if not self._first:
            return
        if self.is_lines:
            yield from self._each_line()
            return
        with _reading():
            began, rest = self._number, self._stream.read(_LARGEST_DOCUMENT + 1)
        if len(rest) > _LARGEST_DOCUMENT:
            raise _UnreadableError(began, "is too large to be read as one: write one document a line")
        yield from _values(self._first + rest, began)

    def _each_line(self) -> Iterator[tuple[int, Any]]:
        line = self._first
        while line:  # ends: with the file
            try:
                yield self._number, _decoded(line)
            except ValueError as error:
                yield self._number, _UnreadableError(self._number, str(error))
            line = self._next_line()

    def _next_line(self) -> str:
        """Read on to the next line that is not empty; an empty text is the end."""
        with _reading():
            for line in self._stream:
                self._number += 1
                if line.strip():
                    return line
        return ""


def _migrate_all(  # noqa: PLR0913  one input; what follows it are options
    given: _Input, version: str, tally: _Tally, console: Console, *, lines: bool, strict: bool
) -> None:
    """Write what becomes of each document of *given*."""
    writer = _Writer(indented=not (lines or given.is_lines), as_array=given.is_array and not lines)
    try:
        for number, document in given.documents():
            where = f"{given.name}, line {number}"
            migrated = _migrated(document, version, where, console)
            if migrated is None or (migrated.lost and strict):
                tally.refused += 1
            else:
                writer.write(migrated.payload)
                tally.whole += not migrated.lost
                tally.incomplete += bool(migrated.lost)
            for problem in () if migrated is None else migrated.lost:
                console.print(f"{where}: {'refused' if strict else 'lost'}: {printable(str(problem))}", soft_wrap=True)
    except _UnreadableError as error:
        tally.refused += 1
        number, why = error.args
        console.print(Text(f"{given.name}, line {number}: refused: {why}", style="red"), soft_wrap=True)
    writer.finish()


def _migrated(document: Any, version: str, where: str, console: Console) -> migrate.Migrated | None:
    """Turn one document; ``None`` where it was refused, which has been told then."""
    if isinstance(document, _UnreadableError):
        why = str(document.args[1])
    else:
        try:
            return _DIRECTIONS[version](document)
        except InvalidMessageError as error:
            why = "; ".join(str(problem) for problem in error.problems)
    console.print(Text(f"{where}: refused: {printable(why)}", style="red"), soft_wrap=True)
    return None


class _Writer:
    """Writes documents to standard output: one a line, or as the JSON that came in."""

    def __init__(self, *, indented: bool, as_array: bool) -> None:
        self._indent = 2 if indented else None
        self._as_array = as_array
        self._count = 0

    def write(self, payload: dict[str, Any]) -> None:
        """Write one document."""
        text = json.dumps(payload, indent=self._indent, ensure_ascii=not _knows_utf8(sys.stdout))
        if not _can_be_written(text):
            text = json.dumps(payload, indent=self._indent)
        if self._as_array:
            text = text.replace("\n", "\n  ")
            click.echo(("," if self._count else "[") + "\n  " + text, nl=False)
        else:
            click.echo(text)
        self._count += 1

    def finish(self) -> None:
        """Write what closes an array."""
        if self._as_array:
            click.echo("\n]" if self._count else "[]")


@contextmanager
def _opened(name: str) -> Iterator[TextIO]:
    if name != "-":
        with _reading():
            stream = open(name, encoding="utf-8-sig", newline="\n")  # noqa: PTH123, SIM115  the name may come with a dash; closed below
        with stream:
            yield stream
        return
    sys.stdin.reconfigure(encoding="utf-8-sig", newline="\n")  # type: ignore[union-attr]  # the interpreter's own
    yield sys.stdin


@contextmanager
def _reading() -> Iterator[None]:
    """
    Tell what goes wrong with an input from what goes wrong with the output.

    Raises:
        _NotReadError: the input cannot be read.
    """
    try:
        yield
    except UnicodeDecodeError:
        raise _NotReadError("it is no UTF-8") from None
    except OSError as error:
        raise _NotReadError(error.strerror or str(error)) from None


def _values(text: str, began: int) -> Iterator[tuple[int, Any]]:
    """Give the one document of *text*, or each of an array, with the number of the line on which it begins."""
    decoder = json.JSONDecoder(parse_constant=_refuse_constant)
    at = _skipped(text, 0)
    in_array = text[at : at + 1] == "["
    number, counted = began, 0
    if in_array:
        at = _skipped(text, at + 1)
    is_over = in_array and text[at : at + 1] == "]"
    while not is_over:  # ends: with the text, or its first fault
        number, counted = number + text.count("\n", counted, at), at
        try:
            value, end = decoder.raw_decode(text, at)
        except (ValueError, RecursionError) as error:
            raise _UnreadableError(*_fault(text, began, number, error)) from None
        yield number, value
        at = _skipped(text, end)
        is_over = not in_array or text[at : at + 1] == "]"
        if not is_over and text[at : at + 1] == ",":
            at = _skipped(text, at + 1)
        elif not is_over:
            raise _UnreadableError(began + text.count("\n", 0, at), "is no JSON: a comma or ] is missing")
    if text[at + in_array :].strip(_SPACES):
        raise _UnreadableError(began + text.count("\n", 0, at), "is no JSON: more stands behind its end")


def _skipped(text: str, at: int) -> int:
    """Go on to what is no space."""
    while at < len(text) and text[at] in _SPACES:
        at += 1
    return at


def _fault(text: str, began: int, number: int, error: Exception) -> tuple[int, str]:
    if isinstance(error, json.JSONDecodeError):
        return began + text.count("\n", 0, error.pos), f"is no JSON: {error.msg}"
    return number, f"is no JSON: {_why(error)}"


def _decoded(line: str) -> Any:
    """
    Read one line.

    Raises:
        ValueError: it is no JSON; the sentence says why.
    """
    try:
        return json.loads(line, parse_constant=_refuse_constant)
    except json.JSONDecodeError as error:
        raise ValueError(f"is no JSON: {error.msg}") from None
    except (ValueError, RecursionError) as error:
        raise ValueError(f"is no JSON: {_why(error)}") from None


def _is_object(line: str) -> bool:
    try:
        return isinstance(_decoded(line), dict)
    except ValueError:
        return False


def _why(error: Exception) -> str:
    return "it is nested too deeply" if isinstance(error, RecursionError) else str(error)


def _refuse_constant(name: str) -> object:
    raise ValueError(f"{name} is no number of JSON")


def _knows_utf8(stream: TextIO) -> bool:
    return (stream.encoding or "").lower().startswith("utf")


def _can_be_written(text: str) -> bool:
    """Tell whether *text* holds no half of a surrogate pair."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
