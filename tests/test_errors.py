"""Every error: the tree, the two questions, pickling, and sentences that may be logged."""

from __future__ import annotations

import copy
import inspect
import pickle
import re

import pytest

from vonage_messages import errors
from vonage_messages.errors import (
    APIError,
    AuthenticationError,
    ConfigurationError,
    ConnectError,
    InvalidMessageError,
    MissingExtraError,
    NotFoundError,
    PaymentRequiredError,
    PermissionDeniedError,
    Problem,
    RateLimitedError,
    ResponseLostError,
    ServerError,
    SimulatorError,
    TransportError,
    UnexpectedResponseError,
    ValidationError,
    VonageMessagesError,
)

CLASSES = [
    cls
    for cls in vars(errors).values()
    if inspect.isclass(cls) and issubclass(cls, BaseException) and cls.__module__ == errors.__name__
]
CLASS_NAMES = [cls.__name__ for cls in CLASSES]

DOCUMENT = {
    "type": "https://developer.vonage.com/api-errors/messages#1150",
    "title": "Invalid params",
    "detail": "The value of one or more parameters is invalid.",
    "instance": "bf0ca0bf927b3b52e3cb03217e1a1ddf",
    "invalid_parameters": [("messenger.tag", "is required"), Problem("to", "is no number")],
    "request_id": "f1b2c3",
    "headers": {"Retry-After": "15", "X-Request-Id": "f1b2c3"},
    "body": b'{"title": "Invalid params"}',
}


def example(cls: type[BaseException]) -> VonageMessagesError:  # noqa: PLR0911  a line for each that needs more
    if cls is InvalidMessageError:
        return InvalidMessageError([("text", "must not be empty"), ("", "alone")], "Sms")
    if cls is RateLimitedError:
        return RateLimitedError(429, **DOCUMENT, retry_after=15.0)
    if issubclass(cls, APIError):
        return cls(422, **DOCUMENT)
    if cls is UnexpectedResponseError:
        return UnexpectedResponseError("no message_uuid", 202, b"<html>", "f1b2c3", {"X-Request-Id": "f1b2c3"})
    if cls is errors.NotDeliveredError:
        return errors.NotDeliveredError("aaaa", "rejected", 1340, "outside the response window", "send a template")
    if cls is errors.LimitTimeoutError:
        return errors.LimitTimeoutError(12.5, 5.0, "sender whatsapp/14********00")
    if cls is errors.RangePausedError:
        return errors.RangePausedError("44770090", 90.0)
    if cls is errors.OptedOutError:
        return errors.OptedOutError("44********00", "failover[0].to")
    return cls("a sentence")


EXAMPLES = [example(cls) for cls in CLASSES]


def tree_of_the_docstring() -> dict[str, str]:
    """Read class and parent from the drawing: four columns make one level."""
    parents: dict[str, str] = {}
    trail: list[str] = []
    for line in (errors.__doc__ or "").splitlines():
        found = re.match(r"    ([│├└─ ]*)(\w+Error)\b", line)
        if found:
            depth = len(found[1]) // 4
            trail[depth:] = [found[2]]
            parents[found[2]] = trail[depth - 1] if depth else "Exception"
    return parents


def test_tree_of_the_docstring_is_the_tree_of_the_classes() -> None:
    assert tree_of_the_docstring() == {cls.__name__: cls.__bases__[0].__name__ for cls in CLASSES}


def test_every_error_is_public() -> None:
    import vonage_messages  # noqa: PLC0415  asked for its names alone

    assert {*CLASS_NAMES} <= {*vonage_messages.__all__}


@pytest.mark.each("cls", CLASSES, ids=CLASS_NAMES)
def test_every_error_has_the_one_base(cls: type[BaseException]) -> None:
    assert issubclass(cls, VonageMessagesError)


ANSWERS = {
    VonageMessagesError: (False, False),
    ConfigurationError: (False, False),
    MissingExtraError: (False, False),
    InvalidMessageError: (False, False),
    APIError: (False, False),
    AuthenticationError: (False, False),
    PaymentRequiredError: (False, False),
    PermissionDeniedError: (False, False),
    NotFoundError: (False, False),
    ValidationError: (False, False),
    RateLimitedError: (True, False),
    ServerError: (True, True),
    TransportError: (True, False),
    ConnectError: (True, False),
    ResponseLostError: (True, True),
    UnexpectedResponseError: (False, True),
    SimulatorError: (False, False),
    errors.QueueError: (False, False),
    errors.QueueFullError: (True, False),
    errors.QueueClosedError: (False, False),
    errors.LimitTimeoutError: (True, False),
    errors.DeadlineExceededError: (False, False),
    errors.CircuitOpenError: (True, False),
    errors.BudgetExceededError: (False, False),
    errors.RangePausedError: (True, False),
    errors.OptedOutError: (False, False),
    errors.OutboxError: (False, False),
    errors.StoreUnavailableError: (True, False),
    errors.NotDeliveredError: (False, False),
    errors.WaitTimeoutError: (True, False),
    errors.WebhookError: (False, False),
    errors.SignatureError: (False, False),
    errors.ReplayedWebhookError: (False, False),
    errors.UnsignedWebhookError: (False, False),
    errors.MalformedWebhookError: (False, False),
    errors.DownloadError: (False, False),
}
"""(retryable, maybe_sent) of every class."""


@pytest.mark.each("error", EXAMPLES, ids=CLASS_NAMES)
def test_error_answers_whether_to_retry_and_whether_it_was_sent(error: VonageMessagesError) -> None:
    assert (error.retryable, error.maybe_sent) == ANSWERS[type(error)]


def test_invalid_message_is_a_value_error() -> None:
    assert issubclass(InvalidMessageError, ValueError)


