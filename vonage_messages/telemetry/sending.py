"""The spans of what is sent: one for each message, and below it one for each request."""

from __future__ import annotations

import functools
import time
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urlsplit

from opentelemetry import context as otel_context
from opentelemetry import trace
from opentelemetry.trace import SpanKind, Status, StatusCode

from vonage_messages.telemetry import names
from vonage_messages.telemetry.quietly import quietly
from vonage_messages.values import masked

if TYPE_CHECKING:
    from collections.abc import Awaitable, Mapping, Sequence
    from contextvars import Token

    from opentelemetry.context import Context
    from opentelemetry.trace import Link, Span

    from vonage_messages.channels.base import Message
    from vonage_messages.observe import AttemptFinished, AttemptStarted
    from vonage_messages.telemetry.instrumentation import Instrumentation
    from vonage_messages.values import Seconds
    from vonage_messages.wire.rest import SentMessage

_SENDING = otel_context.create_key("vonage-messages-sending")
"""Where a request finds the message that it is made for."""

_FIRST_ERROR = 400
_TOO_MANY_REQUESTS = 429


class Sending:
    """
    The span of one message: it begins with the first request, or the call that makes it, and ends once.

    What only waits has none yet: a million that wait in a queue are no more than the contexts of who submitted them.
    """

    __slots__ = (
        "_began",
        "_links",
        "_message",
        "_parent",
        "_server",
        "_span",
        "_token",
        "_waited",
        "_watch",
        "attempts",
    )

    def __init__(self, watch: Instrumentation, message: Message, parent: Context, links: Sequence[Link] = ()) -> None:
        self._watch = watch
        self._message = message
        self._parent = parent
        self._links = links
        self._span: Span | None = None
        self._token: Token[Context] | None = None
        self._began = 0.0
        self._server: Mapping[str, Any] = {}
        self._waited: Seconds | None = None
        self.attempts: int = 0

    def __enter__(self) -> Self:
        self._token = self._attach()
        return self

    def __exit__(self, _kind: object, error: BaseException | None, _traceback: object) -> None:
        detach(self._token)
        if error is not None:
            self._end(None, error)

    def accepted(self, sent: SentMessage) -> None:
        """Note that the platform has accepted the message."""
        self._end(sent, None)

    async def around(self, attempt: Awaitable[SentMessage]) -> SentMessage:
        """Make one attempt at it, which begins by being awaited."""
        token = self._attach()
        try:
            return await attempt
        finally:
            detach(token)

    def end(self, sent: SentMessage | None, error: BaseException | None, *, attempts: int, waited: Seconds) -> None:
        """Note what has become of it in a queue; *attempts* is 0 where it never left."""
        if attempts or error is not None:
            self._note_wait(waited)
        self._end(sent, error)

    @quietly
    def requested(self, server: Mapping[str, Any]) -> None:
        """Note that a request is made for it."""
        self.attempts += 1
        self._began = self._began or time.perf_counter()
        self._server = server
        if self.attempts > 1:
            self._watch.metrics.retries.add(1, self._for_metrics())

    @quietly
    def _attach(self) -> Token[Context]:
        here = trace.set_span_in_context(self._begun(), self._parent)
        return otel_context.attach(otel_context.set_value(_SENDING, self, here))

    def _begun(self) -> Span:
        if self._span is None:
            message = self._message
            attributes: dict[str, Any] = {
                **self._for_metrics(),
                names.OPERATION_TYPE: "send",
                names.MESSAGE_TYPE: message.message_type,
                names.TO: message.to if self._watch.unmask else masked(message.to),
            }
            if message.client_ref:
                attributes[names.CONVERSATION_ID] = self._watch.reference(message.client_ref)
            self._began = self._began or time.perf_counter()
            self._span = self._watch.tracer.start_span(
                f"send {attributes[names.DESTINATION]}",
                context=self._parent,
                kind=SpanKind.PRODUCER,
                attributes=attributes,
                links=self._links,
            )
        return self._span

    def _for_metrics(self) -> Mapping[str, str]:
        return _attributes_of(self._message.channel)

    @quietly
    def _note_wait(self, waited: Seconds) -> None:
        self._waited = waited
        self._watch.metrics.wait.record(waited, self._for_metrics())

    @quietly
    def _end(self, sent: SentMessage | None, error: BaseException | None) -> None:
        self._count(sent, error)  # first: where no span can be had, it counts all the same
        if self._span is None and sent is None and error is None:
            return  # it was taken back, and nothing has happened
        span = self._begun()
        if span.is_recording():
            span.set_attributes(self._told_by(sent))
        if sent is not None:
            self._watch.remember(sent.message_uuid, span.get_span_context())
        elif error is not None:
            tell_error(span, error)
        span.end()

    def _told_by(self, sent: SentMessage | None) -> dict[str, Any]:
        """Gather what is known at the end; all at once, because each call of a span takes its lock."""
        attributes: dict[str, Any] = {names.ATTEMPTS: self.attempts, **self._server}
        if self._waited is not None:
            attributes[names.QUEUE_WAIT] = self._waited
        if sent is not None:
            attributes[names.MESSAGE_ID] = sent.message_uuid
            ids = {names.REQUEST_ID: sent.request_id, names.WORKFLOW_ID: sent.workflow_id}
            attributes.update({name: value for name, value in ids.items() if value})
        return attributes

    def _count(self, sent: SentMessage | None, error: BaseException | None) -> None:
        self._watch.metrics.ended(
            self._for_metrics(),
            error=error,
            is_accepted=sent is not None,
            attempts=self.attempts,
            duration=time.perf_counter() - self._began,
        )


