"""The requests of External Accounts and what its answers mean, as function calls."""

from __future__ import annotations

import pickle
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vonage_messages.errors import InvalidMessageError, UnexpectedResponseError
from vonage_messages.wire import accounts
from vonage_messages.wire.accounts import ExternalAccount, Provider, read_account, read_page

APPLICATION = "78d335fa-323d-0114-9c3d-d6f0d48968cf"
ITEM = {"provider": "messenger", "external_id": "1", "api_key": "abcd1234", "access_token": "the secret token"}


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        (accounts.list_request(), ("GET", "/beta/chatapp-accounts/", (), b"")),
        (
            accounts.list_request(provider="viber", page_size=50),
            ("GET", "/beta/chatapp-accounts/", (("provider", "viber_service_msg"), ("page_size", "50")), b""),
        ),
        (
            accounts.get_request("whatsapp", "+44 7700 900001"),
            ("GET", "/beta/chatapp-accounts/whatsapp/447700900001", (), b""),
        ),
        (
            accounts.create_messenger_request("1", "t", name="n", applications=[APPLICATION]),
            (
                "POST",
                "/beta/chatapp-accounts/messenger",
                (),
                b'{"external_id":"1","access_token":"t","name":"n","applications":["' + APPLICATION.encode() + b'"]}',
            ),
        ),
        (
            accounts.update_messenger_request("1", applications=[]),
            ("PATCH", "/beta/chatapp-accounts/messenger/1", (), b'{"applications":[]}'),
        ),
        (accounts.delete_messenger_request("1"), ("DELETE", "/beta/chatapp-accounts/messenger/1", (), b"")),
        (
            accounts.link_request("rcs", "Agent_1", APPLICATION),
            (
                "POST",
                "/beta/chatapp-accounts/rcs/Agent_1/applications",
                (),
                b'{"application":"' + APPLICATION.encode() + b'"}',
            ),
        ),
        (
            accounts.unlink_request("viber_service", "7", APPLICATION),
            ("DELETE", f"/beta/chatapp-accounts/viber_service_msg/7/applications/{APPLICATION}", (), b""),
        ),
    ],
)
def test_request(request_: Any, expected: tuple[Any, ...]) -> None:
    assert (request_.method, request_.path, request_.query, request_.body) == expected


@pytest.mark.parametrize(
    "build",
    [
        lambda: accounts.get_request("fax", "1"),
        lambda: accounts.get_request("whatsapp", "../messages"),
        lambda: accounts.get_request("whatsapp", ".."),
        lambda: accounts.get_request("rcs", "a/b"),
        lambda: accounts.get_request("rcs", "a?b"),
        lambda: accounts.get_request("rcs", 5),  # type: ignore[arg-type]
        lambda: accounts.list_request(page_size=0),
        lambda: accounts.list_request(page_size=2.5),  # type: ignore[arg-type]
        lambda: accounts.list_request(page_size=True),
        lambda: accounts.create_messenger_request("1", " "),
        lambda: accounts.create_messenger_request("1", "t", applications=[APPLICATION, APPLICATION]),
        lambda: accounts.create_messenger_request("1", "t", applications=APPLICATION),
        lambda: accounts.update_messenger_request("1"),
        lambda: accounts.update_messenger_request("1", name=5),  # type: ignore[arg-type]
        lambda: accounts.link_request("whatsapp", "1", "not an id"),
        lambda: accounts.unlink_request("whatsapp", "1", "../.."),
    ],
)
def test_what_cannot_be_right_is_refused(build: Any) -> None:
    with pytest.raises(InvalidMessageError):
        build()


def test_every_problem_of_a_new_page_is_listed() -> None:
    with pytest.raises(InvalidMessageError) as caught:
        accounts.create_messenger_request("a b", "", name=5, applications=["x"])  # type: ignore[arg-type]
    assert [each.path for each in caught.value.problems] == ["external_id", "access_token", "name", "applications[0]"]


def test_an_access_token_is_in_no_repr() -> None:
    account = read_account(ITEM)
    assert account.access_token == "the secret token"
    request = accounts.create_messenger_request("1", "the secret token")
    assert "secret" not in repr(account) + repr(request)
    assert pickle.loads(pickle.dumps(account)) == account  # noqa: S301  our own


def test_what_is_not_known_is_kept() -> None:
    account = read_account(ITEM | {"status": "live", "name": 5, "applications": [APPLICATION, 5]})
    assert account == ExternalAccount(
        provider=Provider.MESSENGER,
        external_id="1",
        api_key="abcd1234",
        access_token="the secret token",
        applications=(APPLICATION,),
        extra={"status": "live"},
    )


LINKS = {"next": {"href": "https://elsewhere.example/beta/chatapp-accounts?page_number=3&page_size=10"}}


@pytest.mark.parametrize(
    ("document", "count", "following"),
    [
        ({"_embedded": [ITEM], "_links": LINKS}, 1, (("page_number", "3"), ("page_size", "10"))),
        ({"_embedded": [ITEM], "_links": {}}, 1, None),
        ({"_embedded": {"accounts": [ITEM, ITEM]}}, 2, None),
        ([ITEM], 1, None),
        ({"_embedded": [], "_links": LINKS}, 0, None),
        ({"_embedded": [ITEM], "_links": {"next": {"href": "http://[broken"}}}, 1, None),
        ({"_embedded": [ITEM], "_links": {"next": 5}}, 1, None),
    ],
)
def test_page(document: object, count: int, following: object) -> None:
    page = read_page(document)
    assert (len(page.accounts), page.next_query) == (count, following)


@pytest.mark.parametrize("document", [None, 5, {}, {"_embedded": 5}, {"_embedded": [5]}, [{"provider": "rcs"}]])
def test_what_is_no_list_is_unexpected(document: object) -> None:
    with pytest.raises(UnexpectedResponseError):
        read_page(document)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["_embedded", "_links", "next", "href", "provider", "external_id"]), inner)
    ),
    max_leaves=12,
)


@given(JSON)
def test_no_document_crashes_the_reader(document: Any) -> None:
    with suppress(UnexpectedResponseError):
        assert all(each.external_id for each in read_page(document).accounts)
