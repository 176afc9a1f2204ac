"""``RawMessage``: sent as it is, and answering for both versions."""

from __future__ import annotations

from typing import Any

import pytest

from vonage_messages import InvalidMessageError, RawMessage

FLAT = {
    "channel": "fax",
    "message_type": "page",
    "to": "447700900000",
    "from": "Acme",
    "client_ref": "ref-1",
    "failover": [{"channel": "sms", "to": "447700900001"}],
}
NESTED = {
    "to": {"type": "viber_service_msg", "number": "447700900000"},
    "from": {"type": "viber_service_msg", "id": "654321"},
    "message": {"content": {"type": "sticker"}},
    "client_ref": "ref-2",
}


@pytest.mark.parametrize(
    ("payload", "answers"),
    [
        (FLAT, ("fax", "page", "447700900000", "Acme", "ref-1")),
        (NESTED, ("viber_service_msg", "sticker", "447700900000", "654321", "ref-2")),
        ({"to": {"type": "messenger", "id": "7064"}, "from": {"id": "1035"}}, ("messenger", "", "7064", "1035", None)),
        ({"note": "x"}, ("", "", "", "", None)),
        ({"channel": 5, "to": ["x"], "from": None, "message": [], "client_ref": 7}, ("", "", "", "", None)),
        ({"message": {"content": "x"}, "to": {"number": 5}}, ("", "", "", "", None)),
    ],
)
def test_raw_message_answers_what_its_payload_holds(payload: Any, answers: tuple[object, ...]) -> None:
    raw = RawMessage(payload)
    assert (raw.channel, raw.message_type, raw.to, raw.from_, raw.client_ref) == answers


def test_failover_items_of_a_raw_message_are_raw_messages() -> None:
    assert RawMessage(FLAT).failover == (RawMessage({"channel": "sms", "to": "447700900001"}),)


@pytest.mark.parametrize("failover", [None, [], "sms", {"channel": "sms"}], ids=repr)
def test_raw_message_without_a_list_of_items_has_no_failover(failover: object) -> None:
    assert RawMessage({"channel": "fax", "failover": failover}).failover is None


@pytest.mark.parametrize("payload", [{}, [], None, "text", 5], ids=repr)
def test_payload_that_is_no_object_or_empty_is_refused(payload: Any) -> None:
    with pytest.raises(InvalidMessageError) as caught:
        RawMessage(payload)
    assert [problem.path for problem in caught.value.problems] == ["payload"]


def test_payload_that_json_cannot_say_is_refused_at_its_path() -> None:
    with pytest.raises(InvalidMessageError) as caught:
        RawMessage({"a": {"b": [1, {2}]}})
    assert [problem.path for problem in caught.value.problems] == ["payload.a.b[1]"]


def test_payload_that_changes_later_changes_no_message() -> None:
    payload = {"pages": ["a"]}
    raw = RawMessage(payload)
    payload["pages"].append("b")
    assert raw.payload == {"pages": ["a"]}
