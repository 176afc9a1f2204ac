"""
Where the rows of a campaign come from, so that they can be read more than once: a file, or standard input put aside.

What a row is stands in ``vonage_messages.bulk.rows``, what it becomes in ``vonage_messages.bulk.composing``.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import attrs

from vonage_messages.bulk.rows import BadRow, RowFormat, SourceRow, read_rows
from vonage_messages.errors import ConfigurationError

_JSON_SUFFIXES = frozenset({".jsonl", ".ndjson"})
_CSV_SUFFIXES = frozenset({".csv", ".tsv"})
_FIRST_BYTES = 65_536


@attrs.frozen(kw_only=True)
class Source:
    """A file of rows that can be read as often as it is needed."""

    path: Path = attrs.field(repr=False)
    """Where the bytes are."""

    name: str
    """What the user calls it: the path that was given, or ``standard input``."""

    row_format: RowFormat

    def rows(self) -> Iterator[SourceRow | BadRow]:
        """
        Read the rows from the first one on.

        Raises:
            ConfigurationError: the file cannot be read, or says nothing of its columns.
        """
        return read_rows(self.path, row_format=self.row_format, name=self.name)


def source_at(path: Path, row_format: RowFormat | str | None = None) -> Source:
    """
    Take the rows of a file; without *row_format* its suffix tells how they are written, or its first character.

    Raises:
        ConfigurationError: it cannot be read, or there is no such format.
    """
    return Source(path=path, name=str(path), row_format=_format_of(path, row_format))


@contextmanager
def opened(path: Path, row_format: RowFormat | str | None = None) -> Iterator[Source]:
    """
    Take the rows of a file as ``source_at`` does, or those of a pipe, which are put aside.

    Raises:
        ConfigurationError: it cannot be read, or there is no such format.
    """
    if not path.exists() or path.is_file():
        yield source_at(path, row_format)
        return
    try:
        pipe = path.open("rb")
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror or error}.") from error
    with pipe, put_aside(pipe, row_format, name=str(path)) as source:
        yield source


@contextmanager
def put_aside(
    stream: BinaryIO, row_format: RowFormat | str | None = None, *, name: str = "standard input"
) -> Iterator[Source]:
    """
    Copy a stream that can be read once, such as ``sys.stdin.buffer``, to a file that only its owner may read.

    The file goes when the context ends. *name* is what the user calls the stream.

    Raises:
        ConfigurationError: the stream cannot be read, or there is no such format.
    """
    descriptor, path_name = tempfile.mkstemp(prefix="vonage-messages-")  # mode 0600
    path = Path(path_name)
    try:
        try:
            with os.fdopen(descriptor, "wb") as copy:
                shutil.copyfileobj(stream, copy)
        except OSError as error:
            raise ConfigurationError(f"{name} cannot be put aside: {error.strerror or error}.") from error
        yield Source(path=path, name=name, row_format=_format_of(path, row_format))
    finally:
        path.unlink(missing_ok=True)


def _format_of(path: Path, row_format: RowFormat | str | None) -> RowFormat:
    if row_format is not None:
        try:
            return RowFormat(row_format)
        except ValueError:
            raise ConfigurationError(f"row_format must be one of csv, jsonl, not {row_format!r}") from None
    suffix = path.suffix.lower()
    if suffix in _JSON_SUFFIXES or suffix in _CSV_SUFFIXES:
        return RowFormat.JSONL if suffix in _JSON_SUFFIXES else RowFormat.CSV
    return RowFormat.JSONL if _begins_with_brace(path) else RowFormat.CSV


def _begins_with_brace(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            beginning = file.read(_FIRST_BYTES)
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror or error}") from None
    return beginning.removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"{")
