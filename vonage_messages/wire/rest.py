"""
HTTP requests and responses of the Messages API as plain values: no socket, no waiting.

What belongs here: methods, paths and bodies of requests, and what a status, headers and a body mean. The one
function that chooses an error class is ``read_error``. How a message becomes JSON stands in ``wire.payloads``; who
sends, waits and repeats, in ``vonage_messages.clients``.

Reference: Messages API v1, sections 1 (endpoints), 12 (responses), 13 (updates) and 14 (error documents).
"""

from __future__ import annotations

import datetime as dt
import email.utils
import importlib
import json
import re
from contextlib import suppress
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Literal

import attrs

from vonage_messages.errors import (
    APIError,
    AuthenticationError,
    InvalidMessageError,
    NotFoundError,
    PaymentRequiredError,
    PermissionDeniedError,
    Problem,
    RateLimitedError,
    ResponseLostError,
    ServerError,
    UnexpectedResponseError,
    ValidationError,
)
from vonage_messages.wire.payloads import ApiVersion, check_api_version

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from vonage_messages.values import Seconds

SEND_PATHS: dict[ApiVersion, str] = {"v1": "/v1/messages", "v0.1": "/v0.1/messages"}
"""Where a message is sent, by API version (Messages API v1, section 1; v0.1, section 1)."""

_ERROR_CLASSES: dict[int, type[APIError]] = {
    400: ValidationError,  # what v0.1 answers where v1 answers 422
    401: AuthenticationError,
    402: PaymentRequiredError,
    403: PermissionDeniedError,
    404: NotFoundError,
    422: ValidationError,
}
_MESSAGE_UUID = re.compile(r"[A-Za-z0-9_-]{1,128}")
_MAYBE_DONE = "what was asked for may have been carried out"
_WHOLE_SECONDS = re.compile(r"[0-9]{1,12}")


def _as_dict(headers: Mapping[str, str]) -> dict[str, str]:
    """Copy headers into a plain mapping: unlike the proxies of HTTP libraries, it can be pickled."""
    return dict(headers)


@attrs.frozen(kw_only=True)
class Request:
    """
    One HTTP request, without host and credentials.

    ``body`` is UTF-8 JSON and may hold the text of a message, or a secret; it is empty where there is none. ``query``
    holds names and values that are not yet percent-encoded.
    """

    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"]
    path: str
    body: bytes = attrs.field(default=b"", repr=False)
    query: tuple[tuple[str, str], ...] = ()

    @property
    def harmless_twice(self) -> bool:
        """Whether repeating it leaves the platform as doing it once does: whatever it is, but for ``POST``."""
        return self.method != "POST"


@attrs.frozen(kw_only=True)
class SentMessage:
    """
    The platform's receipt for a message: accepted means queued, not delivered.

    Reference: Messages API v1, section 12.
    """

    message_uuid: str
    """The platform's id of the message; every status carries it."""

    workflow_id: str | None = None
    """The id of the failover chain, where the message had one."""

    client_ref: str | None = None
    """The sender's own reference, as it was given with the message."""

    request_id: str | None = None
    """``X-Request-Id`` of the response, for support tickets."""

    headers: Mapping[str, str] = attrs.field(factory=dict, converter=_as_dict, repr=False, eq=False)
    """The headers of the response, spelled as they arrived."""


SendMessageResponse = SentMessage


def send_request(body: bytes, api_version: ApiVersion = "v1") -> Request:
    """
    Build the request that sends a message; *body* is its JSON in the form of *api_version*.

    Raises:
        ConfigurationError: there is no such version.
    """
    check_api_version(api_version)
    return Request(method="POST", path=SEND_PATHS[api_version], body=body)


def mark_read_request(message_uuid: str) -> Request:
    """
    Build the request that marks an inbound WhatsApp or RCS message as read.

    Raises:
        InvalidMessageError: *message_uuid* is not an id.

    Reference: Messages API v1, section 13.
    """
    return _update_request(message_uuid, {"status": "read"})


def typing_indicator_request(message_uuid: str) -> Request:
    """
    Build the request that marks an inbound WhatsApp message as read and shows "typing" for up to 25 seconds.

    Raises:
        InvalidMessageError: *message_uuid* is not an id.

    Reference: Messages API v1, section 13: ``status`` must stand beside ``replying_indicator``.
    """
    indicator = {"show": True, "type": "text"}
    return _update_request(message_uuid, {"status": "read", "replying_indicator": indicator})


