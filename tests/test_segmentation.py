"""Parts of an SMS: every boundary by table, and random texts against a slow count that packs them one by one."""

from __future__ import annotations

import pickle
import unicodedata

import attrs
import gsm0338
import pytest
import smsutil
from hypothesis import example, given
from hypothesis import strategies as st

from vonage_messages.channels.enums import EncodingType
from vonage_messages.segmentation import (
    Replacement,
    Segments,
    SmsEncoding,
    replace_smart,
    segments,
    suggest_replacements,
)

# Written anew from the code points of 3GPP TS 23.038, row by row, so that a slip in the package's table shows.
BASIC_CODE_POINTS = (
    *(0x40, 0xA3, 0x24, 0xA5, 0xE8, 0xE9, 0xF9, 0xEC, 0xF2, 0xC7, 0x0A, 0xD8, 0xF8, 0x0D, 0xC5, 0xE5),
    *(0x394, 0x5F, 0x3A6, 0x393, 0x39B, 0x3A9, 0x3A0, 0x3A8, 0x3A3, 0x398, 0x39E, 0x1B, 0xC6, 0xE6, 0xDF, 0xC9),
    *(0x20, 0x21, 0x22, 0x23, 0xA4, *range(0x25, 0x40)),
    *(0xA1, *range(0x41, 0x5B), 0xC4, 0xD6, 0xD1, 0xDC, 0xA7),
    *(0xBF, *range(0x61, 0x7B), 0xE4, 0xF6, 0xF1, 0xFC, 0xE0),
)
EXTENSION_CODE_POINTS = (0x0C, 0x5B, 0x5C, 0x5D, 0x5E, 0x7B, 0x7C, 0x7D, 0x7E, 0x20AC)
BASIC = "".join(map(chr, BASIC_CODE_POINTS))
EXTENSION = "".join(map(chr, EXTENSION_CODE_POINTS))
EMOJI = "\U0001f600"
LEAD, TRAIL = "\ud83d", "\ude00"

TEXTS = st.text(
    st.one_of(
        st.sampled_from(BASIC),
        st.sampled_from(EXTENSION),
        st.sampled_from(EXTENSION),
        st.sampled_from(["ç", "я", "\u2019", EMOJI, LEAD, TRAIL, "\0"]),
        st.characters(),
    )
)
GSM_TEXTS = st.text(st.sampled_from(BASIC + EXTENSION * 8))


