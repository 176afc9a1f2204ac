"""The rules that fields obey: URLs, files, emoji and senders, on both sides of their edges."""

from __future__ import annotations

import pytest

from vonage_messages import InvalidMessageError, MmsImage, MmsText, Sms, ViberFile, WhatsappReactionResource
from vonage_messages.channels.rules import as_tuple, file_extension, frozen_json, is_http_url


@pytest.mark.each(
    "link",
    [
        *("http://a", "https://example.com", "https://example.com:8443/a?b=c#d", "https://user@example.com/a"),
        *("https://127.0.0.1/a", "http://[::1]:8080/a", "https://exämple.com/ä", "HTTPS://EXAMPLE.COM/A"),
        *("https://example.com/%20a", "https://example.com/a(1).jpg", "https://example.com/a,b;c"),
    ],
)
def test_absolute_http_url_is_known(link: str) -> None:
    assert is_http_url(link)


@pytest.mark.each(
    "link",
    [
        *("", "a", "example.com", "//example.com/a", "/a", "ftp://example.com/a", "file:///a", "data:text/plain,a"),
        *("javascript:alert(1)", "http://", "https:///a", "https://?a", "https://:80/a", "https://example.com:x"),
        *("https://example.com:99999/a", "https://example.com:0/a", "http://[::1/a", "https://example.com/a b"),
        *("https://example.com/a\n", " https://example.com", "https://example.com/<a>", "https://example.com/\x00"),
        *(
            'https://example.com/"a"',
            "https://example.com\\a",
            "https://example.com/{a}",
            "https://example.com/a\u00a0b",
        ),
    ],
    ids=ascii,
)
def test_anything_else_is_no_http_url(link: str) -> None:
    assert not is_http_url(link)


@pytest.mark.each(
    ("link", "extension"),
    [
        ("https://example.com/cat.jpg", "jpg"),
        ("https://example.com/cat.JPG?x=1.exe#y.exe", "jpg"),
        ("https://example.com/a.b/cat", ""),
        ("https://example.com/a.b/cat.tar.gz", "gz"),
        ("https://example.com/.jpg", ""),
        ("https://example.com/cat.", ""),
        ("https://example.com/cat.j-g", ""),
        ("https://example.com", ""),
        ("https://example.com/", ""),
        ("cat.pdf", "pdf"),
        ("http://[::1/cat.pdf", ""),
    ],
)
def test_extension_is_what_the_path_shows(link: str, extension: str) -> None:
    assert file_extension(link) == extension


EMOJI = [
    *(
        "👍",
        "❤",
        "❤️",
        "😀",
        "👍🏽",
        "👨‍👩‍👧‍👦",
        "🇬🇧",
        "🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f",
        "5️⃣",
        "#️⃣",
    ),
    *("🏳️‍🌈", "👩🏽‍💻", "☀️", "©️", "™", "↩️", "〰️", "㊗️", "🫶", "⌚", "🧑‍🚀", "❤️‍🔥"),
]
NO_EMOJI = [
    "",
    " ",
    "x",
    "ok",
    "5",
    "#",
    "👍👍",
    "👍 ",
    " 👍",
    "👍x",
    "🇬",
    "🇬🇧🇫🇷",
    "\u200d",
    "\ufe0f",
    "👍\u200d",
    ":-)",
    "+1",
    "\ud83d",
]


@pytest.mark.each("emoji", EMOJI)
def test_one_emoji_is_accepted_however_many_code_points_it_takes(emoji: str) -> None:
    assert WhatsappReactionResource(action="react", emoji=emoji).emoji == emoji


@pytest.mark.each("emoji", NO_EMOJI, ids=ascii)
def test_anything_but_one_emoji_is_refused(emoji: str) -> None:
    with pytest.raises(InvalidMessageError) as caught:
        WhatsappReactionResource(action="react", emoji=emoji)
    assert [problem.path for problem in caught.value.problems] == ["emoji"]


@pytest.mark.parametrize("sender", ["Acme", "12345", "447700900001", "Acme Ltd", "24-7", "Ä", "x" * 300])
def test_sms_sender_may_be_a_number_or_a_name(sender: str) -> None:
    assert Sms(to="447700900000", from_=sender, text="Hi").from_ == sender


@pytest.mark.parametrize("sender", ["", "+Acme", "00Acme", " Acme", "Acme ", 5, None, "\ud83d"], ids=ascii)
def test_sms_sender_that_cannot_be_sent_is_refused(sender: str) -> None:
    with pytest.raises(InvalidMessageError) as caught:
        Sms(to="447700900000", from_=sender, text="Hi")
    assert [problem.path for problem in caught.value.problems] == ["from"]


@pytest.mark.parametrize("sender", ["12345", "654321", "14155550100", "18005550100"])
def test_mms_sender_may_be_a_short_code_or_a_number(sender: str) -> None:
    assert MmsText(to="14155550101", from_=sender, text="Hi").from_ == sender


@pytest.mark.parametrize("sender", ["Acme", "12-45", "", "+", "１２３４５", "١٢٣٤٥"])  # noqa: RUF001  digits of other scripts are the point
def test_mms_sender_is_digits_alone(sender: str) -> None:
    with pytest.raises(InvalidMessageError) as caught:
        MmsText(to="14155550101", from_=sender, text="Hi")
    assert [problem.path for problem in caught.value.problems] == ["from"]


@pytest.mark.parametrize("link", ["https://example.com/terms.pdf", "/files/terms.PDF", "terms.odt", "terms.xltx"])
def test_viber_file_is_given_by_url_or_path(link: str) -> None:
    assert ViberFile(to="447700900000", from_="654321", file=link).file.url == link


@pytest.mark.parametrize(
    "link", ["", "a b.pdf", "https://example.com/terms", "https://example.com/terms.exe", "\ud83d.pdf"], ids=ascii
)
def test_viber_file_without_a_name_needs_a_listed_file_name_in_its_link(link: str) -> None:
    with pytest.raises(InvalidMessageError) as caught:
        ViberFile(to="447700900000", from_="654321", file=link)
    assert [problem.path for problem in caught.value.problems] == ["file.url"]


def test_viber_file_with_a_name_needs_no_extension_in_its_link() -> None:
    file = {"url": "https://example.com/terms", "name": "Terms"}
    assert ViberFile(to="447700900000", from_="654321", file=file).file.name == "Terms"


def test_missing_link_is_one_problem() -> None:
    with pytest.raises(InvalidMessageError) as caught:
        ViberFile(to="447700900000", from_="654321", file={})
    assert str(caught.value) == "invalid ViberFile: file.url: is required"


def test_sentence_about_a_file_names_the_types_that_go() -> None:
    with pytest.raises(
        InvalidMessageError, match=r"must be a file of type \.jpg, \.jpeg, \.png, \.gif, \.bmp, not \.exe"
    ):
        MmsImage(to="14155550101", from_="14155550100", image="https://example.com/cat.exe")


@pytest.mark.parametrize("value", ["text", b"bytes", {"a": 1}, 5, None], ids=repr)
def test_what_is_no_list_is_left_alone(value: object) -> None:
    assert as_tuple(value) is value


def test_copied_json_has_lists_for_tuples() -> None:
    assert frozen_json({"a": (1, (2,))}) == {"a": [1, [2]]}
