"""What requests look like, and what a status, headers and a body mean."""

from __future__ import annotations

import importlib.util
import json
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vonage_messages import errors
from vonage_messages.wire import rest

SAMPLES = Path(__file__).parents[1] / "samples"
NOW = 1_700_000_000.0  # Tue, 14 Nov 2023 22:13:20 GMT
UUID = "d8f86df1-dec6-442f-870a-2241be27d721"
ACCEPTED = json.dumps({"message_uuid": UUID}).encode()


def sample(name: str, version: str = "v1") -> bytes:
    return (SAMPLES / version / "responses" / f"{name}.json").read_bytes()


def error(status: int, body: bytes = b"", headers: dict[str, str] | None = None) -> errors.APIError:
    found = rest.read_error(status, headers or {}, body, now=NOW)
    assert isinstance(found, errors.APIError)
    return found


def unexpected(status: int, body: bytes = b"", *, complete: bool = True) -> errors.UnexpectedResponseError:
    with pytest.raises(errors.UnexpectedResponseError) as caught:
        rest.read_send_response(status, {"X-Request-Id": "r1"}, body, complete=complete)
    return caught.value


@pytest.mark.parametrize(("version", "path"), [("v1", "/v1/messages"), ("v0.1", "/v0.1/messages")])
def test_each_version_is_sent_to_its_path(version: str, path: str) -> None:
    request = rest.send_request(b"{}", version)  # type: ignore[arg-type]
    assert (request.method, request.path, request.body) == ("POST", path, b"{}")


def test_unknown_version_is_refused() -> None:
    with pytest.raises(errors.ConfigurationError, match="api_version"):
        rest.send_request(b"{}", "v2")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("build", "name"),
    [
        (rest.mark_read_request, "whatsapp-read"),
        (rest.typing_indicator_request, "whatsapp-read-with-replying-indicator"),
        (rest.revoke_request, "rcs-revoked"),
    ],
)
def test_update_is_a_patch_with_the_documented_body(build: object, name: str) -> None:
    request = build(UUID)  # type: ignore[operator]
    assert (request.method, request.path) == ("PATCH", f"/v1/messages/{UUID}")
    assert json.loads(request.body) == json.loads((SAMPLES / "v1" / "updates" / f"{name}.json").read_bytes())


@pytest.mark.each("message_uuid", ["", "..", "a/b", "a?b", "a#b", "a b", "a%2Fb", "a\r\nb", "a" * 129, None, 7])
def test_what_is_no_id_does_not_get_into_a_path(message_uuid: str) -> None:
    with pytest.raises(errors.InvalidMessageError, match="message_uuid"):
        rest.mark_read_request(message_uuid)


def test_repr_of_a_request_hides_its_body() -> None:
    assert "secret words" not in repr(rest.send_request(b'{"text":"secret words"}'))


def test_accepted_message_is_read() -> None:
    sent = rest.read_send_response(202, {"x-request-id": "r1"}, sample("accepted-202"), client_ref="mine")
    assert sent.message_uuid == json.loads(sample("accepted-202"))["message_uuid"]
    assert (sent.workflow_id, sent.client_ref, sent.request_id) == (None, "mine", "r1")
    assert sent.headers == {"x-request-id": "r1"}


def test_accepted_failover_chain_carries_its_workflow() -> None:
    sent = rest.read_send_response(202, {}, sample("accepted-202-with-workflow"))
    assert sent.workflow_id == json.loads(sample("accepted-202-with-workflow"))["workflow_id"]


def test_accepted_message_of_v0_1_is_read() -> None:
    assert rest.read_send_response(202, {}, sample("accepted-202", "v0.1")).message_uuid


def test_any_2xx_with_an_id_counts_as_accepted() -> None:
    assert rest.read_send_response(200, {}, ACCEPTED).message_uuid == UUID


def test_workflow_of_a_wrong_type_is_left_out() -> None:
    body = json.dumps({"message_uuid": UUID, "workflow_id": 7}).encode()
    assert rest.read_send_response(202, {}, body).workflow_id is None


def test_receipt_survives_pickling() -> None:
    sent = rest.read_send_response(202, {"A": "b"}, ACCEPTED)
    copy = pickle.loads(pickle.dumps(sent))  # noqa: S301  our own bytes
    assert copy == sent
    assert copy.headers == {"A": "b"}


def test_send_message_response_is_another_name_of_sent_message() -> None:
    assert rest.SendMessageResponse is rest.SentMessage


@pytest.mark.each(
    "body",
    [
        b"",
        b"OK",
        b"{}",
        b"[]",
        b"null",
        b'{"message_uuid": ""}',
        b'{"message_uuid": 7}',
        b'{"message_uuid": null}',
        ACCEPTED[:-1],
        b"\xff\xfe",
        b"[" * 100_000,
    ],
)
def test_2xx_without_an_id_may_have_been_sent(body: bytes) -> None:
    found = unexpected(202, body)
    assert (found.status, found.body, found.request_id) == (202, body, "r1")
    assert found.maybe_sent
    assert not found.retryable


