"""
A file becomes rows: CSV or JSON Lines, from a path or an open stream, one row at a time.

A row that cannot be read is a ``BadRow`` with its line, and the rows after it are read all the same: only a file that
says nothing of its columns is refused as a whole. Memory does not grow with the file. What a row means is a matter of
``vonage_messages.bulk.template``.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Any, NoReturn, TextIO

import attrs

from vonage_messages.errors import ConfigurationError, Problem
from vonage_messages.values import E164, masked, normalize_number

DELIMITERS = (",", ";", "\t")
"""What may stand between two cells; on a draw the first one counts."""

_LONGEST_RECORD = 1 << 20
"""Characters of one row, all its lines together. What is longer is no row but a file without line ends."""

_SUFFIXES = {".csv": "csv", ".tsv": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl"}
_LINE_ENDS = ("\n", "\r")
_QUOTED = re.compile(r'"(?:[^"]|"")*"')
_SEPARATOR_LINE = re.compile(r"sep=([^\"\0\r\n])[\r\n]*", re.IGNORECASE)
_NOT_UTF8 = re.compile("[\ud800-\udfff]")
_FIRST_ESCAPED_BYTE, _LAST_ESCAPED_BYTE = 0xDC80, 0xDCFF


class RowFormat(StrEnum):
    """How the rows of a file are written."""

    CSV = "csv"
    """One line of column names, then cells: between commas, semicolons or tabs."""

    JSONL = "jsonl"
    """One JSON object a line."""


@attrs.frozen(kw_only=True)
class SourceRow:
    """A row as the file has it."""

    number: int
    """Counts the rows that hold data, good and bad ones, from 1; empty ones are not counted."""

    line: int
    """The line of the file on which the row begins, from 1."""

    columns: Mapping[str, Any] = attrs.field(repr=lambda columns: f"<{len(columns)} columns>")
    """By the name of the column: text from CSV, any JSON value from JSON Lines."""


@attrs.frozen(kw_only=True)
class BadRow:
    """A row of which no message can be made, and everything that is wrong with it."""

    number: int
    line: int
    problems: tuple[Problem, ...]

    def __str__(self) -> str:
        return f"line {self.line}: " + "; ".join(str(problem) for problem in self.problems)


def read_rows(
    source: Path | str | TextIO,
    *,
    row_format: RowFormat | str | None = None,
    delimiter: str | None = None,
    name: str | None = None,
) -> Iterator[SourceRow | BadRow]:
    """
    Read the rows of a file or of an open text stream such as ``sys.stdin``, one at a time.

    The text is UTF-8, with or without a byte order mark. Without *row_format* the suffix of the path tells it
    (``.csv``, ``.tsv``, ``.jsonl``, ``.ndjson``), or else the first character: ``{`` begins JSON Lines. Without
    *delimiter* it is whichever of ``,`` ``;`` and tab the line of column names holds most often. A stream that is read
    here should not have been read before; it stays open. *name* is what sentences call it, in place of its path.

    Raises:
        ConfigurationError: the file cannot be read; it is empty; its first line names no columns, or one twice;
            *row_format* or *delimiter* is none. Raised when the first row is asked for.
    """
    if delimiter is not None and (len(delimiter) != 1 or delimiter in '"\r\n\0'):
        raise ConfigurationError(f"a delimiter is one character such as , or ; and not {delimiter!r}")
    with _opened(source, name) as (stream, told):
        lines = _Lines(stream, told)
        if _format_of(source, row_format, lines) is RowFormat.JSONL:
            yield from _read_json_lines(lines)
        else:
            yield from _read_csv(lines, delimiter)


@contextmanager
def _opened(source: Path | str | TextIO, name: str | None) -> Iterator[tuple[TextIO, str]]:
    """Open a path so that bytes that are no UTF-8 are seen in their line instead of ending the file."""
    if not isinstance(source, Path | str):
        if isinstance(source, io.TextIOWrapper):
            _take_bytes_as_they_are(source)
        yield source, name or "the input"
        return
    try:
        stream = Path(source).open(encoding="utf-8", errors="surrogateescape", newline="")  # noqa: SIM115  closed below
    except OSError as error:
        raise ConfigurationError(f"{name or source} cannot be read: {error.strerror or error}") from None
    with stream:
        yield stream, name or str(source)


def _take_bytes_as_they_are(stream: io.TextIOWrapper) -> None:
    try:
        stream.reconfigure(encoding="utf-8", errors="surrogateescape", newline="")
    except io.UnsupportedOperation:  # it has been read from: it keeps the settings that it was opened with
        return


def _format_of(source: object, row_format: RowFormat | str | None, lines: _Lines) -> RowFormat:
    if row_format is not None:
        try:
            return RowFormat(row_format)
        except ValueError:
            raise ConfigurationError(f"row_format must be one of csv, jsonl, not {row_format!r}") from None
    if isinstance(source, Path | str):
        suffix = _SUFFIXES.get(Path(source).suffix.lower())
        if suffix is not None:
            return RowFormat(suffix)
    return RowFormat.JSONL if lines.peek().lstrip().startswith("{") else RowFormat.CSV


class _TooLongError(Exception):
    """The record that is being read is longer than any row may be."""


class _Lines:
    """
    The physical lines of a stream, which remember those of the current record, so that they can be read again.

    A quote that is never closed makes a CSV reader swallow line after line; all but the first of them go back.
    """

    def __init__(self, stream: TextIO, name: str) -> None:
        self.name = name
        self.number = 0
        """Of the line that was handed out last."""
        self.faults: list[Problem] = []
        """What is wrong with the text of the current record, whatever it means."""
        self._stream = stream
        self._record: list[str] = []
        self._size = 0
        self._again: deque[str] = deque()
        self._started = False

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        line = self._again.popleft() if self._again else self._read()
        if not line:
            raise StopIteration
        self.number += 1
        self._record.append(line)
        self._size += len(line)
        if self._size > _LONGEST_RECORD:
            raise _TooLongError
        if "\0" in line or not line.isascii():
            self._look_for_faults(line)
        return line

    def begin_record(self) -> int:
        """Forget the lines of the last record; give the number of the line where the next one begins."""
        self._record.clear()
        self._size = 0
        if self.faults:
            self.faults = []
        return self.number + 1

    def rewind_to_second_line(self) -> None:
        """Put back all lines of the current record but its first."""
        back = self._record[1:]
        self._again.extendleft(reversed(back))
        self.number -= len(back)

    def peek(self) -> str:
        """Show the first line that is not blank, and leave it, and those before it, to be read."""
        skipped = list(self._again)
        self._again.clear()
        line = next((each for each in skipped if each.strip()), "")
        while not line:
            found = self._read()
            if not found:
                break
            skipped.append(found)
            line = found if found.strip() else ""
        self._again.extend(skipped)
        return line

    def _read(self) -> str:
        try:
            line = self._stream.readline(_LONGEST_RECORD + 1)
            if len(line) > _LONGEST_RECORD and not line.endswith(_LINE_ENDS):
                self._skip_to_line_end()
        except (UnicodeDecodeError, OSError) as error:
            why = "it is not UTF-8" if isinstance(error, UnicodeDecodeError) else error.strerror or error
            raise ConfigurationError(f"{self.name} cannot be read after line {self.number}: {why}") from None
        if not self._started:
            self._started = True
            return line.removeprefix("\ufeff") or (line and "\n")
        return line

    def _skip_to_line_end(self) -> None:
        while True:
            part = self._stream.readline(_LONGEST_RECORD)
            if not part or part.endswith(_LINE_ENDS):
                return

    def _look_for_faults(self, line: str) -> None:
        if "\0" in line:
            self.faults.append(Problem("", "contains a NUL character: save the file as UTF-8 text"))
        undecoded = _NOT_UTF8.search(line)
        if undecoded:
            self.faults.append(Problem("", _why_not_utf8(undecoded)))


def _why_not_utf8(undecoded: re.Match[str]) -> str:
    point = ord(undecoded[0])
    where = f"at character {undecoded.start() + 1} of its line"
    if _FIRST_ESCAPED_BYTE <= point <= _LAST_ESCAPED_BYTE:
        return f"is not UTF-8: byte 0x{point & 0xFF:02x} {where}; save the file as UTF-8"
    return f"holds half a surrogate pair {where}: it cannot be sent as UTF-8"


def _too_long() -> Problem:
    return Problem("", f"is longer than {_LONGEST_RECORD:,} characters")


def _read_json_lines(lines: _Lines) -> Iterator[SourceRow | BadRow]:
    number = 0
    while True:
        line = lines.begin_record()
        try:
            text = next(lines, None)
        except _TooLongError:
            number += 1
            yield BadRow(number=number, line=line, problems=(_too_long(),))
            continue
        if text is None:
            break
        if not text.strip():
            continue
        number += 1
        columns = lines.faults or _json_object(text)
        if isinstance(columns, dict):
            yield SourceRow(number=number, line=line, columns=columns)
        else:
            yield BadRow(number=number, line=line, problems=tuple(columns))
    if not number:
        raise ConfigurationError(f"{lines.name} is empty: it must hold one JSON object a line")


def _json_object(text: str) -> dict[str, Any] | list[Problem]:
    try:
        value = DECODER.decode(text)
    except (ValueError, RecursionError) as error:
        return [Problem("", _why_no_json(error))]
    if isinstance(value, dict):
        return value
    return [Problem("", f"must be a JSON object, not {type(value).__name__}")]


class NoJSONError(ValueError):
    """What the decoder takes and JSON, or sense, does not."""


def _unrepeated(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Refuse a key that stands twice in one object: whichever is dropped may be the one that was meant."""
    found = dict(pairs)
    if len(found) == len(pairs):
        return found
    names = [name for name, _ in pairs]
    repeated = next(name for name in found if names.count(name) > 1)
    raise NoJSONError(f"names {_quoted(repeated)} twice in one object")


def _no_constant(word: str) -> NoReturn:
    raise NoJSONError(f"is not valid JSON: {word} is no JSON number")


DECODER = json.JSONDecoder(object_pairs_hook=_unrepeated, parse_constant=_no_constant)
"""Reads JSON as rows and templates are read; it raises ``NoJSONError`` for what Python alone would take."""


def _why_no_json(error: ValueError | RecursionError) -> str:
    if isinstance(error, RecursionError):
        return "is nested too deeply"
    if isinstance(error, json.JSONDecodeError):
        return f"is not valid JSON: {error.msg} (character {error.pos + 1})"
    if isinstance(error, NoJSONError):
        return str(error)
    return "holds a number with more digits than can be read"


def _read_csv(lines: _Lines, delimiter: str | None) -> Iterator[SourceRow | BadRow]:
    reader, names = _read_header(lines, delimiter)
    named = all(names)
    number = 0
    while True:
        line = lines.begin_record()
        try:
            cells = next(reader, None)
        except (csv.Error, _TooLongError) as error:
            lines.rewind_to_second_line()
            number += 1
            yield BadRow(number=number, line=line, problems=(_why_no_cells(error, lines),))
            continue
        if cells is None:
            return
        if not any(cells) or not any(cell.strip() for cell in cells):
            continue
        number += 1
        problems = lines.faults or _misfit(cells, names, named=named)
        if problems:
            yield BadRow(number=number, line=line, problems=tuple(problems))
        else:
            columns = dict(zip(names, cells, strict=True))
            if not named:
                columns.pop("")
            yield SourceRow(number=number, line=line, columns=columns)


def _misfit(cells: Sequence[str], names: Sequence[str], *, named: bool) -> list[Problem]:
    """Compare a row with the line of column names."""
    if len(cells) != len(names):
        held, expected = _counted(len(cells), "cell"), _counted(len(names), "column")
        return [Problem("", f"has {held}, and the first line names {expected}")]
    if named:
        return []
    return [
        Problem("", f"has a value in column {index}, which has no name")
        for index, (name, cell) in enumerate(zip(names, cells, strict=True), 1)
        if not name and cell.strip()
    ]


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def _why_no_cells(error: Exception, lines: _Lines) -> Problem:
    if lines.faults:
        return lines.faults[0]
    if isinstance(error, _TooLongError):
        return _too_long()
    words = str(error)
    if words.startswith("field larger"):
        return Problem("", f"has a cell that is longer than {csv.field_size_limit():,} characters")
    if words.startswith("unexpected end"):
        return Problem("", "opens a quote that is never closed")
    if "expected after" in words:
        return Problem("", "has text behind a closing quote: write a quote inside a quoted cell twice")
    return Problem("", f"is not valid CSV: {words}")


def _read_header(lines: _Lines, delimiter: str | None) -> tuple[Iterator[list[str]], list[str]]:
    """Read the line of column names; a column without a name is called ``""``."""
    first = lines.peek()
    separator = _SEPARATOR_LINE.fullmatch(first)
    if separator:  # a convention of spreadsheets
        while not next(lines).strip():
            pass
    reader = csv.reader(lines, delimiter=delimiter or (separator[1] if separator else _sniffed(first)), strict=True)
    cells: list[str] = []
    while not any(cell.strip() for cell in cells):
        lines.begin_record()
        try:
            cells = next(reader)
        except StopIteration:
            raise ConfigurationError(f"{lines.name} is empty: its first line must name the columns") from None
        except (csv.Error, _TooLongError) as error:
            problem = _why_no_cells(error, lines)
            raise ConfigurationError(f"{lines.name}: the line of column names {problem}") from None
        if lines.faults:
            raise ConfigurationError(f"{lines.name}: the line of column names {lines.faults[0]}")
    names = [cell.strip() for cell in cells]
    _check_header(names, lines.name)
    return reader, names


def _sniffed(header: str) -> str:
    bare = _QUOTED.sub("", header)
    return max(DELIMITERS, key=bare.count)


def _check_header(names: Sequence[str], file_name: str) -> None:
    numbers = [name for name in names if E164.fullmatch(normalize_number(name))]
    if numbers:
        raise ConfigurationError(
            f"{file_name}: the first line must name the columns, and it holds a phone number ({masked(numbers[0])}): "
            "put a line such as phone,name above it"
        )
    repeated = next((name for name in names if name and names.count(name) > 1), None)
    if repeated is not None:
        raise ConfigurationError(f"{file_name}: the first line names the column {_quoted(repeated)} twice")


def _quoted(name: str) -> str:
    return '"' + name.encode(errors="backslashreplace").decode() + '"'
