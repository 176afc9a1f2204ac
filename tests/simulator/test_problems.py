from __future__ import annotations

from typing import Any

import pytest

from vonage_messages.simulator import problems
from vonage_messages.simulator.validate import InvalidParameter, validate_v1

SMS = {"channel": "sms", "message_type": "text", "to": "447700900000", "from": "Acme", "text": "Hello"}
MESSENGER = {"channel": "messenger", "message_type": "text", "to": "1", "from": "2", "text": "a"}


@pytest.mark.each(
    ("payload", "fragment", "title"),
    [
        (SMS | {"channel": "fax"}, "1100", "Invalid channel"),
        (SMS | {"sms": {"encoding_type": "x"}}, "1110", "Invalid channel parameters"),
        (MESSENGER | {"messenger": {"category": "x"}}, "1110", "Invalid channel parameters"),
        (SMS | {"from": "+447700900001"}, "1120", "Invalid sender"),
        (SMS | {"to": "Alice"}, "110", "Invalid recipient"),
        (SMS | {"message_type": "image"}, "1140", "Invalid message type"),
        (SMS | {"text": ""}, "1150", "Invalid params"),
        (SMS | {"pool_id": "x"}, "1150", "Invalid params"),
        (MESSENGER | {"messenger": {"category": "message_tag"}}, "1150", "Invalid params"),
        (SMS | {"client_ref": "a" * 101}, "1060", "Invalid client reference"),
        (SMS | {"failover": [SMS | {"to": "Alice"}]}, "110", "Invalid recipient"),
        (SMS | {"to": "Alice", "text": ""}, "1150", "Invalid params"),
    ],
)
def test_each_kind_of_mistake_has_its_document(payload: dict[str, Any], fragment: str, title: str) -> None:
    document = problems.invalid_parameters(validate_v1(payload))
    assert document.status == 422
    assert document.content_type == "application/json"
    assert document.body()["type"] == f"https://developer.vonage.com/api-errors/messages#{fragment}"
    assert document.body()["title"] == title
    assert document.body()["detail"]


def test_parameters_are_listed_for_params_documents() -> None:
    document = problems.invalid_parameters([InvalidParameter("ttl", "must be 20 to 604800")])
    assert document.body()["invalid_parameters"] == [{"name": "ttl", "reason": "must be 20 to 604800"}]


def test_other_documents_name_the_mistake_in_their_detail() -> None:
    body = problems.invalid_parameters([InvalidParameter("failover[2].to", "is required")]).body()
    assert "invalid_parameters" not in body
    assert body["detail"] == ("The `to` parameter is invalid for the given channel. failover[2].to: is required.")


def test_mistakes_of_several_kinds_are_all_listed() -> None:
    found = [InvalidParameter("to", "is required"), InvalidParameter("sms.x", "is not a parameter")]
    assert [item["name"] for item in problems.invalid_parameters(found).body()["invalid_parameters"]] == [
        "to",
        "sms.x",
    ]


def test_v0_1_has_exactly_four_fields() -> None:
    body = problems.v0_1_problems([InvalidParameter("to.type", "is required")]).body()
    assert set(body) == {"type", "title", "detail", "instance"}
    assert body["type"] == "https://www.nexmo.com/messages/Errors#InvalidParams"
    assert "to.type: is required" in body["detail"]


def test_every_document_has_a_fresh_instance() -> None:
    assert problems.low_balance().instance != problems.low_balance().instance


def test_a_throttled_answer_has_its_four_headers() -> None:
    document = problems.throttled(limit=30, remaining=0, retry_after=2, reset=1_769_182_705.723)
    assert document.headers == {
        "Retry-After": "2",
        "X-RateLimit-Limit": "30",
        "X-RateLimit-Remaining": "0",
        "X-RateLimit-Reset": "1769182705723",
    }


def test_an_unknown_id_is_cut_before_it_is_repeated() -> None:
    assert problems.unknown_message("x" * 5000).detail == f"Message with ID {'x' * 64} not found"