def test_2xx_that_was_cut_short_may_have_been_sent() -> None:
    found = unexpected(202, ACCEPTED, complete=False)
    assert "cut short" in str(found)
    assert found.maybe_sent


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308, 304, 300])
def test_redirect_is_unexpected_and_may_have_been_sent(status: int) -> None:
    found = unexpected(status, b"elsewhere")
    assert "redirect" in str(found)
    assert found.maybe_sent


def test_1xx_is_unexpected() -> None:
    assert unexpected(101).status == 101


def test_text_of_an_unexpected_answer_is_not_in_the_sentence() -> None:
    assert "secret words" not in str(unexpected(202, b"secret words"))


@pytest.mark.each(
    ("status", "cls", "retryable", "maybe_sent"),
    [
        (400, errors.ValidationError, False, False),
        (401, errors.AuthenticationError, False, False),
        (402, errors.PaymentRequiredError, False, False),
        (403, errors.PermissionDeniedError, False, False),
        (404, errors.NotFoundError, False, False),
        (405, errors.APIError, False, False),
        (409, errors.APIError, False, False),
        (415, errors.APIError, False, False),
        (422, errors.ValidationError, False, False),
        (429, errors.RateLimitedError, True, False),
        (451, errors.APIError, False, False),
        (500, errors.ServerError, True, True),
        (502, errors.ServerError, True, True),
        (503, errors.ServerError, True, True),
        (504, errors.ServerError, True, True),
        (599, errors.ServerError, True, True),
        (999, errors.ServerError, True, True),
    ],
)
def test_status_chooses_the_class(status: int, cls: type[errors.APIError], retryable: bool, maybe_sent: bool) -> None:
    found = error(status)
    assert type(found) is cls
    assert (found.retryable, found.maybe_sent) == (retryable, maybe_sent)


@pytest.mark.each("path", sorted((SAMPLES / "v1" / "responses").glob("error-*.json")), ids=lambda p: p.stem)
def test_every_recorded_problem_is_read(path: Path) -> None:
    status = int(path.stem.split("-")[1])
    document = json.loads(path.read_bytes())
    found = error(status, path.read_bytes(), {"Content-Type": "application/problem+json", "X-Request-Id": "r1"})
    assert found.status == status
    assert found.title == document["title"]
    assert found.type == document["type"]
    assert found.detail == document.get("detail", "")
    assert found.instance == document["instance"]
    assert found.request_id == "r1"


def test_invalid_parameters_become_problems() -> None:
    body = b'{"invalid_parameters": [{"name": "messenger.tag", "reason": "invalid value"}, {}, "odd", 7]}'
    assert error(422, body).invalid_parameters == (("messenger.tag", "invalid value"), ("", ""), ("", "odd"))


def test_invalid_params_of_external_accounts_are_read() -> None:
    body = json.dumps({"title": "no", "instance": None, "invalid_params": [{"name": "a", "reason": "b"}]}).encode()
    found = error(400, body)
    assert found.invalid_parameters == (("a", "b"),)
    assert found.instance == ""


def test_misspelt_details_stand_in_for_detail() -> None:
    assert error(401, b'{"details": "why"}').detail == "why"


def test_expired_token_is_recognised() -> None:
    found = error(401, sample("error-401-jwt-expired"))
    assert isinstance(found, errors.AuthenticationError)
    assert found.token_expired


@pytest.mark.parametrize("body", [b"<html>Bad Gateway</html>", b"", b"[1, 2]", b'"text"', b"\xff", b"{", b"1" * 5000])
def test_body_that_is_no_problem_is_kept_and_titled_by_the_status(body: bytes) -> None:
    found = error(502, body)
    assert found.body == body
    assert found.title == "Bad Gateway"
    assert found.detail == ""


def test_unknown_status_has_an_empty_title() -> None:
    assert error(499).title == ""


def test_half_a_surrogate_pair_can_be_printed() -> None:
    str(error(422, b'{"title": "\\ud800"}')).encode()


@pytest.mark.each(
    ("value", "seconds"),
    [
        ("0", 0.0),
        ("15", 15.0),
        (" 15 ", 15.0),
        ("Tue, 14 Nov 2023 22:13:50 GMT", 30.0),
        ("Tuesday, 14-Nov-23 22:13:50 GMT", 30.0),
        ("Tue Nov 14 22:13:50 2023", 30.0),
        ("Tue, 14 Nov 2023 22:13:50 -0000", 30.0),
        ("Tue, 14 Nov 2023 22:13:00 GMT", 0.0),
        ("Thu, 01 Jan 1970 00:00:00 GMT", 0.0),
        (None, None),
        ("", None),
        ("soon", None),
        ("-5", None),
        ("1.5", None),
        ("\u0661\u0665", None),
        ("9" * 400, None),
        ("Tue, 99 Nov 2023 22:13:50 GMT", None),
        ("Tue, 14 Nov 99999999999999999999 22:13:50 GMT", None),
    ],
)
def test_retry_after_is_read_in_both_forms(value: str | None, seconds: float | None) -> None:
    assert rest.parse_retry_after(value, now=NOW) == seconds


