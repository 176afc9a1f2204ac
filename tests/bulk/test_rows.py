"""A file becomes rows: each row of data comes out once, good or bad, with its line."""

from __future__ import annotations

import csv
import io
import json
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vonage_messages import ConfigurationError
from vonage_messages.bulk.rows import BadRow, RowFormat, SourceRow, read_rows


def rows(text: str, **options: Any) -> list[SourceRow | BadRow]:
    return list(read_rows(io.StringIO(text, newline=""), **options))


def columns(text: str, **options: Any) -> list[dict[str, Any]]:
    found = rows(text, **options)
    assert not [row for row in found if isinstance(row, BadRow)]
    return [dict(row.columns) for row in found if isinstance(row, SourceRow)]


def told(text: str, **options: Any) -> list[tuple[int, int, str]]:
    """Give (number, line, "ok" or what is wrong) of every row."""
    return [
        (row.number, row.line, "; ".join(map(str, row.problems)) if isinstance(row, BadRow) else "ok")
        for row in rows(text, **options)
    ]


def written(folder: Path, name: str, content: bytes) -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


def test_csv_row_has_its_cells_by_the_names_of_the_first_line() -> None:
    assert rows("phone,name\n447700900000,Anna\n") == [
        SourceRow(number=1, line=2, columns={"phone": "447700900000", "name": "Anna"})
    ]


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_delimiter_is_the_one_that_the_header_holds(delimiter: str) -> None:
    assert columns(f"phone{delimiter}name\n44{delimiter}A\n") == [{"phone": "44", "name": "A"}]


def test_delimiters_inside_quoted_names_do_not_count() -> None:
    assert columns('"a,b,c";name\n1;2\n') == [{"a,b,c": "1", "name": "2"}]


def test_given_delimiter_is_taken() -> None:
    assert columns("a;b,c|d\n1|2\n", delimiter="|") == [{"a;b,c": "1", "d": "2"}]


def test_separator_line_of_spreadsheets_is_obeyed() -> None:
    assert rows("sep=;\r\na,b;c\r\n1;2\r\n") == [SourceRow(number=1, line=3, columns={"a,b": "1", "c": "2"})]


def test_separator_line_may_stand_below_blank_ones() -> None:
    assert rows("\n\nsep=|\na|b\n1|2\n") == [SourceRow(number=1, line=5, columns={"a": "1", "b": "2"})]


def test_separator_line_that_names_a_quote_is_a_column_name() -> None:
    assert columns('sep="\n1\n') == [{'sep="': "1"}]


def test_given_delimiter_goes_before_the_separator_line() -> None:
    assert columns("sep=;\na,b\n1,2\n", delimiter=",") == [{"a": "1", "b": "2"}]


@pytest.mark.parametrize("delimiter", ["", "ab", '"', "\n"])
def test_delimiter_that_cannot_separate_is_refused(delimiter: str) -> None:
    with pytest.raises(ConfigurationError, match="delimiter"):
        rows("a\n1\n", delimiter=delimiter)


def test_byte_order_mark_is_no_part_of_the_first_name(tmp_path: Path) -> None:
    path = written(tmp_path, "list.csv", "\ufeffphone\n44\n".encode())
    assert list(read_rows(path)) == [SourceRow(number=1, line=2, columns={"phone": "44"})]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_every_line_end_ends_a_row(tmp_path: Path, end: str) -> None:
    path = written(tmp_path, "list.csv", end.join(["a,b", "1,2", "3,4", ""]).encode())
    assert [(row.line, dict(row.columns)) for row in read_rows(path) if isinstance(row, SourceRow)] == [
        (2, {"a": "1", "b": "2"}),
        (3, {"a": "3", "b": "4"}),
    ]


def test_row_after_a_cell_of_several_lines_has_the_line_where_it_begins() -> None:
    assert told('a,b\n1,"x\ny\nz"\n2,y\n') == [(1, 2, "ok"), (2, 5, "ok")]


def test_empty_rows_are_skipped_and_not_counted() -> None:
    assert told("\n\na,b\n\n1,2\n , \n,\n3,4\n") == [(1, 5, "ok"), (2, 8, "ok")]


def test_ragged_rows_are_bad_and_the_others_go_on() -> None:
    assert told("a,b\n1\n1,2,3\n1,2\n") == [
        (1, 2, "has 1 cell, and the first line names 2 columns"),
        (2, 3, "has 3 cells, and the first line names 2 columns"),
        (3, 4, "ok"),
    ]


def test_nul_is_a_problem_of_its_row() -> None:
    (bad, good) = told("a,b\n1,\0\n1,2\n")
    assert bad[:2] == (1, 2)
    assert "NUL" in bad[2]
    assert good == (2, 3, "ok")


