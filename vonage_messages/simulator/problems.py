"""
The error documents of the Messages API (RFC 7807), each with a fresh ``instance``.

Types, titles and details are those of the samples in the reference (Messages API v1, Error documents; v0.1, Endpoint).
Where the reference prints one sentence for many mistakes, the sentence stands first and what was wrong follows it:
a simulator that says less than it knows would waste its reader's time. No document repeats a value of the request.
"""

from __future__ import annotations

import re
from http import HTTPStatus
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final
from uuid import uuid4

import attrs

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from vonage_messages.simulator.validate import InvalidParameter

_ERRORS = "https://developer.vonage.com/api-errors"
_MESSAGES_ERRORS = "https://developer.vonage.com/api-errors/messages"
_V0_1_ERRORS = "https://www.nexmo.com/messages/Errors"
_PROBLEM_JSON = "application/problem+json"
_JSON = "application/json"
_NO_HEADERS: Mapping[str, str] = MappingProxyType({})
_CREDENTIALS = "You did not provide correct credentials."
_FAILOVER_ITEM = re.compile(r"failover\[[0-9]+\]\.")
_CHANNEL_OBJECTS: Final = ("sms", "mms", "rcs", "whatsapp", "messenger", "viber_service", "email")


@attrs.frozen(kw_only=True)
class ProblemDocument:
    """One error answer: what goes into its status line, its headers and its body."""

    status: int
    type: str
    title: str
    detail: str = ""
    instance: str = attrs.field(factory=lambda: uuid4().hex)
    """Fresh for each answer: what a support ticket would quote."""
    invalid_parameters: tuple[InvalidParameter, ...] = ()
    content_type: str = _PROBLEM_JSON
    headers: Mapping[str, str] = _NO_HEADERS

    def body(self) -> dict[str, Any]:
        """Give the JSON object; ``detail`` and ``invalid_parameters`` stand in it only where they say something."""
        body: dict[str, Any] = {"type": self.type, "title": self.title}
        if self.detail:
            body["detail"] = self.detail
        body["instance"] = self.instance
        if self.invalid_parameters:
            body["invalid_parameters"] = [item._asdict() for item in self.invalid_parameters]
        return body


def missing_credentials() -> ProblemDocument:
    """401, no ``Authorization`` header. The type is misspelt in the reference's own sample."""
    return ProblemDocument(
        status=HTTPStatus.UNAUTHORIZED,
        type=f"{_ERRORS}/#unathorized",
        title=_CREDENTIALS,
        detail="Check that you're using the correct credentials, and that your account has this feature enabled",
    )


def wrong_credentials(reason: str) -> ProblemDocument:
    """401, credentials that are malformed or do not fit; *reason* is a sentence without any part of them."""
    return ProblemDocument(
        status=HTTPStatus.UNAUTHORIZED,
        type=f"{_ERRORS}#unauthorized",
        title="Unauthorized",
        detail=f"{_CREDENTIALS} {reason}",
    )


def expired_token() -> ProblemDocument:
    """401, a token past its ``exp``: the one that a fresh token mends."""
    return ProblemDocument(
        status=HTTPStatus.UNAUTHORIZED,
        type=f"{_ERRORS}#jwt-expired",
        title="Unauthorized",
        detail=f"{_CREDENTIALS} The JWT has expired.",
    )


def unprovisioned() -> ProblemDocument:
    """401, an application that is not known here. The title is misspelt in the reference's own sample."""
    return ProblemDocument(
        status=HTTPStatus.UNAUTHORIZED,
        type=f"{_ERRORS}/#unprovisioned",
        title="The crendentials provided do not have access to the requested product",
        detail="Check your API key is correct and has been whitelisted",
    )


def multiple_auth_methods() -> ProblemDocument:
    """401, more than one kind of credentials in one request (Messages API v1, Authentication)."""
    return ProblemDocument(
        status=HTTPStatus.UNAUTHORIZED,
        type=f"{_ERRORS}#multiple-auth-methods",
        title="Unauthorized",
        detail=f"{_CREDENTIALS} Use one method of authentication, not several.",
    )


def low_balance() -> ProblemDocument:
    """402, the balance does not pay for the message."""
    return ProblemDocument(
        status=HTTPStatus.PAYMENT_REQUIRED,
        type=f"{_ERRORS}/#low-balance",
        title="Low balance",
        detail="This request could not be performed due to your account balance being low.",
    )


def unknown_message(message_uuid: str) -> ProblemDocument:
    """404, an update of a message that was never seen."""
    return ProblemDocument(
        status=HTTPStatus.NOT_FOUND,
        type=f"{_ERRORS}#not-found",
        title="Not Found",
        detail=f"Message with ID {message_uuid[:64]} not found",
    )


def unknown_path() -> ProblemDocument:
    """404, a path that the API does not have."""
    return ProblemDocument(
        status=HTTPStatus.NOT_FOUND,
        type=f"{_ERRORS}#not-found",
        title="Not Found",
        detail="There is nothing at this path. The API has /v1/messages and /v0.1/messages.",
    )


def wrong_verb(allowed: str) -> ProblemDocument:
    """405; *allowed* is the value of the ``Allow`` header."""
    return ProblemDocument(
        status=HTTPStatus.METHOD_NOT_ALLOWED,
        type=f"{_ERRORS}#wrong-verb",
        title="Method Not Allowed",
        detail=f"This path takes {allowed}.",
        headers={"Allow": allowed},
    )


def too_large(limit: int) -> ProblemDocument:
    """413, a body of more than *limit* bytes. Not in the reference: the base error, which has no fragment."""
    return ProblemDocument(
        status=HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        type=_ERRORS,
        title="Payload Too Large",
        detail=f"The request body may have at most {limit} bytes.",
    )


