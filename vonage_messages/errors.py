"""
Every exception of the package, and nothing else.

::

    VonageMessagesError
    ├── ConfigurationError            credentials, options: says what to do
    │   └── MissingExtraError         an optional dependency that is not installed
    ├── InvalidMessageError           (also ValueError) yours: refused before any request
    ├── APIError                      theirs: the platform answered, and the answer is no
    │   ├── AuthenticationError       401
    │   ├── PaymentRequiredError      402
    │   ├── PermissionDeniedError     403
    │   ├── NotFoundError             404
    │   ├── ValidationError           400, 422
    │   ├── RateLimitedError          429
    │   └── ServerError               5xx
    ├── TransportError                no answer
    │   ├── ConnectError              the request never left: safe to send again
    │   └── ResponseLostError         it left, the answer was not seen
    ├── UnexpectedResponseError       an answer that the reference does not describe
    ├── QueueError                    a queue or a limit did not let the message go: it was not sent
    │   ├── QueueFullError            the queue holds as many messages as it may
    │   ├── QueueClosedError          the queue takes no more messages, or has ended before it sent one
    │   ├── LimitTimeoutError         no place under a limit within the longest wait that was allowed
    │   ├── DeadlineExceededError     too late to be sent
    │   ├── CircuitOpenError          the platform has not been reached for too long
    │   ├── BudgetExceededError       sending it would pass a budget
    │   └── RangePausedError          too many messages to one range of numbers: it is left alone for a while
    ├── OptedOutError                 the recipient does not want to be written to
    ├── OutboxError                   an outbox was given, or holds, what it cannot go on with
    ├── StoreUnavailableError         a store could not be read or written: a full disk, a lock that is held
    ├── NotDeliveredError             a status says that the message was rejected or is undeliverable
    ├── WaitTimeoutError              (also TimeoutError) what was waited for did not come in time
    ├── WebhookError                  a callback that is refused; status is the HTTP answer to it
    │   ├── SignatureError            401: signed wrongly
    │   │   └── ReplayedWebhookError  401: signed rightly, and seen before with another body
    │   ├── UnsignedWebhookError      503: not signed; a signed retry is asked for
    │   └── MalformedWebhookError     400: the body is no JSON object
    ├── DownloadError                 inbound media that cannot or must not be fetched
    └── SimulatorError                the local simulator was asked for something it cannot do

Every error answers two questions. ``retryable``: may the same call succeed later? ``maybe_sent``: may the
message already be on its way? Repeating a call by machine is safe only when *retryable and not maybe_sent*.

An error says what happened in words that may be logged: never a credential, never the text of a message, and a
phone number only masked.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_NO_HEADERS: Mapping[str, str] = MappingProxyType({})


def printable(text: str) -> str:
    """
    Escape what cannot be printed, as Python writes it: line breaks, control characters, half surrogate pairs.

    What somebody else wrote must not begin a line of its own in a log, nor command a terminal.
    """
    return text if text.isprintable() else "".join(each if each.isprintable() else ascii(each)[1:-1] for each in text)


class VonageMessagesError(Exception):
    """The base of every error that this package raises."""

    retryable: bool = False
    """The same call may succeed later."""

    maybe_sent: bool = False
    """The message may already have been accepted: repeating it may bill and deliver it twice."""


class ConfigurationError(VonageMessagesError):
    """Credentials or options that cannot work; the sentence says which one, and what to do."""


class MissingExtraError(ConfigurationError):
    """A part of the package needs an optional dependency; the sentence says what to install."""


class Problem(NamedTuple):
    """One thing that is wrong with a message."""

    path: str
    """Where: the JSON path of API v1, dotted, such as ``image.caption`` or ``failover[0].to``."""

    message: str
    """What: a sentence without its subject, such as ``must be 20 to 604800 (seconds), not 5``."""

    def __str__(self) -> str:
        # A path may hold a key as the caller gave it.
        return printable(f"{self.path}: {self.message}" if self.path else self.message)


class InvalidMessageError(VonageMessagesError, ValueError):
    """
    A message that the reference refuses, found before anything is sent.

    ``problems`` lists *every* problem with its path, in the order of the fields.
    """

    def __init__(self, problems: Iterable[Problem | tuple[str, str]], subject: str = "message") -> None:
        self.problems: tuple[Problem, ...] = tuple(Problem(*problem) for problem in problems)
        self.subject = subject
        super().__init__(self.problems, subject)

    def __str__(self) -> str:
        return f"invalid {self.subject}: " + "; ".join(str(problem) for problem in self.problems)


class APIError(VonageMessagesError):
    """
    The platform answered with an error document (RFC 7807) or with an error status and some other body.

    Reference: Messages API v1, Errors. Every field but ``status`` may be empty: decide by ``status`` first.
    """

    def __init__(  # noqa: PLR0913  a problem document has that many fields
        self,
        status: int,
        *,
        type: str = "",  # noqa: A002  the name that RFC 7807 gives the field
        title: str = "",
        detail: str = "",
        instance: str = "",
        invalid_parameters: Iterable[Problem | tuple[str, str]] = (),
        request_id: str | None = None,
        headers: Mapping[str, str] = _NO_HEADERS,
        body: bytes = b"",
    ) -> None:
        self.status = status
        self.type = type
        self.title = title
        self.detail = detail
        self.instance = instance
        self.invalid_parameters: tuple[Problem, ...] = tuple(Problem(*item) for item in invalid_parameters)
        self.request_id = request_id
        self.headers: Mapping[str, str] = MappingProxyType(dict(headers))
        self.body = body
        self.advice = ""
        """What to do about it: a sentence, where this side knows more than the platform says; else empty."""
        super().__init__(status, title, detail)

    @property
    def code(self) -> str:
        """What stands after the ``#`` in ``type``: a number such as ``1150`` or a word such as ``low-balance``."""
        return self.type.partition("#")[2]

    def __str__(self) -> str:
        words = [f"HTTP {self.status}"]
        words += [part.rstrip(".") for part in (self.title, self.detail) if part]
        text = ": ".join(words)
        if self.invalid_parameters:
            text += " (" + "; ".join(str(problem) for problem in self.invalid_parameters) + ")"
        if self.request_id:
            text += f" [request id {self.request_id}]"
        # These words are the platform's, or of whoever answers in its place.
        return printable(f"{text}. {self.advice}" if self.advice else text)

    def __reduce__(self) -> tuple[object, ...]:
        state = {
            "type": self.type,
            "title": self.title,
            "detail": self.detail,
            "instance": self.instance,
            "invalid_parameters": self.invalid_parameters,
            "request_id": self.request_id,
            "headers": dict(self.headers),
            "body": self.body,
        }
        return _rebuild_api_error, (type(self), self.status, state, self._pickled_extra(), self.advice)

    def _pickled_extra(self) -> dict[str, object]:
        return {}