def test_429_carries_its_wait() -> None:
    found = error(429, sample("error-429-throttled"), {"retry-after": "15"})
    assert isinstance(found, errors.RateLimitedError)
    assert found.retry_after == 15.0


def test_update_that_was_accepted_gives_nothing() -> None:
    rest.read_update_response(202, {}, b"")


def test_refused_update_raises_its_error() -> None:
    with pytest.raises(errors.NotFoundError):
        rest.read_update_response(404, {}, sample("error-404-not-found"))


@pytest.mark.parametrize(
    ("body", "document"), [(b"", None), (b"{}", {}), (b'{"page": 1}', {"page": 1}), (b"[1]", [1]), (b"null", None)]
)
def test_document_of_an_answer_is_read(body: bytes, document: object) -> None:
    assert rest.read_document(200, {}, body) == document


@pytest.mark.parametrize(
    ("status", "body", "complete", "cls"),
    [
        (404, sample("error-404-not-found"), True, errors.NotFoundError),
        (503, b"", True, errors.ServerError),
        (200, b'{"page"', False, errors.ResponseLostError),
        (200, b'{"page"', True, errors.UnexpectedResponseError),
        (200, b"[" * 100_000, True, errors.UnexpectedResponseError),
        (302, b"{}", True, errors.UnexpectedResponseError),
    ],
)
def test_answer_without_a_document_says_what_it_is(
    status: int, body: bytes, complete: bool, cls: type[errors.VonageMessagesError]
) -> None:
    with pytest.raises(cls) as caught:
        rest.read_document(status, {}, body, complete=complete)
    assert caught.value.maybe_sent is (status != 404)


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE"])
def test_only_a_post_does_something_else_when_it_is_repeated(method: Any) -> None:
    assert rest.Request(method=method, path="/").harmless_twice is (method != "POST")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "type",
                    "title",
                    "detail",
                    "details",
                    "instance",
                    "invalid_parameters",
                    "invalid_params",
                    "name",
                    "reason",
                ]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=20,
)


@given(st.integers(100, 999), JSON)
def test_no_json_crashes_the_choice_of_an_error(status: int, document: object) -> None:
    found = rest.read_error(status, {"Retry-After": "x"}, json.dumps(document).encode(), now=NOW)
    assert isinstance(str(found), str)


@given(st.integers(100, 999), st.binary(max_size=200), st.text(max_size=60))
def test_no_bytes_crash_the_choice_of_an_error(status: int, body: bytes, retry_after: str) -> None:
    found = rest.read_error(status, {"Retry-After": retry_after}, body, now=NOW)
    assert found.body == body


def _decoders() -> list[Callable[[bytes], Any]]:
    decoders = [rest._decode_with_json]
    if importlib.util.find_spec("orjson"):
        decoders.append(rest.asking_first(importlib.import_module("orjson").loads))
    return decoders


@pytest.mark.parametrize("decode", _decoders())
@pytest.mark.parametrize(
    "body",
    [
        b'{"message_uuid": "\\ud800"}',
        b'{"message_uuid": "\xed\xa0\x80"}',
        b'{"message_uuid": NaN}',
        b'{"message_uuid": 1, "message_uuid": "b"}',
        b'\xef\xbb\xbf{"message_uuid": "a"}',
        '{"message_uuid": "ä"}'.encode("utf-16"),
        '{"message_uuid": "ä"}'.encode("utf-16-le"),
        ' {"message_uuid": "ä"}'.encode(),
        b"[]",
    ],
)
def test_every_decoder_reads_what_the_standard_library_reads(decode: Callable[[bytes], Any], body: bytes) -> None:
    assert repr(decode(body)) == repr(json.loads(body))


@pytest.mark.parametrize("decode", _decoders())
@pytest.mark.parametrize("body", [b"", b"{", b'{"a": "\xff"}', b'{"a": 1} x', b'{"a": ' + b"[" * 100_000])
def test_every_decoder_refuses_what_the_standard_library_refuses(decode: Callable[[bytes], Any], body: bytes) -> None:
    with pytest.raises((ValueError, RecursionError)):
        decode(body)


def test_decoder_that_refuses_is_not_the_last_word() -> None:
    def refuse(_body: bytes) -> Any:
        raise json.JSONDecodeError("no", "", 0)

    assert rest.asking_first(refuse)(ACCEPTED) == {"message_uuid": UUID}


def test_header_is_found_in_any_spelling() -> None:
    for spelling in ("X-Request-Id", "x-request-id", "X-REQUEST-ID"):
        assert rest.header_value({"Date": "now", spelling: "r1"}, "X-Request-Id") == "r1"
    assert rest.header_value({"Date": "now"}, "X-Request-Id") is None
