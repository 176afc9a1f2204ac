"""Rows and a template make messages, keys and problems, one for each row."""

from __future__ import annotations

import csv
import io
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from vonage_messages import Sms, WhatsappImage, to_payload
from vonage_messages.bulk.composing import GoodRow, messages, row_key
from vonage_messages.bulk.rows import BadRow, SourceRow, read_rows
from vonage_messages.bulk.template import Template, compile_template, rows_as_payloads

TEMPLATE = compile_template({"channel": "sms", "from": "Acme", "to": "{phone}", "text": "Hi {name}", "ttl": "{ttl?}"})


def composed(text: str, template: Template = TEMPLATE, campaign: str = "spring") -> list[GoodRow | BadRow]:
    return list(messages(read_rows(io.StringIO(text, newline="")), template, campaign=campaign))


def good(text: str, template: Template = TEMPLATE, campaign: str = "spring") -> list[GoodRow]:
    found = composed(text, template, campaign)
    assert not [str(row) for row in found if isinstance(row, BadRow)]
    return [row for row in found if isinstance(row, GoodRow)]


def test_row_becomes_a_message_with_its_number_normalised() -> None:
    (row,) = good("phone,name,ttl\n+44 7700 900000,Anna,60\n")
    assert row.message == Sms(to="447700900000", from_="Acme", text="Hi Anna", ttl=60)
    assert (row.number, row.line, row.duplicate_of) == (1, 2, None)


def test_bad_rows_come_out_where_they_stood_and_name_their_columns() -> None:
    found = composed("phone,name,ttl\n447700900000,Anna,\n07700900001,Bob,5\n447700900002\n447700900003,,soon\n")
    assert [type(row).__name__ for row in found] == ["GoodRow", "BadRow", "BadRow", "BadRow"]
    assert [str(row) for row in found[1:]] == [
        (
            "line 3: to: must begin with the country code, not with 0 (07*******01): write 447700900000, "
            'not 07700900000 (from the column "phone"); ttl: must be 20 to 604800 (seconds), not 5 '
            '(from the column "ttl")'
        ),
        "line 4: has 1 cell, and the first line names 3 columns",
        'line 5: text: needs the column "name", which is empty',
    ]


def test_numbers_of_rows_count_bad_ones_too() -> None:
    assert [(row.number, row.line) for row in composed("phone,name\n1\n\n447700900000,A\nx,B\n")] == [
        (1, 2),
        (2, 4),
        (3, 5),
    ]


def test_rows_of_json_lines_may_be_whole_payloads() -> None:
    text = (
        '{"channel": "sms", "to": "447700900000", "from": "Acme", "text": "Hi"}\n'
        '{"channel": "whatsapp", "to": "447700900000", "from": "447700900001", "image": {"url": "https://a.io/b.png"}}\n'
        '{"channel": "fax", "to": "447700900000"}\n'
    )
    sms, image, fax = composed(text, rows_as_payloads("jsonl"))
    assert isinstance(sms, GoodRow)
    assert isinstance(sms.message, Sms)
    assert isinstance(image, GoodRow)
    assert isinstance(image.message, WhatsappImage)
    assert isinstance(fax, BadRow)
    assert fax.problems[0].path == "channel"


def test_columns_of_csv_may_be_paths_of_a_payload() -> None:
    text = "channel,to,from,text,image.url\nsms,447700900000,Acme,Hi,\nwhatsapp,447700900001,447700900002,,https://a.io/b\n"
    assert [row.message.message_type for row in good(text, rows_as_payloads("csv"))] == ["text", "image"]


def test_recipient_that_comes_again_says_where_it_was_first() -> None:
    rows = good("phone,name\n447700900000,A\n447700900001,B\n+44 7700 900000,C\n447700900000,A\n")
    assert [row.duplicate_of for row in rows] == [None, None, 2, 2]