def _rebuild_api_error(
    cls: type[APIError], status: int, state: dict[str, object], extra: dict[str, object], advice: str = ""
) -> APIError:
    """Build an unpickled error: keyword-only arguments do not survive ``BaseException.__reduce__``."""
    error = cls(status, **state, **extra)  # type: ignore[arg-type]
    error.advice = advice
    return error


class AuthenticationError(APIError):
    """401: the credentials are missing, wrong, expired, or not provisioned for the Messages API."""

    @property
    def token_expired(self) -> bool:
        """The platform says that the JWT has expired: a fresh one may do."""
        return self.code == "jwt-expired"


class PaymentRequiredError(APIError):
    """402: the account's balance is too low for this message."""


class PermissionDeniedError(APIError):
    """403: the account may not do this."""


class NotFoundError(APIError):
    """404: no such message, or no such path."""


class ValidationError(APIError):
    """400 or 422: the platform refuses the message; ``invalid_parameters`` names the fields, where it says so."""


class RateLimitedError(APIError):
    """429: too fast. The message was not accepted; ``retry_after`` is the wait in seconds, where one is given."""

    retryable = True

    def __init__(  # noqa: PLR0913  a problem document has that many fields
        self,
        status: int = 429,
        *,
        type: str = "",  # noqa: A002  see APIError
        title: str = "",
        detail: str = "",
        instance: str = "",
        invalid_parameters: Iterable[Problem | tuple[str, str]] = (),
        request_id: str | None = None,
        headers: Mapping[str, str] = _NO_HEADERS,
        body: bytes = b"",
        retry_after: float | None = None,
    ) -> None:
        self.retry_after = retry_after
        super().__init__(
            status,
            type=type,
            title=title,
            detail=detail,
            instance=instance,
            invalid_parameters=invalid_parameters,
            request_id=request_id,
            headers=headers,
            body=body,
        )

    def _pickled_extra(self) -> dict[str, object]:
        return {"retry_after": self.retry_after}


