"""One call of a client: what all attempts at it share, how answers are read, and what observers and logs are told."""

from __future__ import annotations

import logging
import time
import uuid
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import attrs

from vonage_messages.channels.base import Message
from vonage_messages.clients.transport import Transport
from vonage_messages.errors import VonageMessagesError
from vonage_messages.logs import LogEvent, about
from vonage_messages.observe import AttemptFinished, AttemptStarted, status_of
from vonage_messages.values import masked
from vonage_messages.wire import rest

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from yarl import URL

    from vonage_messages.clients.transport import Answer
    from vonage_messages.guards import Admission
    from vonage_messages.values import Seconds

ResultT = TypeVar("ResultT")

logger = logging.getLogger("vonage_messages")


@attrs.define(kw_only=True, eq=False)  # not frozen: eight fields would take a microsecond longer to set, and two change
class Call(Generic[ResultT]):
    """One call of the client: what every attempt at it shares."""

    operation: str
    request: rest.Request
    read: Callable[[Answer], ResultT]
    """Turns an answer into the result of the call, or raises."""

    connect_timeout: Seconds
    deadline: float
    """When the call ends, on the clock of the running loop."""

    transport: Transport
    """The way to the host that the call goes to."""

    message: Message | None = None
    call_id: str = ""
    """What ``correlation_id`` is, once somebody has asked for it."""

    waited: Seconds = 0.0
    """How long its requests have waited for places under limits, all together."""

    admission: Admission | None = None
    """What guards have counted for the next request; ``None`` where there are none."""

    doubt: VonageMessagesError | None = None
    """The error of an attempt that was repeated, although the message may have been accepted."""

    @property
    def correlation_id(self) -> str:
        """What the log records of all attempts of this call share."""
        if not self.call_id:
            own = None if self.message is None else self.message.client_ref
            self.call_id = own or uuid.uuid4().hex[:12]
        return self.call_id

    def ask(self, authorization: str) -> Awaitable[Answer]:
        """Make one request."""
        return self.transport.attempt(
            self.request, authorization, deadline=self.deadline, connect_timeout=self.connect_timeout
        )

    def started(self, number: int, url: URL) -> AttemptStarted:
        """Describe one attempt to the observers."""
        message = self.message
        return AttemptStarted(
            operation=self.operation,
            method=self.request.method,
            url=str(url),
            attempt=number,
            channel=None if message is None else message.channel,
            message_type=None if message is None else message.message_type,
            to=None if message is None else masked(message.to),
            client_ref=None if message is None else message.client_ref,
            correlation_id=self.correlation_id,
        )


def log_retry(call: Call[Any], wait: Seconds, error: VonageMessagesError) -> None:
    """Say in the log that a call is repeated, and why."""
    if logger.isEnabledFor(logging.DEBUG):
        extra = about(LogEvent.SEND_RETRY, call, error)
        logger.debug("%s is repeated in %.3g s, after %s", call.operation, wait, type(error).__name__, extra=extra)


def read_sent(answer: Answer, *, client_ref: str | None) -> rest.SentMessage:
    """Turn the answer to a message into what was accepted, or raise."""
    return rest.read_send_response(
        answer.status,
        answer.headers,
        answer.body,
        now=time.time(),
        client_ref=client_ref,
        complete=answer.complete,
    )


def read_update(answer: Answer) -> None:
    """Raise unless the answer says that the message was updated."""
    rest.read_update_response(answer.status, answer.headers, answer.body, now=time.time())


def succeeded(started: AttemptStarted, duration: Seconds, answer: Answer, result: object) -> AttemptFinished:
    """Describe an attempt that succeeded to the observers."""
    return AttemptFinished(
        started=started,
        duration=duration,
        status=answer.status,
        request_id=rest.header_value(answer.headers, "X-Request-Id"),
        message_uuid=result.message_uuid if isinstance(result, rest.SentMessage) else None,
    )


def failed(started: AttemptStarted, duration: Seconds, error: BaseException) -> AttemptFinished:
    """Describe an attempt that failed to the observers."""
    return AttemptFinished(
        started=started,
        duration=duration,
        status=status_of(error),
        request_id=getattr(error, "request_id", None),
        error=error,
    )
