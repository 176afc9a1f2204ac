"""The list of those who opted out: whose last record counts, for whom, and the lines of its file."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from vonage_messages import EmailText, RawMessage, RcsText, Sms
from vonage_messages.consent import OptOutList, OptOutRecord, Wish, people_of, recipients_of, record_of, wish_of
from vonage_messages.errors import ConfigurationError
from vonage_messages.webhooks import parse_inbound

ANNA, BOB = "447700900000", "447700900001"
OUT, IN = Wish.OPT_OUT, Wish.OPT_IN


def listed(*records: tuple[Wish, str] | tuple[Wish, str, str]) -> OptOutList:
    return OptOutList(
        OptOutRecord(wish=wish, person=person, sender=sender[0] if sender else None)
        for wish, person, *sender in records
    )


@pytest.mark.parametrize("word", ["STOP", "StopAll", "unsubscribe", "CANCEL", "END", "quit"])
def test_word_opts_out(word: str) -> None:
    event = parse_inbound({"channel": "sms", "message_uuid": "a", "from": ANNA, "to": BOB, "text": word})
    assert wish_of(event) is Wish.OPT_OUT
    assert people_of(event) == [ANNA]


@pytest.mark.parametrize("word", ["START", "unstop"])
def test_word_opts_in(word: str) -> None:
    assert wish_of(parse_inbound({"channel": "sms", "message_uuid": "a", "from": ANNA, "text": word})) is Wish.OPT_IN


def tapped(message_type: str, **fields: Any) -> Any:
    person = {"channel": "whatsapp", "message_uuid": "a", "from": ANNA, "to": BOB}
    return parse_inbound({**person, "message_type": message_type, **fields})


@pytest.mark.parametrize(
    ("event", "wish"),
    [
        (tapped("reply", reply={"id": "stop", "title": "No more of this"}), OUT),
        (tapped("reply", reply={"id": "row 3", "title": "START"}), IN),
        (tapped("button", button={"payload": "unsubscribe", "text": "Leave me alone"}), OUT),
        (tapped("button", button={"payload": "row 3", "text": "Yes"}), None),
        (tapped("image", image={"url": "https://example.com/stop.jpg"}), None),
    ],
)
def test_tapping_says_what_its_text_or_its_id_says(event: Any, wish: Wish | None) -> None:
    assert wish_of(event) is wish


def test_what_is_said_to_one_sender_counts_for_that_one() -> None:
    found = listed((OUT, ANNA, "Acme"), (OUT, ANNA, "+1 415 555 0100"))
    assert found.covers("+44 7700 900000", "Acme")
    assert found.covers(ANNA, "14155550100")
    assert not found.covers(ANNA, "Other")
    assert found.covers(ANNA)
    assert not found.covers(BOB, "Acme")
    assert len(found) == 1


def test_the_last_record_counts() -> None:
    assert not listed((OUT, ANNA), (IN, ANNA)).covers(ANNA, "Acme")
    assert listed((IN, ANNA), (OUT, ANNA)).covers(ANNA, "Acme")
    everywhere_but_here = listed((OUT, ANNA), (IN, ANNA, "Acme"))
    assert not everywhere_but_here.covers(ANNA, "Acme")
    assert everywhere_but_here.covers(ANNA, "Other")
    assert listed((IN, ANNA, "Acme"), (OUT, ANNA)).covers(ANNA, "Acme")
    assert not listed((OUT, ANNA, "Acme"), (IN, ANNA)).covers(ANNA, "Acme")


@given(
    st.lists(
        st.tuples(st.sampled_from(Wish), st.sampled_from([ANNA, BOB]), st.sampled_from([None, "Acme", "12345"])),
        max_size=12,
    )
)
def test_list_agrees_with_reading_the_records_backwards(records: list[tuple[Wish, str, str | None]]) -> None:
    found = OptOutList(OptOutRecord(wish=wish, person=person, sender=sender) for wish, person, sender in records)
    for who in (ANNA, BOB):
        for by in ("Acme", "12345", "Other"):
            said = [wish for wish, person, sender in reversed(records) if person == who and sender in (None, by)]
            assert found.covers(who, by) is (bool(said) and said[0] is Wish.OPT_OUT)
    assert len(found) == sum(found.covers(who) for who in (ANNA, BOB))


def test_lists_are_joined_so_that_nobody_is_forgotten() -> None:
    mine = listed((OUT, ANNA), (IN, ANNA, "Acme"), (OUT, BOB, "Acme"))
    mine.update(listed((OUT, ANNA, "Acme"), (IN, BOB, "Acme")))
    assert mine.covers(ANNA, "Acme")
    assert mine.covers(BOB, "Acme")
    mine.clear()
    assert len(mine) == 0


PEOPLE = st.sampled_from([ANNA, "GB.13491208655302741918", "anna@example.com", "7064", "12345"])


@given(
    PEOPLE,
    st.sampled_from(Wish),
    st.none() | st.text(min_size=1, max_size=12).filter(lambda name: name == name.strip() and name.isprintable()),
    st.text(max_size=20),
)
@example(ANNA, OUT, None, "")
@example(ANNA, IN, "Acme & Sons", "said so\non the phone")
def test_record_survives_its_line(person: str, wish: Wish, sender: str | None, note: str) -> None:
    record = OptOutRecord(person=person, wish=wish, sender=sender, note=note)
    line = str(record)
    assert "\n" not in line
    read = record_of(line)
    assert read is not None
    once, again = OptOutList([record]), OptOutList([read])
    for by in (sender or "x", "Other"):
        assert once.covers(person, by) == again.covers(person, by)


@pytest.mark.parametrize("line", ["", "  ", "# a comment", "\r"])
def test_line_may_say_nothing(line: str) -> None:
    assert record_of(line) is None


@pytest.mark.parametrize("line", ["two words", "07700900000", "!", "from:Acme", "a;b"])
def test_line_without_a_recipient_is_refused(line: str) -> None:
    with pytest.raises(ConfigurationError, match="must"):
        record_of(line)


@pytest.mark.parametrize("line", [f'"{ANNA}"', f"'{ANNA}", f"\N{LEFT DOUBLE QUOTATION MARK}{ANNA}"])
def test_quotation_mark_names_nobody(line: str) -> None:
    with pytest.raises(ConfigurationError, match="must stand without quotation marks"):
        record_of(line)


@pytest.mark.parametrize("line", ["4.477E+11", "447700900000.0", "4477e+8", "\N{ARABIC-INDIC DIGIT FOUR}4770090000"])
def test_number_that_a_spreadsheet_has_changed_names_nobody(line: str) -> None:
    with pytest.raises(ConfigurationError, match="must be written with the digits 0 to 9 alone"):
        record_of(line)


def test_number_is_shown_masked() -> None:
    assert ANNA not in repr(OptOutRecord(person=ANNA))


MAIL: dict[str, Any] = {"subject": "Hi", "cc": ["b@example.com"], "bcc": [{"address": "c@example.com"}]}


def test_everybody_whom_a_message_may_reach_is_told_with_a_path() -> None:
    chain = RcsText(to=ANNA, from_="Acme", text="Hi", failover=[Sms(to=BOB, from_="12345", text="Hi")])
    assert list(recipients_of(chain)) == [("to", ANNA, "Acme"), ("failover[0].to", BOB, "12345")]
    mail = EmailText(to="a@example.com", from_="z@example.com", text="Hi", email=MAIL)
    expected = [("to", "a@example.com"), ("email.cc[0]", "b@example.com"), ("email.bcc[0]", "c@example.com")]
    assert [(path, to) for path, to, _ in recipients_of(mail)] == expected


def test_raw_messages_are_looked_into_as_well() -> None:
    mail = {"channel": "email", "to": "a@example.com", "from": "z@example.com", "email": {**MAIL, "cc": [1, None]}}
    assert [to for _, to, _ in recipients_of(RawMessage(mail))] == ["a@example.com", "c@example.com"]
    nested = {"to": {"type": "sms", "number": ANNA}, "from": {"type": "sms", "number": "Acme"}}
    assert list(recipients_of(RawMessage(nested))) == [("to", ANNA, "Acme")]
    odd = {"channel": "rcs", "to": 5, "email": 7, "failover": [{"to": BOB}, 5]}
    assert [to for _, to, _ in recipients_of(RawMessage(odd))] == ["", BOB]