class ServerError(APIError):
    """5xx: the platform failed, and does not say whether before or after it accepted the message."""

    retryable = True
    maybe_sent = True


class TransportError(VonageMessagesError):
    """There is no answer. Ask ``maybe_sent`` whether the request may have arrived."""

    retryable = True


class ConnectError(TransportError):
    """No connection came about, so the request never left: name lookup, refusal, TLS, a time-out before it left."""


class ResponseLostError(TransportError):
    """The request left and its answer was not seen: it may or may not have been accepted."""

    maybe_sent = True


class UnexpectedResponseError(VonageMessagesError):
    """
    The platform answered, but not as the reference describes.

    A redirect, a 2xx without a ``message_uuid``, a body cut short: the message may have been accepted.
    """

    maybe_sent = True

    def __init__(
        self,
        message: str,
        status: int = 0,
        body: bytes = b"",
        request_id: str | None = None,
        headers: Mapping[str, str] = _NO_HEADERS,
    ) -> None:
        self.status = status
        self.body = body
        self.request_id = request_id
        self.headers: Mapping[str, str] = MappingProxyType(dict(headers))
        self._message = message
        super().__init__(message)

    def __str__(self) -> str:
        return self._message

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (self._message, self.status, self.body, self.request_id, dict(self.headers))


class QueueError(VonageMessagesError):
    """A queue, or a limit, did not let the message go. It was not sent."""


class QueueFullError(QueueError):
    """The queue holds ``maxsize`` messages: wait for room with ``put``, or try again later."""

    retryable = True


class QueueClosedError(QueueError):
    """The queue is closed and takes no more messages, or was cancelled before it could send one that it had."""


WHAT_HOLDS: Mapping[str, str] = MappingProxyType(
    {
        "circuit": "the platform cannot be reached",
        "pause": "the queue is paused",
        "store": "the limit store has not been read",
        "connections": "every connection of the queue is in use",
        "order": "the message before it, to the same recipient, has not been answered",
        "before_send": "before_send took too long",
        "queue": "others go first",
    }
)
"""What may keep a message waiting beside limits."""


class LimitTimeoutError(QueueError):
    """
    The message found no place under a limit in time, or cannot find one: it was not sent.

    ``wait`` is how long it would have to wait, as far as is known, and ``max_wait`` how long it may, both in
    seconds. ``key`` is the limit that stands in the way, such as ``account`` or ``sender whatsapp/44********00``; or
    what else keeps a queue from sending it: ``circuit`` (the platform cannot be reached), ``pause`` (``pause()`` was
    called), ``store`` (the limits have not been read), ``connections`` (each is in use), ``before_send`` (it took too
    long), ``order`` (the message before it to the same recipient has no answer), ``queue`` (others go first).
    """

    retryable = True

    def __init__(self, wait: float, max_wait: float, key: str) -> None:
        self.wait = wait
        self.max_wait = max_wait
        self.key = key
        super().__init__(wait, max_wait, key)

    def __str__(self) -> str:
        if self.key in WHAT_HOLDS:
            return f"{WHAT_HOLDS[self.key]}: the message did not leave within {self.max_wait:g} s, and was not sent."
        return printable(
            f"the limit of {self.key} has no place within {self.max_wait:g} s: the wait would be {self.wait:.3g} s. "
            "The message was not sent."
        )