def test_recipient_on_another_channel_is_no_duplicate() -> None:
    text = "channel,to,from,text\nsms,447700900000,Acme,x\nwhatsapp,447700900000,447700900001,x\n"
    assert [row.duplicate_of for row in good(text, rows_as_payloads("csv"))] == [None, None]


def test_address_that_differs_in_case_is_a_duplicate() -> None:
    text = "channel,to,from,text,email.subject\n" + "".join(
        f"email,{to},news@example.com,x,y\n" for to in ("anna@example.com", "Anna@Example.com")
    )
    assert [row.duplicate_of for row in good(text, rows_as_payloads("csv"))] == [None, 2]


def test_row_without_a_message_makes_no_duplicates() -> None:
    found = composed("phone,name\n447700900000,\n447700900000,A\n")
    assert isinstance(found[1], GoodRow)
    assert found[1].duplicate_of is None


def test_second_reading_gives_the_same_keys() -> None:
    text = "phone,name\n447700900000,A\n447700900001,B\n"
    assert [row.key for row in good(text)] == [row.key for row in good(text)]


def test_keys_differ_by_campaign_row_number_and_content() -> None:
    text = "phone,name\n447700900000,A\n447700900000,A\n447700900000,B\n"
    keys = [row.key for campaign in ("spring", "summer") for row in good(text, campaign=campaign)]
    assert len(set(keys)) == 6
    assert all(len(key) == 32 and set(key) <= set("0123456789abcdef") for key in keys)


def test_key_stays_when_other_rows_are_mended() -> None:
    before = composed("phone,name\n447700900000,\n447700900001,B\n")
    after = composed("phone,name\n447700900000,A\n447700900001,B\n")
    assert isinstance(before[1], GoodRow)
    assert isinstance(after[1], GoodRow)
    assert before[1].key == after[1].key


def test_order_of_fields_does_not_change_a_key() -> None:
    assert row_key("c", 1, {"a": {"x": 1, "y": 2}, "b": 3}) == row_key("c", 1, {"b": 3, "a": {"y": 2, "x": 1}})


def test_key_is_that_of_every_earlier_version() -> None:
    payload = {"channel": "sms", "message_type": "text", "to": "447700900000", "from": "Acme", "text": "Hi Änna"}
    assert row_key("spring", 7, payload) == "e71f08aa1ffea43f1a1afe896aa2f08a"


def test_row_shows_no_text_and_no_number() -> None:
    (row,) = good("phone,name\n447700900000,Anna\n")
    assert "Anna" not in repr(row)
    assert "447700900000" not in repr(row)


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=40), max_size=8))
def test_every_value_of_a_file_arrives_in_its_message(names: list[str]) -> None:
    target = io.StringIO(newline="")
    writer = csv.writer(target, quoting=csv.QUOTE_ALL)
    writer.writerow(["phone", "name"])
    writer.writerows((f"4477009{index:05}", name) for index, name in enumerate(names))
    found = composed(target.getvalue())
    assert [row.number for row in found] == list(range(1, len(names) + 1))
    for row, name in zip(found, names, strict=True):
        if name.strip():
            assert isinstance(row, GoodRow)
            assert to_payload(row.message)["text"] == f"Hi {name}"
        else:
            assert isinstance(row, BadRow)
            assert 'the column "name", which is empty' in str(row)


JSON_ROWS = st.dictionaries(
    st.sampled_from(["channel", "message_type", "to", "from", "text", "image", "failover", "ttl", "custom", "x"]),
    st.recursive(
        st.none()
        | st.booleans()
        | st.integers()
        | st.text()
        | st.sampled_from(["sms", "whatsapp", "text", "447700900000"]),
        lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
        max_leaves=6,
    ),
)


@given(JSON_ROWS)
def test_no_payload_crashes(row: dict[str, Any]) -> None:
    (found,) = messages([SourceRow(number=1, line=1, columns=row)], rows_as_payloads("jsonl"), campaign="c")
    assert isinstance(found, GoodRow) or found.problems
