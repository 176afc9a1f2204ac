"""Email: addresses, and what may be given in short."""

from __future__ import annotations

from typing import Any

import pytest

from vonage_messages import EmailAddress, EmailHtml, EmailHtmlBody, EmailOptions, EmailText, InvalidMessageError

PARTIES = {"to": "ada@example.com", "from_": "news@example.org"}
SETTINGS = EmailOptions(subject="News")


def paths_of(make: Any) -> list[str]:
    with pytest.raises(InvalidMessageError) as caught:
        make()
    return [problem.path for problem in caught.value.problems]


@pytest.mark.parametrize(
    "address", ["ada@example.com", "a@b", "ada+news@exämple.com", "o'hara@example.com", "a.b_c-d@e.f.g"]
)
def test_one_address_is_accepted(address: str) -> None:
    assert EmailText(to=address, from_="news@example.org", text="Hi", email=SETTINGS).to == address


@pytest.mark.each(
    "address",
    [
        *("", "ada", "@example.com", "ada@", "a@b@c", "Ada <ada@example.com>", "ada@example.com, bob@example.com"),
        *(
            "ada@example.com;bob@example.com",
            "ada@example.com\n",
            " ada@example.com",
            '"ada"@example.com',
            "\ud83d@example.com",
        ),
        *(5, None, ["ada@example.com"]),
    ],
    ids=ascii,
)
def test_anything_but_one_bare_address_is_refused(address: Any) -> None:
    assert paths_of(lambda: EmailText(to=address, from_="news@example.org", text="Hi", email=SETTINGS)) == ["to"]


def test_bare_address_does_for_a_further_recipient() -> None:
    options = EmailOptions(subject="News", cc=["bob@example.com", {"address": "eve@example.com", "name": "Eve"}])
    assert options.cc == (EmailAddress(address="bob@example.com"), EmailAddress(address="eve@example.com", name="Eve"))


def test_bare_html_does_for_the_body() -> None:
    assert EmailHtml(**PARTIES, html="<p>Hi</p>", email=SETTINGS).html == EmailHtmlBody(body="<p>Hi</p>")


def test_further_recipients_have_no_bound() -> None:
    assert len(EmailOptions(subject="News", bcc=["bob@example.com"] * 200).bcc or ()) == 200


def test_settings_are_required() -> None:
    assert paths_of(lambda: EmailText(**PARTIES, text="Hi", email=None)) == ["email"]
    assert paths_of(lambda: EmailText(**PARTIES, text="Hi", email={})) == ["email.subject"]