def state(error: VonageMessagesError) -> dict[str, object]:
    kept = {key: value for key, value in vars(error).items() if key != "headers"}
    return kept | {"headers": dict(getattr(error, "headers", {})), "text": str(error), "args": error.args}


@pytest.mark.each("error", EXAMPLES, ids=CLASS_NAMES)
def test_error_survives_pickling_with_everything_it_knows(error: VonageMessagesError) -> None:
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        again = pickle.loads(pickle.dumps(error, protocol))  # noqa: S301  written by the line itself
        assert type(again) is type(error)
        assert state(again) == state(error)


@pytest.mark.each("error", EXAMPLES, ids=CLASS_NAMES)
def test_error_survives_copying_with_everything_it_knows(error: VonageMessagesError) -> None:
    assert state(copy.copy(error)) == state(error)
    assert state(copy.deepcopy(error)) == state(error)


@pytest.mark.each("error", EXAMPLES, ids=CLASS_NAMES)
def test_error_passes_through_a_context_manager_unharmed(error: VonageMessagesError) -> None:
    with pytest.raises(type(error)) as caught:
        raise error
    assert caught.value.__traceback__ is not None


def test_invalid_message_lists_every_problem_in_one_sentence() -> None:
    error = InvalidMessageError([("text", "must not be empty"), ("image.url", "is required"), ("", "alone")], "Sms")
    assert str(error) == "invalid Sms: text: must not be empty; image.url: is required; alone"
    assert error.problems[1] == Problem("image.url", "is required")


def test_api_error_says_status_title_detail_parameters_and_request_id() -> None:
    assert str(ValidationError(422, **DOCUMENT)) == (
        "HTTP 422: Invalid params: The value of one or more parameters is invalid "
        "(messenger.tag: is required; to: is no number) [request id f1b2c3]"
    )


HOSTILE = "x\r\nERROR:root:forged\u2028\x1b[2J\x00\ud800"


@pytest.mark.parametrize(
    "error",
    [
        InvalidMessageError([(HOSTILE, HOSTILE)]),
        ValidationError(
            422, title=HOSTILE, detail=HOSTILE, invalid_parameters=[(HOSTILE, HOSTILE)], request_id=HOSTILE
        ),
        errors.LimitTimeoutError(1, 1, HOSTILE),
        errors.NotDeliveredError(HOSTILE, HOSTILE),
    ],
    ids=lambda error: type(error).__name__,
)
def test_error_is_one_line_whatever_others_have_written(error: VonageMessagesError) -> None:
    assert str(error).isprintable()
    assert "forged" in str(error)


def test_undelivered_message_says_what_the_platform_said() -> None:
    assert str(example(errors.NotDeliveredError)) == (
        "message aaaa is rejected with code 1340: outside the response window (send a template)"
    )
    assert str(errors.NotDeliveredError("aaaa", "undeliverable")) == "message aaaa is undeliverable"


def test_wait_for_a_place_says_which_limit_held_it_or_that_none_did() -> None:
    assert str(errors.LimitTimeoutError(6.0, 0.5, "pair sms/Acme")).startswith(
        "the limit of pair sms/Acme has no place"
    )
    assert all(
        str(errors.LimitTimeoutError(6.0, 0.5, key))
        == f"{why}: the message did not leave within 0.5 s, and was not sent."
        for key, why in errors.WHAT_HOLDS.items()
    )


def test_waiting_too_long_is_a_timeout_error() -> None:
    assert issubclass(errors.WaitTimeoutError, TimeoutError)


@pytest.mark.parametrize(
    ("cls", "status"),
    [
        (errors.WebhookError, 400),
        (errors.SignatureError, 401),
        (errors.ReplayedWebhookError, 401),
        (errors.UnsignedWebhookError, 503),
        (errors.MalformedWebhookError, 400),
    ],
)
def test_refused_callback_knows_the_status_that_answers_it(cls: type[errors.WebhookError], status: int) -> None:
    assert cls("refused").status == status


def test_api_error_without_a_document_says_its_status() -> None:
    assert str(APIError(404)) == "HTTP 404"


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        ("https://developer.vonage.com/api-errors/messages#1150", "1150"),
        ("https://developer.vonage.com/api-errors/#unathorized", "unathorized"),
        ("https://developer.vonage.com/api-errors", ""),
        ("", ""),
    ],
)
def test_code_is_what_stands_behind_the_hash(kind: str, code: str) -> None:
    assert APIError(401, type=kind).code == code


@pytest.mark.parametrize(
    ("fragment", "expired"), [("jwt-expired", True), ("unauthorized", False), ("jwt-revoked", False)]
)
def test_expired_token_is_known_by_its_code(fragment: str, expired: bool) -> None:
    error = AuthenticationError(401, type=f"https://developer.vonage.com/api-errors#{fragment}")
    assert error.token_expired is expired


def test_headers_of_an_error_cannot_be_changed() -> None:
    given = {"Retry-After": "15"}
    error = APIError(500, headers=given)
    given["Retry-After"] = "0"
    assert error.headers["Retry-After"] == "15"
    with pytest.raises(TypeError):
        error.headers["Retry-After"] = "0"


def test_neither_headers_nor_body_stand_in_the_sentence_or_the_repr() -> None:
    secret = "Bearer eyJhbGciOi"
    document = {"headers": {"Authorization": secret}, "body": secret.encode()}
    for error in (
        ServerError(503, **document),
        UnexpectedResponseError("truncated", 202, secret.encode(), None, document["headers"]),
    ):
        assert secret not in str(error)
        assert secret not in repr(error)


def test_rate_limit_carries_its_wait_in_seconds() -> None:
    assert RateLimitedError(retry_after=1.5).retry_after == 1.5
    assert RateLimitedError().status == 429
    assert RateLimitedError().retry_after is None
