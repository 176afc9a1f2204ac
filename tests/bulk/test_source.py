"""Rows that can be read more than once, from a file or from standard input."""

from __future__ import annotations

import io
import os
import stat
import threading
from pathlib import Path

import pytest

from vonage_messages import ConfigurationError
from vonage_messages.bulk.rows import RowFormat, SourceRow
from vonage_messages.bulk.source import Source, opened, put_aside, source_at


def columns(source: Source) -> list[dict[str, object]]:
    return [dict(row.columns) for row in source.rows() if isinstance(row, SourceRow)]


@pytest.mark.parametrize(
    ("name", "content", "row_format"),
    [
        ("people.csv", "{strange}\n1\n", RowFormat.CSV),
        ("people.TSV", "a\tb\n1\t2\n", RowFormat.CSV),
        ("people.jsonl", "", RowFormat.JSONL),
        ("people.ndjson", "", RowFormat.JSONL),
        ("people.txt", '\ufeff\n {"to": "1"}\n', RowFormat.JSONL),
        ("people", "phone\n1\n", RowFormat.CSV),
    ],
)
def test_suffix_or_first_character_tells_the_format(
    tmp_path: Path, name: str, content: str, row_format: RowFormat
) -> None:
    path = tmp_path / name
    path.write_text(content, encoding="utf-8")
    assert source_at(path).row_format is row_format


def test_given_format_counts_more_than_the_suffix(tmp_path: Path) -> None:
    path = tmp_path / "people.csv"
    path.write_text('{"to": "1"}\n', encoding="utf-8")
    assert columns(source_at(path, "jsonl")) == [{"to": "1"}]


def test_unknown_format_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="row_format must be one of csv, jsonl, not 'xml'"):
        source_at(tmp_path / "people.csv", "xml")


def test_file_without_suffix_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="people cannot be read: No such file or directory"):
        source_at(tmp_path / "people")


def test_pipe_is_read_once_and_its_rows_twice(tmp_path: Path) -> None:
    pipe = tmp_path / "people.csv"
    os.mkfifo(pipe)
    writing = threading.Thread(target=pipe.write_text, args=["phone\n447700900000\n"])
    writing.start()
    with opened(pipe) as source:
        writing.join()
        assert columns(source) == columns(source) == [{"phone": "447700900000"}]
        assert source.name == str(pipe)
    assert not source.path.exists()


def test_file_is_read_where_it_is(tmp_path: Path) -> None:
    path = tmp_path / "people.csv"
    path.write_text("phone\n447700900000\n", encoding="utf-8")
    with opened(path) as source:
        assert source == source_at(path)


def test_sentences_about_standard_input_name_it() -> None:
    with (
        put_aside(io.BytesIO(b"")) as source,
        pytest.raises(ConfigurationError, match=r"^standard input is empty"),
    ):
        columns(source)


def test_stream_is_read_once_and_its_rows_twice() -> None:
    with put_aside(io.BytesIO(b"phone\n447700900000\n")) as source:
        assert columns(source) == columns(source) == [{"phone": "447700900000"}]
        assert source.name == "standard input"


def test_copy_of_a_stream_is_private_and_goes_with_the_context() -> None:
    with put_aside(io.BytesIO(b'{"to": "1"}\n')) as source:
        assert source.row_format is RowFormat.JSONL
        assert stat.S_IMODE(source.path.stat().st_mode) == 0o600
    assert not source.path.exists()