def test_bytes_that_are_no_utf8_are_a_problem_of_their_row(tmp_path: Path) -> None:
    path = written(tmp_path, "list.csv", b"a,b\n1,Ren\xe9e\n2,Ren\xc3\xa9e\n")
    bad, good = read_rows(path)
    assert str(bad) == "line 2: is not UTF-8: byte 0xe9 at character 6 of its line; save the file as UTF-8"
    assert good == SourceRow(number=2, line=3, columns={"a": "2", "b": "Renée"})


def test_utf16_is_refused_with_a_sentence(tmp_path: Path) -> None:
    path = written(tmp_path, "list.csv", "phone,name\n44,A\n".encode("utf-16"))
    with pytest.raises(ConfigurationError, match="save the file as UTF-8"):
        list(read_rows(path))


def test_half_a_surrogate_pair_is_a_problem_of_its_row() -> None:
    ((_, _, problem),) = told("a\nx\ud83d\n")
    assert "surrogate" in problem


def test_cell_beyond_the_limit_is_a_problem_of_its_row() -> None:
    huge = "x" * (csv.field_size_limit() + 1)
    assert told(f"a,b\n1,{huge}\n1,2\n") == [
        (1, 2, "has a cell that is longer than 131,072 characters"),
        (2, 3, "ok"),
    ]


def test_line_beyond_the_limit_is_a_problem_of_its_row() -> None:
    huge = "x," * 700_000
    assert told(f"a,b\n{huge}\n1,2\n") == [(1, 2, "is longer than 1,048,576 characters"), (2, 3, "ok")]


def test_quote_that_is_never_closed_takes_no_other_row_with_it() -> None:
    lines = "".join(f"{number},x\n" for number in range(100))
    found = told(f'a,b\n1,"Anna\n{lines}')
    assert found[0] == (1, 2, "opens a quote that is never closed")
    assert found[1:] == [(number + 2, number + 3, "ok") for number in range(100)]


def test_quote_that_is_closed_a_megabyte_later_takes_no_other_row_with_it() -> None:
    lines = "".join(f"{number},{'x' * 60}\n" for number in range(5000))
    found = told(f'a,b\n1,"Anna\n{lines}2,"Bob"\n')
    assert found[0] == (1, 2, "has a cell that is longer than 131,072 characters")
    assert [problem for _, _, problem in found[1:]] == ["ok"] * 5001


def test_text_behind_a_closing_quote_is_a_problem_of_its_row() -> None:
    found = told('a,b\n1,"say "hi" now"\n1,2\n')
    assert found == [
        (1, 2, "has text behind a closing quote: write a quote inside a quoted cell twice"),
        (2, 3, "ok"),
    ]


def test_quote_inside_a_bare_cell_is_a_character() -> None:
    assert columns('a,b\n1,5" pipe\n') == [{"a": "1", "b": '5" pipe'}]


def test_spaces_around_names_fall_away_and_those_around_values_stay() -> None:
    assert columns("a , b\n1, x\n") == [{"a": "1", "b": " x"}]


def test_empty_column_without_a_name_falls_away() -> None:
    assert columns("a,b,,\n1,2,,\n") == [{"a": "1", "b": "2"}]


def test_value_under_no_name_is_a_problem_of_its_row() -> None:
    assert told("a,,c\n1,2,3\n") == [(1, 2, "has a value in column 2, which has no name")]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "the input is empty: its first line must name the columns"),
        ("\n\n", "is empty"),
        ("a,b,a\n1,2,3\n", 'names the column "a" twice'),
        ("447700900000,Anna\n", r"must name the columns, and it holds a phone number \(44\*+00\)"),
        ('a,"b\n1,2\n', "the line of column names opens a quote that is never closed"),
        ("a,\0\n", "the line of column names contains a NUL"),
    ],
)
def test_file_that_does_not_name_its_columns_is_refused(text: str, sentence: str) -> None:
    with pytest.raises(ConfigurationError, match=sentence):
        rows(text, row_format="csv")


def test_file_that_is_not_there_is_refused_with_its_name(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"nobody\.csv cannot be read"):
        list(read_rows(tmp_path / "nobody.csv"))


def test_unknown_format_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="csv, jsonl"):
        rows("a\n", row_format="xlsx")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("list.jsonl", b'{"a": 1}\n'),
        ("list.ndjson", b'{"a": 1}\n'),
        ("list", b'\n {"a": 1}\n'),
        ("LIST.JSONL", b'{"a": 1}\n'),
    ],
)
def test_json_lines_are_told_by_suffix_or_first_character(tmp_path: Path, name: str, content: bytes) -> None:
    (row,) = read_rows(str(written(tmp_path, name, content)))
    assert isinstance(row, SourceRow)
    assert row.columns == {"a": 1}


def test_json_lines_keep_the_types_of_their_values() -> None:
    text = json.dumps({"a": 1, "b": True, "c": None, "d": {"e": [1.5]}})
    assert columns(text) == [{"a": 1, "b": True, "c": None, "d": {"e": [1.5]}}]