def wrong_content_type() -> ProblemDocument:
    """415, a body that is not declared as JSON."""
    return ProblemDocument(
        status=HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
        type=f"{_ERRORS}#content-type-header",
        title="Unsupported Media Type",
        detail="The Content-Type header must be application/json.",
    )


def throttled(*, limit: int, remaining: int, retry_after: int, reset: float) -> ProblemDocument:
    """429 with its four headers; *retry_after* in whole seconds, *reset* in unix seconds."""
    return ProblemDocument(
        status=HTTPStatus.TOO_MANY_REQUESTS,
        type=f"{_ERRORS}#rate-limit",
        title="Rate Limit Hit",
        detail="Please wait, then retry your request",
        headers={
            "Retry-After": str(retry_after),
            "X-RateLimit-Limit": str(limit),
            "X-RateLimit-Remaining": str(remaining),
            # The words of 1.20 say unix timestamp, its example is in milliseconds: we follow the example.
            "X-RateLimit-Reset": str(int(reset * 1000)),
        },
    )


def internal_error() -> ProblemDocument:
    """500."""
    return ProblemDocument(
        status=HTTPStatus.INTERNAL_SERVER_ERROR,
        type=f"{_MESSAGES_ERRORS}#1000",
        title="Internal error",
        detail="There was an error processing your request in the Platform.",
    )


def invalid_json(reason: str) -> ProblemDocument:
    """422, a body that is not one JSON object."""
    return ProblemDocument(
        status=HTTPStatus.UNPROCESSABLE_ENTITY,
        type=f"{_ERRORS}#invalid-json",
        title="The request body did not contain valid JSON",
        detail=reason,
        content_type=_JSON,
    )


def unsupported_operation() -> ProblemDocument:
    """422, an update that this message cannot have. Its type is the empty string (1.11; 1.20 dropped the sample)."""
    return ProblemDocument(
        status=HTTPStatus.UNPROCESSABLE_ENTITY,
        type="",
        title="Operation not supported",
        detail="This operation is not supported for this channel.",
        content_type=_JSON,
    )


def invalid_parameters(problems: Sequence[InvalidParameter]) -> ProblemDocument:
    """
    422, by what is wrong: channel, message type, recipient, sender, client reference, channel or message params.

    1.20 declares ``invalid_parameters`` for the last two only. Several problems of one kind get that kind's document,
    problems of several kinds the one for message params (1150), which lists them all.
    """
    kinds = {_kind(problem.name) for problem in problems}
    code = kinds.pop() if len(kinds) == 1 else _MESSAGE_PARAMS
    title, detail = _UNPROCESSABLE[code]
    listed = code in (_CHANNEL_PARAMS, _MESSAGE_PARAMS)
    return ProblemDocument(
        status=HTTPStatus.UNPROCESSABLE_ENTITY,
        type=f"{_MESSAGES_ERRORS}#{code}",
        title=title,
        detail=detail if listed else f"{detail} {_spelt_out(problems)}",
        invalid_parameters=tuple(problems) if listed else (),
        content_type=_JSON,
    )


def v0_1_invalid_parameters(reason: str) -> ProblemDocument:
    """400 of v0.1: exactly four fields, whatever is wrong (Messages API v0.1, Endpoint)."""
    return ProblemDocument(
        status=HTTPStatus.BAD_REQUEST,
        type=f"{_V0_1_ERRORS}#InvalidParams",
        title="Invalid Parameters",
        detail=f"Your request parameters did not validate. {reason}",
        content_type=_JSON,
    )


def v0_1_problems(problems: Sequence[InvalidParameter]) -> ProblemDocument:
    """400 of v0.1, with every problem named in ``detail``: its document has no list for them."""
    return v0_1_invalid_parameters(_spelt_out(problems))


_CHANNEL_PARAMS = "1110"
_MESSAGE_PARAMS = "1150"

# The fragments of the samples, 110 included; they do not line up with the list of error codes (section 14).
_UNPROCESSABLE: Final[Mapping[str, tuple[str, str]]] = MappingProxyType(
    {
        "1100": ("Invalid channel", "The `channel` parameter is invalid."),
        _CHANNEL_PARAMS: (
            "Invalid channel parameters",
            "The value of one or more parameters is invalid.",
        ),
        "1120": ("Invalid sender", "The `from` parameter is invalid for the given channel."),
        "110": ("Invalid recipient", "The `to` parameter is invalid for the given channel."),
        # The sample repeats the sentence about `to` here: an obvious slip.
        "1140": ("Invalid message type", "The `message_type` parameter is invalid for the given channel."),
        _MESSAGE_PARAMS: ("Invalid params", "The value of one or more parameters is invalid."),
        "1060": ("Invalid client reference", "The client reference can be a string of up to 100 characters."),
    }
)
_KIND_OF_FIELD: Final[Mapping[str, str]] = MappingProxyType(
    {
        "channel": "1100",
        "message_type": "1140",
        "to": "110",
        "from": "1120",
        "client_ref": "1060",
        # The one parameter of a channel that the reference's sample files under message params.
        "messenger.tag": _MESSAGE_PARAMS,
    }
)


def _kind(name: str) -> str:
    """Choose the code of one problem, of the message itself or of a message in its failover chain."""
    name = _FAILOVER_ITEM.sub("", name, count=1)
    if name in _KIND_OF_FIELD:
        return _KIND_OF_FIELD[name]
    return _CHANNEL_PARAMS if name.partition(".")[0] in _CHANNEL_OBJECTS else _MESSAGE_PARAMS


def _spelt_out(problems: Sequence[InvalidParameter]) -> str:
    return "; ".join(f"{problem.name}: {problem.reason}" for problem in problems) + "."
