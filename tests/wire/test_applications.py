"""The requests of the Applications API, and what its answers mean."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vonage_messages.errors import InvalidMessageError, UnexpectedResponseError
from vonage_messages.wire import applications as wire
from vonage_messages.wire.applications import Application

INBOUND, STATUS = "https://example.com/webhooks/inbound", "https://example.com/webhooks/status"
URLS = {"inbound_url": INBOUND, "status_url": STATUS}
ID = "78d335fa-323d-0114-9c3d-d6f0d48968cf"
KEY = "-----BEGIN PUBLIC KEY-----"
DOCUMENT: dict[str, Any] = {
    "id": ID,
    "name": "Shop",
    "keys": {"public_key": KEY},
    "capabilities": {
        "messages": {
            "version": "v0.1",
            "authenticate_inbound_media": True,
            "webhooks": {"inbound_url": {"address": INBOUND, "http_method": "POST"}, "status_url": {"address": ""}},
        },
        "voice": {"region": "eu-west"},
    },
    "privacy": {"improve_ai": False},
    "_links": {"self": {"href": "/v2/applications"}},
}


@pytest.mark.parametrize(
    ("build", "paths"),
    [
        (lambda: wire.create_request(" ", inbound_url="ftp://a", status_url="b", webhook_version="v2"), 4),
        (lambda: wire.update_request(Application(id=ID, name="Shop")), 2),
        (lambda: wire.get_request("no-id"), 1),
        (lambda: wire.delete_request("../accounts"), 1),
    ],
)
def test_what_cannot_be_right_is_refused(build: Any, paths: int) -> None:
    with pytest.raises(InvalidMessageError) as caught:
        build()
    assert len(caught.value.problems) == paths


def test_a_request_holds_what_the_reference_shows() -> None:
    request = wire.create_request("Shop", **URLS)
    assert (request.method, request.path) == ("POST", "/v2/applications")
    assert json.loads(request.body) == {
        "name": "Shop",
        "capabilities": {
            "messages": {
                "version": "v1",
                "webhooks": {
                    "inbound_url": {"address": INBOUND, "http_method": "POST"},
                    "status_url": {"address": STATUS, "http_method": "POST"},
                },
            }
        },
    }


@pytest.mark.parametrize("document", [None, [], {}, {"_embedded": []}, {"_embedded": {"applications": [{}]}}])
def test_what_is_no_list_is_unexpected(document: object) -> None:
    with pytest.raises(UnexpectedResponseError):
        wire.read_page(document)


def test_an_application_is_read_with_all_that_it_has() -> None:
    application = wire.read_application(DOCUMENT)
    assert (application.id, application.name, application.public_key, application.private_key) == (
        ID,
        "Shop",
        KEY,
        None,
    )
    assert (application.inbound_url, application.status_url, application.webhook_version) == (INBOUND, None, "v0.1")
    assert application.has_messages
    assert application.extra == {"privacy": {"improve_ai": False}}


@pytest.mark.parametrize("capabilities", [{}, {"messages": None}, {"voice": {}}, {"messages": {"webhooks": [1]}}])
def test_an_application_may_have_no_webhooks(capabilities: dict[str, Any]) -> None:
    application = wire.read_application({"id": ID, "name": 5, "keys": "none", "capabilities": capabilities})
    assert (application.name, application.public_key) == ("", None)
    assert (application.inbound_url, application.status_url, application.webhook_version) == (None, None, None)


def test_an_update_sends_along_what_it_does_not_change() -> None:
    request = wire.update_request(wire.read_application(DOCUMENT), status_url=STATUS)
    assert (request.method, request.path) == ("PUT", f"/v2/applications/{ID}")
    messages = {
        "version": "v0.1",
        "authenticate_inbound_media": True,
        "webhooks": {
            "inbound_url": {"address": INBOUND, "http_method": "POST"},
            "status_url": {"address": STATUS, "http_method": "POST"},
        },
    }
    assert json.loads(request.body) == {
        "privacy": {"improve_ai": False},
        "name": "Shop",
        "capabilities": {"messages": messages, "voice": {"region": "eu-west"}},
        "keys": {"public_key": KEY},
    }


def test_a_key_is_sent_where_there_is_one() -> None:
    assert json.loads(wire.create_request("Shop", **URLS, public_key=KEY).body)["keys"] == {"public_key": KEY}
    bare = Application(id=ID, name="Shop")
    assert "keys" not in json.loads(wire.update_request(bare, **URLS).body)
    assert json.loads(wire.update_request(bare, **URLS, public_key=KEY).body)["keys"] == {"public_key": KEY}


def test_one_application_is_asked_for_and_deleted_by_its_id() -> None:
    assert [(each.method, each.path) for each in (wire.get_request(ID.upper()), wire.delete_request(ID))] == [
        ("GET", f"/v2/applications/{ID.upper()}"),
        ("DELETE", f"/v2/applications/{ID}"),
    ]
    assert wire.list_request(3).query == (("page_size", "100"), ("page", "3"))


@pytest.mark.parametrize("address", ["https://a b", "https://[", "https://", "ftp://a", "https://a\n", None])
def test_what_is_no_address_is_refused(address: Any) -> None:
    with pytest.raises(InvalidMessageError, match="inbound_url"):
        wire.create_request("Shop", inbound_url=address, status_url=STATUS)


@pytest.mark.parametrize(
    ("further", "count", "is_last"),
    [
        ({"page": 1, "total_pages": 3}, 1, False),
        ({"page": 3, "total_pages": 3}, 1, True),
        ({"page": 1, "total_pages": 3}, 0, True),
        ({}, 1, True),
        ({}, wire.PAGE_SIZE, False),
    ],
)
def test_a_page_says_whether_it_is_the_last(further: dict[str, int], count: int, is_last: bool) -> None:
    page = wire.read_page({**further, "_embedded": {"applications": [DOCUMENT] * count}})
    assert (len(page.applications), page.is_last) == (count, is_last)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from([*DOCUMENT, "webhooks"]), inner),
    max_leaves=10,
)


@given(JSON)
def test_no_document_crashes_the_reader(document: Any) -> None:
    try:
        application = wire.read_application(document)
    except UnexpectedResponseError:
        return
    assert application.id == document["id"]
    assert application.inbound_url is None