class DeadlineExceededError(QueueError):
    """The time in which the message was worth sending has passed: it was not sent."""


class CircuitOpenError(QueueError):
    """The platform has not been reached for longer than the queue waits for it: the message was not sent."""

    retryable = True


class BudgetExceededError(QueueError):
    """Sending the message would pass a budget: it was not sent."""


class RangePausedError(QueueError):
    """
    Too many messages have gone to one range of numbers, and it is left alone for a while: it was not sent.

    ``range`` is what the numbers begin with, such as ``4477009``; ``retry_after`` the seconds until it is open again.
    """

    retryable = True

    def __init__(self, range: str, retry_after: float) -> None:  # noqa: A002  the word for it
        self.range = range
        self.retry_after = retry_after
        super().__init__(range, retry_after)

    def __str__(self) -> str:
        return (
            f"too many messages have gone to numbers that begin with {self.range}: they are left alone for "
            f"{self.retry_after:.0f} s more. The message was not sent."
        )


class OptedOutError(VonageMessagesError):
    """
    One of those whom the message would reach has opted out: it was not sent.

    ``recipient`` is masked; ``path`` is where the message names it, such as ``to`` or ``failover[0].to``.
    """

    def __init__(self, recipient: str, path: str = "to") -> None:
        self.recipient = recipient
        self.path = path
        super().__init__(recipient, path)

    def __str__(self) -> str:
        return f"{self.path}: {self.recipient} has opted out of your messages. The message was not sent."


class OutboxError(VonageMessagesError):
    """An outbox was given, or holds, what it cannot go on with; the sentence says what, and nothing was changed."""


class StoreUnavailableError(VonageMessagesError):
    """A store could not be read or written: a full disk, a lock that another process holds. Nothing was changed."""

    retryable = True


class NotDeliveredError(VonageMessagesError):
    """
    A status webhook says that the message was rejected or is undeliverable.

    ``code`` is the platform's error code, where the status gives one; ``meaning`` and ``advice`` are what
    ``vonage_messages.codes`` knows of it.
    """

    def __init__(
        self,
        message_uuid: str,
        status: str,
        code: int | None = None,
        meaning: str = "",
        advice: str = "",
    ) -> None:
        self.message_uuid = message_uuid
        self.status = status
        self.code = code
        self.meaning = meaning
        self.advice = advice
        super().__init__(message_uuid, status, code, meaning, advice)

    def __str__(self) -> str:
        text = f"message {self.message_uuid} is {self.status}"
        if self.code is not None:
            text += f" with code {self.code}"
        if self.meaning:
            text += f": {self.meaning}"
        return printable(f"{text} ({self.advice})" if self.advice else text)


class WaitTimeoutError(VonageMessagesError, TimeoutError):
    """The status or the reply that was waited for did not come in time; it may still come."""

    retryable = True


class WebhookError(VonageMessagesError):
    """A callback that is refused. ``status`` is the HTTP status that answers it."""

    status: int = 400


class SignatureError(WebhookError):
    """The callback is signed wrongly: the platform does not send it again after a 401."""

    status = 401


class ReplayedWebhookError(SignatureError):
    """The callback is signed rightly, and its token has been seen before with another body."""


class UnsignedWebhookError(WebhookError):
    """
    The callback is not signed at all.

    The platform's signer may fail now and then; a 503 asks for a retry, which is signed (Concepts: Signed webhooks).
    """

    status = 503


class MalformedWebhookError(WebhookError):
    """The body of the callback is no JSON object."""


class DownloadError(VonageMessagesError):
    """Inbound media that could not be fetched, or that must not be: a foreign host, or more bytes than allowed."""


class SimulatorError(VonageMessagesError):
    """The local simulator was asked for something that it cannot do, such as a port that is taken."""