def revoke_request(message_uuid: str) -> Request:
    """
    Build the request that takes back an outbound RCS message which was not delivered yet.

    Raises:
        InvalidMessageError: *message_uuid* is not an id.

    Reference: Messages API v1, section 13.
    """
    return _update_request(message_uuid, {"status": "revoked"})


def read_send_response(  # noqa: PLR0913  a response has three parts; the rest is what it does not say
    status: int,
    headers: Mapping[str, str],
    body: bytes,
    *,
    now: float = 0.0,
    client_ref: str | None = None,
    complete: bool = True,
) -> SentMessage:
    """
    Read the response to a send. *now* is unix seconds, for a ``Retry-After`` that is a date; *complete* is false
    where the connection broke within *body*.

    Any 2xx with a ``message_uuid`` counts as accepted, although the reference knows 202 only: an error would invite
    a repetition, which is a second message on somebody's phone.

    Raises:
        APIError: the status is 4xx or 5xx.
        UnexpectedResponseError: a redirect, a 2xx without a ``message_uuid``, or one that was cut short.
    """
    if not _is_success(status):
        raise read_error(status, headers, body, now=now)
    if not complete:
        raise unexpected_response(status, headers, body, "and a body that was cut short")
    document = _json_object(body)
    message_uuid = document.get("message_uuid")
    if not isinstance(message_uuid, str) or not message_uuid:
        raise unexpected_response(status, headers, body, "without a message_uuid")
    workflow_id = document.get("workflow_id")
    return SentMessage(
        message_uuid=message_uuid,
        workflow_id=workflow_id if isinstance(workflow_id, str) else None,
        client_ref=client_ref,
        request_id=header_value(headers, "X-Request-Id"),
        headers=headers,
    )


def read_update_response(status: int, headers: Mapping[str, str], body: bytes, *, now: float = 0.0) -> None:
    """
    Read the response to an update: 202 with an empty body. Any 2xx counts, whatever its body.

    Raises:
        APIError: the status is 4xx or 5xx.
        UnexpectedResponseError: a redirect.
    """
    if not _is_success(status):
        raise read_error(status, headers, body, now=now)


def read_document(
    status: int,
    headers: Mapping[str, str],
    body: bytes,
    *,
    now: float = 0.0,
    complete: bool = True,
) -> Any:
    """
    Read the response of an API that manages something: the JSON document of a 2xx, ``None`` for an empty body.

    Raises:
        APIError: the status is 4xx or 5xx.
        ResponseLostError: a 2xx whose body was cut short.
        UnexpectedResponseError: a redirect, or a 2xx whose body is no JSON.
    """
    if not _is_success(status):
        raise read_error(status, headers, body, now=now)
    if not complete:
        raise ResponseLostError(f"the platform answered HTTP {status} and a body that was cut short: {_MAYBE_DONE}")
    if not body:
        return None
    try:
        return _decode(body)
    except (ValueError, RecursionError):
        raise unexpected_response(status, headers, body, "and a body that is no JSON", _MAYBE_DONE) from None


def read_error(
    status: int, headers: Mapping[str, str], body: bytes, *, now: float = 0.0
) -> APIError | UnexpectedResponseError:
    """
    Choose the error for a response that is not a success. Never raises, whatever the body holds.

    The status decides, as the reference advises: the fragments of ``type`` do not line up with the error codes
    (section 14). A body that is no problem document leaves its fields empty and is kept as it is.
    """
    if status < HTTPStatus.BAD_REQUEST:
        return _redirect_or_worse(status, headers, body)
    document = _json_object(body)
    fields: dict[str, Any] = {
        "type": _text(document.get("type")),
        "title": _text(document.get("title")) or _phrase(status),
        # OpenAPI 1.11 requires a misspelt `details` of a 401.
        "detail": _text(document.get("detail")) or _text(document.get("details")),
        "instance": _text(document.get("instance")),
        "invalid_parameters": tuple(_invalid_parameters(document)),
        "request_id": header_value(headers, "X-Request-Id"),
        "headers": headers,
        "body": body,
    }
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        retry_after = parse_retry_after(header_value(headers, "Retry-After"), now=now)
        return RateLimitedError(status, retry_after=retry_after, **fields)
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return ServerError(status, **fields)
    return _ERROR_CLASSES.get(status, APIError)(status, **fields)