@pytest.mark.each(
    ("line", "sentence"),
    [
        ('{"a": }', "is not valid JSON: Expecting value (character 7)"),
        ('{"a": 1', "is not valid JSON: Expecting ',' delimiter"),
        ("[1]", "must be a JSON object, not list"),
        ("7", "must be a JSON object, not int"),
        ('{"a": 1, "a": 2}', 'names "a" twice in one object'),
        ('{"x": {"a": 1, "a": 2}}', 'names "a" twice in one object'),
        ('{"a": NaN}', "NaN is no JSON number"),
        ('{"a": -Infinity}', "-Infinity is no JSON number"),
        ('{"a": ' + "9" * 5000 + "}", "more digits than can be read"),
        ('{"a": ' + "[" * 100_000 + "}", "nested too deeply"),
        ('{"a": "\0"}', "NUL"),
        ('{"a": "' + "x" * (1 << 20) + '"}', "is longer than 1,048,576 characters"),
    ],
)
def test_line_that_is_no_json_object_is_bad_and_the_others_go_on(line: str, sentence: str) -> None:
    first, bad, last = told(f'{{"a": 0}}\n{line}\n{{"a": 1}}\n')
    assert first == (1, 1, "ok")
    assert bad[:2] == (2, 2)
    assert sentence in bad[2]
    assert last == (3, 3, "ok")


def test_blank_lines_between_json_objects_are_skipped_and_not_counted() -> None:
    assert told('{"a": 0}\n\n  \n{"a": 1}\n') == [(1, 1, "ok"), (2, 4, "ok")]


def test_empty_json_lines_are_refused() -> None:
    with pytest.raises(ConfigurationError, match="is empty"):
        rows("\n", row_format=RowFormat.JSONL)


def test_standard_input_in_another_encoding_is_read_as_utf8() -> None:
    stream = io.TextIOWrapper(io.BytesIO(b"\xef\xbb\xbfa\nRen\xc3\xa9e\nRen\xe9e\n"), encoding="ascii")
    good, bad = read_rows(stream)
    assert good == SourceRow(number=1, line=2, columns={"a": "Renée"})
    assert isinstance(bad, BadRow)
    assert not stream.closed


def test_stream_that_was_read_before_is_read_on_from_there() -> None:
    stream = io.TextIOWrapper(io.BytesIO(b"a title\na\n1\n"), encoding="utf-8")
    assert stream.readline() == "a title\n"
    assert list(read_rows(stream)) == [SourceRow(number=1, line=2, columns={"a": "1"})]


def test_bytes_that_such_a_stream_cannot_decode_are_a_sentence() -> None:
    stream = io.TextIOWrapper(io.BytesIO(b"title\n" + b"a\n" * 10_000 + b"\xe9\n"), encoding="utf-8")
    stream.readline()
    with pytest.raises(ConfigurationError, match="it is not UTF-8"):
        list(read_rows(stream))


def test_bad_row_shows_no_value_of_the_file() -> None:
    (row,) = rows("a,b\n447700900000\n")
    assert "447700900000" not in repr(row) + str(row)
    (row,) = rows("a\nsecret\n")
    assert "secret" not in repr(row)


CELLS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)


@given(
    st.integers(1, 4).flatmap(lambda width: st.lists(st.lists(CELLS, min_size=width, max_size=width), min_size=1)),
    st.sampled_from([",", ";", "\t"]),
    st.sampled_from(["\n", "\r\n"]),
)
def test_what_csv_writes_comes_back(table: list[list[str]], delimiter: str, end: str) -> None:
    names = [f"column {index}" for index in range(len(table[0]))]
    target = io.StringIO(newline="")
    writer = csv.writer(target, delimiter=delimiter, lineterminator=end, quoting=csv.QUOTE_ALL)
    writer.writerow(names)
    writer.writerows(table)
    expected = [dict(zip(names, row, strict=True)) for row in table if any(cell.strip() for cell in row)]
    assert columns(target.getvalue(), delimiter=delimiter) == expected


@given(st.text(max_size=200), st.sampled_from(["csv", "jsonl"]))
def test_no_text_crashes_the_reader(text: str, row_format: str) -> None:
    try:
        found = rows("a,b\n" + text, row_format=row_format)
    except ConfigurationError:
        return
    assert [row.number for row in found] == list(range(1, len(found) + 1))
    assert [row.line for row in found] == sorted(row.line for row in found)


@given(st.binary(max_size=200))
def test_no_bytes_crash_the_reader(content: bytes) -> None:
    stream = io.TextIOWrapper(io.BytesIO(b"a,b\n" + content), encoding="utf-8")
    assert all(row.line > 1 for row in read_rows(stream, row_format="csv"))


def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    with path.open("w", encoding="utf-8") as file:
        file.write("phone,name\n")
        file.writelines(f"{447700000000 + number},Anna number {number}\n" for number in range(40_000))

    def peak() -> int:
        tracemalloc.start()
        try:
            assert sum(1 for _ in read_rows(path)) == 40_000
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    # Whatever else the process does meanwhile is counted too (741 kB once); a file that is kept is, every time.
    assert any(peak() < 500_000 for _ in range(3))
