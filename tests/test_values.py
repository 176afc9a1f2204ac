"""Numbers as people write them, ids that only look like numbers, and masking."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vonage_messages import InvalidMessageError, MmsText, Sms, WhatsappText
from vonage_messages.values import E164, is_bsuid, is_finite, masked, masked_reference, normalize_number


@pytest.mark.each(
    "written",
    [
        "447700900000",
        "+447700900000",
        "00447700900000",
        "+44 7700 900000",
        "0044-7700-900000",
        "44 7700 900000",
        "+44 (0) 7700 900000",
        "+44 (0)7700 900000",
        "0044 (0)7700 900000",
        "+44 ( 0 ) 7700.900.000",
        "+44.7700.900.000",
        "(+44) 7700 900000",
        "+44\u00a07700\u202f900000",
        "+44\u20117700\u2013900000",
        " +447700900000 ",
        "\t447700900000",
    ],
)
def test_number_is_normalised_however_it_is_written(written: str) -> None:
    assert normalize_number(written) == "447700900000"


@pytest.mark.each(
    "value",
    [
        *(
            "12345",
            "654321",
            "7",
            "24-7",
            "1-2",
            "123 456",
            "Acme",
            "ACME 24-7",
            "Acme-1",
            "",
            " ",
            "-",
            "+",
            "00",
            "()",
        ),
        *("US.13491208655302741918", "US.ENT.1349", "ada@example.com", "x" * 100),
        *("000009-0077-4400", "0(0)7700 90-7", "+0447700900000", "00 07700 900000"),
        *("447700900000\n447700900001", "1234567\n1234567", "447700900000,447700900001", "447700900000 447700900001"),
        *(
            "+44 7700 900000 447700900001",
            "+44x",
            "+1-800-FLOWERS",
            "++447700900000",
            "٤٤٧٧٠٠٩٠٠٠٠٠",
            "+４４７７００９００",  # noqa: RUF001  digits of another script are the point
        ),
    ],
)
def test_what_is_no_written_number_is_left_alone(value: str) -> None:
    assert normalize_number(value) == value


@pytest.mark.parametrize(("written", "digits"), [("07700 900000", "07700900000"), ("(0)7700 900000", "07700900000")])
def test_national_number_keeps_its_zero(written: str, digits: str) -> None:
    assert normalize_number(written) == digits


def test_zero_that_belongs_to_the_number_is_kept() -> None:
    assert normalize_number("+39 06 1234567") == "39061234567"


@pytest.mark.parametrize("sender", ["24-7", "12345", "Acme", "Acme Ltd", "7 eleven"])
def test_sender_that_is_no_number_is_sent_as_it_is(sender: str) -> None:
    assert Sms(to="447700900000", from_=sender, text="Hi").from_ == sender


def test_sender_and_recipient_are_normalised_in_a_message() -> None:
    message = MmsText(to="+1 (415) 555-0101", from_="001 415 555 0100", text="Hi")
    assert (message.to, message.from_) == ("14155550101", "14155550100")


def test_bsuid_is_sent_as_it_is() -> None:
    assert WhatsappText(to="US.13491208655302741918", from_="447700900001", text="Hi").to == "US.13491208655302741918"


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        ("07700 900000", "must begin with the country code, not with 0"),
        ("Ada Lovelace", "must be a phone number with country code, such as 447700900000"),
        ("", "must be a phone number with country code, such as 447700900000 .*not empty"),
        ("123456", "7 to 15 digits"),
        ("1" * 16, "7 to 15 digits"),
    ],
)
def test_recipient_that_cannot_be_a_number_is_refused_with_a_sentence(value: str, sentence: str) -> None:
    with pytest.raises(InvalidMessageError, match=sentence) as caught:
        Sms(to=value, from_="Acme", text="Hi")
    assert not value or value not in str(caught.value)


@pytest.mark.parametrize("value", [447700900000, 44.0, None, True, b"447700900000", ["447700900000"]], ids=repr)
def test_recipient_that_is_no_text_is_refused(value: object) -> None:
    with pytest.raises(InvalidMessageError) as caught:
        Sms(to=value, from_="Acme", text="Hi")
    assert [problem.path for problem in caught.value.problems] == ["to"]


@pytest.mark.parametrize(("digits", "accepted"), [(6, False), (7, True), (15, True), (16, False)])
def test_number_has_7_to_15_digits(digits: int, accepted: bool) -> None:
    assert (E164.fullmatch("4" * digits) is not None) is accepted


@pytest.mark.each(
    ("value", "expected"),
    [
        ("US.13491208655302741918", True),
        ("US.ENT.13491208655302741918", True),
        ("GB." + "a" * 128, True),
        ("GB." + "a" * 129, False),
        ("GB.", False),
        ("us.1349", False),
        ("USA.1349", False),
        ("US1349", False),
        ("US.13 49", False),
        ("US.1349\n", False),
        ("447700900000", False),
    ],
)
def test_bsuid_is_known_by_its_form(value: str, expected: bool) -> None:
    assert is_bsuid(value) is expected


@pytest.mark.parametrize(
    ("value", "hidden"),
    [
        ("447700900000", "44********00"),
        ("12345", "*****"),
        ("123456", "12**56"),
        ("", ""),
        ("x" * 500, "xx" + "*" * 12 + "xx"),
        (None, "****"),
        (447700900000, "44********00"),
    ],
    ids=repr,
)
def test_masking_leaves_two_characters_at_each_end(value: object, hidden: str) -> None:
    assert masked(value) == hidden


PROPERTY = settings(max_examples=200, deadline=None, database=None)


@PROPERTY
@given(st.text(max_size=30))
def test_normalising_twice_is_normalising_once(value: str) -> None:
    assert normalize_number(normalize_number(value)) == normalize_number(value)


@PROPERTY
@given(st.from_regex(r"\+[1-9][0-9]{6,14}", fullmatch=True), st.lists(st.sampled_from(" -()\u00a0"), max_size=6))
def test_separators_never_change_the_digits(number: str, separators: list[str]) -> None:
    written = number
    for place, separator in enumerate(separators, start=2):
        written = written[: place * 2] + separator + written[place * 2 :]
    if "(0)" not in written.replace(" ", "").replace("\u00a0", ""):
        assert normalize_number(written) == number[1:]


@pytest.mark.parametrize(
    "value", ["+44 7700 900000/1", "447700.900000.1", "+44/7700/900000", "+39 (0)6 1234 5678", "+378 (0549) 88 2.1"]
)
def test_what_may_be_two_numbers_or_another_number_is_left_alone(value: str) -> None:
    assert normalize_number(value) == value


@pytest.mark.parametrize(
    "value", ["\r\nHTTP/1.1 200 OK\r\n", "\x1b[2J and more\x07", "a\u2028and more\u2029b", "\x85" * 9]
)
def test_a_masked_text_is_one_line_that_a_terminal_obeys_in_nothing(value: str) -> None:
    assert masked(value).isprintable()
    assert len(masked(value).splitlines()) == 1


def test_a_masked_text_can_be_printed() -> None:
    assert masked("\udc80" * 9).isascii()


@pytest.mark.parametrize("reference", ["order-4711", "aaaaaaaa-bbbb-4ccc-8ddd-0123456789ab", "x" * 100, ""])
def test_reference_is_shown_as_it_is(reference: str) -> None:
    assert masked_reference(reference) == reference


@pytest.mark.parametrize("reference", ["447700900000", "+44 7700 900000", "ada@example.com", "x" * 101, "a\nb"])
def test_reference_that_may_be_a_person_is_masked(reference: str) -> None:
    assert masked_reference(reference) == masked(reference) != reference


@pytest.mark.parametrize(
    ("value", "finite"),
    [(1, True), (-1.5, True), (True, False), ("1", False), (None, False), (float("nan"), False), (10**400, False)],
)
def test_finite_is_what_a_float_can_hold(value: object, finite: bool) -> None:
    assert is_finite(value) is finite