def unexpected_response(
    status: int,
    headers: Mapping[str, str],
    body: bytes,
    what: str,
    consequence: str = "the message may have been accepted",
) -> UnexpectedResponseError:
    """
    Build the error for an answer that the reference does not describe.

    *what* ends ``answered HTTP 202 …``; *consequence* says what may have happened all the same.
    """
    return UnexpectedResponseError(
        f"the platform answered HTTP {status} {what}: {consequence}",
        status=status,
        body=body,
        request_id=header_value(headers, "X-Request-Id"),
        headers=headers,
    )


def parse_retry_after(value: str | None, *, now: float) -> Seconds | None:
    """
    Read ``Retry-After`` in both forms: whole seconds, or an HTTP date, taken relative to *now* (unix seconds).

    A date in the past is 0. What is neither form is ``None``. Never raises.

    Reference: RFC 9110, section 10.2.3; Messages API v1, section 1 (integer seconds).
    """
    if value is None:
        return None
    text = value.strip()
    if _WHOLE_SECONDS.fullmatch(text):
        return float(text)
    try:
        moment = email.utils.parsedate_to_datetime(text)
        if moment.tzinfo is None:  # "-0000" and a missing zone: HTTP dates are always UTC
            moment = moment.replace(tzinfo=dt.UTC)
        return max(0.0, moment.timestamp() - now)
    except (TypeError, ValueError, OverflowError, IndexError):
        return None


def header_value(headers: Mapping[str, str], name: str) -> str | None:
    """Look a header up by its name, in any spelling."""
    value = headers.get(name)  # mostly spelled as it is asked for
    if value is not None:
        return value
    wanted = name.lower()
    return next((value for key, value in headers.items() if key.lower() == wanted), None)


def _update_request(message_uuid: object, change: dict[str, object]) -> Request:
    # The id becomes a segment of the path: nothing but an id may get there.
    if not isinstance(message_uuid, str) or not _MESSAGE_UUID.fullmatch(message_uuid):
        raise InvalidMessageError([("message_uuid", "must be the id of a message (a UUID)")], "update")
    path = f"{SEND_PATHS['v1']}/{message_uuid}"
    return Request(method="PATCH", path=path, body=json.dumps(change, separators=(",", ":")).encode())


def _is_success(status: int) -> bool:
    return 200 <= status < 300  # noqa: PLR2004  2xx; spelled as members of HTTPStatus the two cost half a microsecond


def _redirect_or_worse(status: int, headers: Mapping[str, str], body: bytes) -> UnexpectedResponseError:
    """
    Build the error for 1xx and 3xx.

    Redirects are not followed: that would repeat the message and the credentials elsewhere. Whether the server that
    redirects has kept the message is not known (a 303 says that it has), so the error says that it may have.
    """
    if status >= HTTPStatus.MULTIPLE_CHOICES:
        return unexpected_response(status, headers, body, "(a redirect, which is never followed)")
    return unexpected_response(status, headers, body, "(which ends no request)")


def _json_object(body: bytes) -> dict[str, Any]:
    """Decode a JSON object; anything else is an empty one."""
    try:
        document = _decode(body)
    except (ValueError, RecursionError):
        return {}
    return document if isinstance(document, dict) else {}


def asking_first(loads: Callable[[bytes], Any]) -> Callable[[bytes], Any]:
    """Make a decoder that asks *loads* (orjson's), and the standard library where that refuses."""

    def decode(body: bytes) -> Any:
        try:
            return loads(body)
        except ValueError:
            return _decode_with_json(body)

    return decode


def _decode_with_json(body: bytes) -> Any:
    # What begins so is UTF-8. Given bytes, json.loads would look for the other encodings first: 1 µs.
    return json.loads(body.decode("utf-8", "surrogatepass") if body.startswith(b'{"') else body)


_decode: Callable[[bytes], Any] = _decode_with_json
with suppress(ImportError):
    _decode = asking_first(importlib.import_module("orjson").loads)


def _text(value: object) -> str:
    # Half a surrogate pair is legal in JSON, and could not be printed: a log line must not fail over it.
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else ""


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""


def _invalid_parameters(document: Mapping[str, Any]) -> Iterator[Problem]:
    """Read ``invalid_parameters``, which the External Accounts API calls ``invalid_params``; neither field is sure."""
    listed = document.get("invalid_parameters", document.get("invalid_params"))
    if not isinstance(listed, list):
        return
    for item in listed:
        if isinstance(item, dict):
            yield Problem(_text(item.get("name")), _text(item.get("reason")))
        elif isinstance(item, str):
            yield Problem("", _text(item))