class Attempts:
    """The spans of the requests that are under way."""

    def __init__(self, watch: Instrumentation) -> None:
        self._watch = watch
        self._open: dict[int, tuple[AttemptStarted, Span, Token[Context]]] = {}
        """By the identity of the event that the observers were shown, which is kept with them."""

    def begin(self, event: AttemptStarted) -> None:
        """Begin the span of a request."""
        server = _server_of(event.url)
        sending = otel_context.get_value(_SENDING)
        earlier = event.attempt - 1
        if isinstance(sending, Sending):
            sending.requested(server)
            earlier = sending.attempts - 1
        attributes: dict[str, Any] = {names.METHOD: event.method, names.URL_FULL: event.url, **server}
        if earlier:
            attributes[names.RESEND_COUNT] = earlier
        template = _template_of(event)
        attributes[names.URL_TEMPLATE] = template
        span = self._watch.tracer.start_span(f"{event.method} {template}", kind=SpanKind.CLIENT, attributes=attributes)
        token = otel_context.attach(trace.set_span_in_context(span))
        self._open[id(event)] = (event, span, token)

    def end(self, event: AttemptFinished) -> None:
        """End it."""
        found = self._open.pop(id(event.started), None)
        if found is None:
            return
        started, span, token = found
        detach(token)
        if span.is_recording():
            known = {names.STATUS_CODE: event.status, names.REQUEST_ID: event.request_id}
            span.set_attributes({name: value for name, value in known.items() if value})
        if event.error is not None:
            tell_error(span, event.error, kind=_error_type(event))
        span.end()
        self._count(started, event)

    def _count(self, started: AttemptStarted, event: AttemptFinished) -> None:
        attributes: dict[str, Any] = {names.METHOD: started.method, **_server_of(started.url)}
        if event.status is not None:
            attributes[names.STATUS_CODE] = event.status
        kind = _error_type(event)
        if kind is not None:
            attributes[names.ERROR_TYPE] = kind
        metrics = self._watch.metrics
        metrics.request_duration.record(event.duration, attributes)
        if event.status == _TOO_MANY_REQUESTS and started.operation == "send":
            metrics.throttled.add(1, _attributes_of(started.channel))


def detach(token: Token[Context] | None) -> None:
    """Leave a context."""
    if token is not None:
        otel_context.detach(token)


def tell_error(span: Span, error: BaseException, *, kind: str | None = None) -> None:
    """
    Say on a span what went wrong: the class of the error and its code.

    Not its words, and no record of the exception with its trace: those of other people's errors may hold anything.
    """
    span.set_status(Status(StatusCode.ERROR, type(error).__name__))
    span.set_attribute(names.ERROR_TYPE, type(error).__name__ if kind is None else kind)
    code = getattr(error, "code", None)
    if isinstance(code, str) and code:
        span.set_attribute(names.ERROR_CODE, code)
    request_id = getattr(error, "request_id", None)
    if isinstance(request_id, str) and request_id:
        span.set_attribute(names.REQUEST_ID, request_id)
    if getattr(error, "maybe_sent", False):
        span.set_attribute(names.MAYBE_SENT, True)


def _error_type(event: AttemptFinished) -> str | None:
    """Name an error as the conventions for HTTP do: by the status, where that is one, and else by the exception."""
    if event.error is None:
        return None
    if event.status is not None and event.status >= _FIRST_ERROR:
        return str(event.status)
    return type(event.error).__name__


@functools.lru_cache(maxsize=64)
def _attributes_of(channel: object) -> Mapping[str, str]:
    return {names.SYSTEM: names.VONAGE, names.OPERATION_NAME: "send", names.DESTINATION: names.channel_name(channel)}


@functools.lru_cache(maxsize=64)
def _server_of(url: str) -> Mapping[str, Any]:
    parts = urlsplit(url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    return {names.SERVER_ADDRESS: parts.hostname or "", names.SERVER_PORT: port}


def _template_of(event: AttemptStarted) -> str:
    """Give the path of a request without the id in it, if there is one: few values, as the name of a span needs."""
    path = urlsplit(event.url).path
    if event.method == "POST":
        return path
    return f"{path.rpartition('/')[0]}/{{message_uuid}}"