def repeated(texts: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """Long texts out of short ones, shifted so that boundaries fall anywhere."""
    return st.builds(lambda head, body, times: head + body * times, texts, texts, st.integers(0, 200))


def packed(text: str, encoding: str = "auto") -> tuple[str, int, int, int, int]:
    """Put the characters of *text* into parts one after another: alphabet, parts, units, capacity, free units."""
    gsm = encoding == "text" or (encoding == "auto" and all(each in BASIC + EXTENSION for each in text))
    if gsm:
        sizes = [2 if each in EXTENSION else 1 for each in text]
    else:
        joined = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")
        sizes = [2 if ord(each) > 0xFFFF else 1 for each in joined]
    single, several = (160, 153) if gsm else (70, 67)
    if sum(sizes) <= single:
        return "GSM-7" if gsm else "UCS-2", int(bool(text)), sum(sizes), single, single - sum(sizes)
    parts = [0]
    for size in sizes:
        if parts[-1] + size > several:
            parts.append(0)
        parts[-1] += size
    return "GSM-7" if gsm else "UCS-2", len(parts), sum(sizes), several, several - parts[-1]


def shown(counted: Segments) -> tuple[str, int, int, int, int]:
    return counted.encoding, counted.count, counted.units, counted.per_segment, counted.remaining


@pytest.mark.each("character", BASIC)
def test_character_of_the_basic_table_counts_one(character: str) -> None:
    assert shown(segments(character)) == ("GSM-7", 1, 1, 160, 159)
    assert segments(character * 160).count == 1
    assert segments(character * 161).count == 2


@pytest.mark.each("character", EXTENSION)
def test_character_of_the_extension_table_counts_two(character: str) -> None:
    assert shown(segments(character)) == ("GSM-7", 1, 2, 160, 158)
    assert segments(character * 80).count == 1
    assert segments(character * 81).count == 2


def test_every_other_character_forces_ucs_2() -> None:
    points = [*range(0x10000), *range(0x10000, 0x110000, 257)]  # the whole basic plane, and some of every other
    in_gsm = [chr(point) for point in points if segments(chr(point)).encoding == "GSM-7"]
    assert sorted(in_gsm) == sorted(BASIC + EXTENSION)


@pytest.mark.each(
    ("units", "count", "per_segment", "remaining"),
    [
        (1, 1, 160, 159),
        (159, 1, 160, 1),
        (160, 1, 160, 0),
        (161, 2, 153, 145),
        (306, 2, 153, 0),
        (307, 3, 153, 152),
        (459, 3, 153, 0),
        (460, 4, 153, 152),
        (612, 4, 153, 0),
        (613, 5, 153, 152),
        (765, 5, 153, 0),
        (766, 6, 153, 152),
        (918, 6, 153, 0),
        (919, 7, 153, 152),
        (3200, 21, 153, 13),
    ],
)
def test_boundaries_of_gsm_7(units: int, count: int, per_segment: int, remaining: int) -> None:
    assert shown(segments("a" * units)) == ("GSM-7", count, units, per_segment, remaining)


@pytest.mark.each(
    ("units", "count", "per_segment", "remaining"),
    [
        (1, 1, 70, 69),
        (69, 1, 70, 1),
        (70, 1, 70, 0),
        (71, 2, 67, 63),
        (134, 2, 67, 0),
        (135, 3, 67, 66),
        (201, 3, 67, 0),
        (202, 4, 67, 66),
        (268, 4, 67, 0),
        (269, 5, 67, 66),
        (335, 5, 67, 0),
        (336, 6, 67, 66),
        (402, 6, 67, 0),
        (403, 7, 67, 66),
        (3200, 48, 67, 16),
    ],
)
def test_boundaries_of_ucs_2(units: int, count: int, per_segment: int, remaining: int) -> None:
    assert shown(segments("я" * units)) == ("UCS-2", count, units, per_segment, remaining)


@pytest.mark.each(
    ("text", "count", "units", "remaining"),
    [
        ("a" * 158 + "€", 1, 160, 0),
        ("a" * 159 + "€", 2, 161, 145),
        ("a" * 151 + "€" + "a" * 153, 2, 306, 0),
        ("a" * 152 + "€" + "a" * 151, 2, 305, 0),
        ("a" * 152 + "€" + "a" * 152, 3, 306, 152),
        ("a" * 153 + "€" + "a" * 151, 2, 306, 0),
        ("€" * 80, 1, 160, 0),
        ("€" * 152, 2, 304, 1),
        ("€" * 153, 3, 306, 151),
        ("a" + "€" * 152, 2, 305, 1),
        ("a" * 152 + "€" * 76 + "a" * 2, 3, 306, 152),
    ],
)
def test_escape_pair_is_never_split(text: str, count: int, units: int, remaining: int) -> None:
    assert shown(segments(text)) == ("GSM-7", count, units, 160 if count == 1 else 153, remaining)


@pytest.mark.each(
    ("text", "count", "units", "remaining"),
    [
        (EMOJI, 1, 2, 68),
        (EMOJI * 35, 1, 70, 0),
        (EMOJI * 36, 2, 72, 61),
        ("a" * 68 + EMOJI, 1, 70, 0),
        ("a" * 69 + EMOJI, 2, 71, 63),
        ("a" * 65 + EMOJI + "a" * 67, 2, 134, 0),
        ("a" * 66 + EMOJI + "a" * 65, 2, 133, 0),
        ("a" * 66 + EMOJI + "a" * 66, 3, 134, 66),
        (EMOJI * 66, 2, 132, 1),
        (EMOJI * 67, 3, 134, 65),
    ],
)
def test_surrogate_pair_is_never_split(text: str, count: int, units: int, remaining: int) -> None:
    assert shown(segments(text)) == ("UCS-2", count, units, 70 if count == 1 else 67, remaining)


@given(st.one_of(TEXTS, repeated(TEXTS), repeated(GSM_TEXTS)), st.sampled_from(["auto", "text", "unicode"]))
@example("a" * 152 + "€" + "a" * 152, "auto")
@example("a" * 66 + LEAD + TRAIL + "a" * 66, "auto")
def test_parts_agree_with_packing_character_by_character(text: str, encoding: str) -> None:
    assert shown(segments(text, encoding)) == packed(text, encoding)


@given(repeated(st.text(st.sampled_from(["a", "€", EMOJI, LEAD, TRAIL]))))
def test_parts_agree_where_pairs_are_many(text: str) -> None:
    assert shown(segments(text)) == packed(text)


@given(st.one_of(TEXTS, repeated(TEXTS), repeated(GSM_TEXTS)).filter(bool))
@example("a" * 152 + "€" + "a" * 152)
@example("a" * 66 + EMOJI + "a" * 66)
def test_parts_agree_with_the_splitter_of_smsutil(text: str) -> None:
    joined = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")  # it takes no half of a pair
    split, counted = smsutil.split(joined), segments(joined)
    in_gsm = split.encoding == "gsm0338"
    units = split.total_bytes if in_gsm else split.total_bytes // 2
    assert (counted.encoding == "GSM-7", counted.count, counted.units) == (in_gsm, len(split.parts), units)


@pytest.mark.each("units", [160, 161, 306, 307, 459, 460, 918, 919, 70, 71, 134, 135, 201, 202])
@pytest.mark.each("before", range(3))
@pytest.mark.each("pair", ["€", "[", EMOJI])
def test_pairs_at_every_boundary_agree_with_the_splitter_of_smsutil(units: int, before: int, pair: str) -> None:
    for filling in ("a", "я"):
        text = filling * (units - before) + pair + filling * units
        assert segments(text).count == len(smsutil.split(text).parts)


@given(st.one_of(TEXTS, GSM_TEXTS))
def test_alphabet_and_septets_agree_with_the_codec_of_gsm0338(text: str) -> None:
    try:
        octets: int | None = len(gsm0338.Codec().encode(text)[0])
    except UnicodeEncodeError:
        octets = None
    counted = segments(text)
    assert (counted.units if counted.encoding is SmsEncoding.GSM_7 else None) == octets


def test_a_result_has_exactly_six_fields() -> None:
    names = [field.name for field in attrs.fields(Segments)]
    assert names == ["encoding", "count", "units", "per_segment", "remaining", "forcing_characters"]


@given(TEXTS)
def test_forcing_characters_are_those_outside_gsm_7_in_order(text: str) -> None:
    expected: list[str] = []
    for character in text:
        if character not in BASIC + EXTENSION and character not in expected:
            expected.append(character)
    assert segments(text).forcing_characters == tuple(expected)


def test_lower_case_c_with_cedilla_forces_ucs_2_and_the_upper_case_does_not() -> None:
    assert segments("Ça va").encoding is SmsEncoding.GSM_7
    assert segments("ça va, garçon\u2019").encoding is SmsEncoding.UCS_2
    assert segments("ça va, garçon\u2019").forcing_characters == ("ç", "\u2019")


def test_one_stray_character_triples_the_parts() -> None:
    assert segments("a" * 160).count == 1
    assert segments("a" * 159 + "\u2019").count == 3


def test_empty_text_has_no_part() -> None:
    assert shown(segments("")) == ("GSM-7", 0, 0, 160, 160)
    assert shown(segments("", "unicode")) == ("UCS-2", 0, 0, 70, 70)


@pytest.mark.parametrize("text", [LEAD, TRAIL, TRAIL + LEAD, "a" * 70 + LEAD, "\ud800" * 200])
def test_half_a_surrogate_pair_counts_as_one_unit(text: str) -> None:
    assert segments(text).units == len(text)


def test_two_halves_side_by_side_are_one_pair() -> None:
    assert segments("a" * 66 + LEAD + TRAIL + "a" * 66).count == 3


def test_text_is_kept_in_gsm_7_when_the_message_says_so() -> None:
    counted = segments("ç" * 161 + "€", "text")
    assert shown(counted) == ("GSM-7", 2, 163, 153, 143)
    assert counted.forcing_characters == ()


def test_text_is_put_into_ucs_2_when_the_message_says_so() -> None:
    counted = segments("a" * 71, "unicode")
    assert shown(counted) == ("UCS-2", 2, 71, 67, 63)
    assert counted.forcing_characters == ()


@pytest.mark.parametrize("encoding", list(EncodingType))
def test_encoding_may_be_a_member_of_the_enum(encoding: EncodingType) -> None:
    assert segments("Grüße [ç]", encoding) == segments("Grüße [ç]", encoding.value)


@pytest.mark.parametrize("encoding", ["", "AUTO", "gsm"])
def test_unknown_encoding_is_refused(encoding: str) -> None:
    with pytest.raises(ValueError, match=f"auto, text or unicode, not '{encoding}'"):
        segments("Hello", encoding)


def test_segments_are_frozen_and_pickle() -> None:
    counted = segments("Grüße, ç")
    assert pickle.loads(pickle.dumps(counted)) == counted  # noqa: S301  made on the line itself
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        counted.count = 2  # type: ignore[misc]


@pytest.mark.each(
    ("text", "plain"),
    [
        ("\u201cHello\u201d \u2018you\u2019", "\"Hello\" 'you'"),
        ("9\u201312 \u2014 daily", "9-12 - daily"),
        ("wait\u2026", "wait..."),
        ("10\u00a0\u20ac, 5\u202fkg", "10 €, 5 kg"),
        ("\u2022 one\t\u2022 two", "* one * two"),
        ("it`s \u00abhere\u00bb", 'it\'s "here"'),
        ("zero\u200bwidth\ufeff", "zerowidth"),
        ("\u202a+44 7700 900000\u202c", "+44 7700 900000"),
        ("cafe\u0301 A\u030angstro\u0308m \u212b", "café Ångström Å"),
        ("o\ufb00er \ufb01ve \ufb02ags", "offer five flags"),
    ],
)
def test_typographic_forms_become_plain(text: str, plain: str) -> None:
    assert segments(text).encoding == "UCS-2"
    assert replace_smart(text) == plain
    assert segments(plain).encoding == "GSM-7"


@pytest.mark.parametrize("text", ["ça\u2026", "\u201cдля\u201d", f"it\u2019s {EMOJI}", "ção", "l\u00b7l"])
def test_text_that_stays_in_ucs_2_is_left_alone(text: str) -> None:
    assert replace_smart(text) == text


def test_text_that_would_take_more_parts_is_left_alone() -> None:
    assert replace_smart("\u2026" * 53) == "..." * 53
    assert segments("\u2026" * 70).count == 1
    assert replace_smart("\u2026" * 70) == "\u2026" * 70


@given(st.text(st.one_of(st.sampled_from("\u2019\u2026\u201c\u00a0\u2013\u200b\u0301e"), st.sampled_from(BASIC))))
def test_replacing_never_costs_more_and_is_done_once(text: str) -> None:
    plain = replace_smart(text)
    assert segments(plain).count <= segments(text).count
    assert plain == text or segments(plain).encoding == "GSM-7"
    assert replace_smart(plain) == plain


@given(TEXTS)
@example("Hello [there]")
def test_text_in_gsm_7_needs_no_replacement(text: str) -> None:
    if segments(text).encoding == "GSM-7":
        assert replace_smart(text) == text
        assert suggest_replacements(text) == ()


@given(TEXTS)
def test_no_letter_is_suggested_for_another(text: str) -> None:
    for each in suggest_replacements(text):
        letters = [one for one in each.character if unicodedata.category(one).startswith("L") and one != "\u02bc"]
        same = unicodedata.normalize("NFKC", each.character) == each.replacement
        assert not letters or same


def test_replacements_name_character_plain_form_and_places() -> None:
    assert suggest_replacements("\u201cIt\u2019s\u201d it\u2019s, ça\u2026") == (
        Replacement(character="\u201c", replacement='"', positions=(0,)),
        Replacement(character="\u2019", replacement="'", positions=(3, 9)),
        Replacement(character="\u201d", replacement='"', positions=(5,)),
        Replacement(character="\u2026", replacement="...", positions=(15,)),
    )
    assert [each.count for each in suggest_replacements("\u2019 \u2019\u2013")] == [2, 1]


def test_letter_with_a_combining_accent_is_one_replacement() -> None:
    assert suggest_replacements("cafe\u0301") == (Replacement(character="e\u0301", replacement="é", positions=(3,)),)


def test_every_plain_form_is_in_the_basic_table() -> None:
    candidates = "".join(map(chr, range(0x10000)))
    found = suggest_replacements(candidates)
    assert len(found) > 60
    assert {one for each in found for one in each.replacement} <= set(BASIC)
    assert not {each.character for each in found} & set(BASIC + EXTENSION)
