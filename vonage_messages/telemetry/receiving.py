"""The spans of what comes in: a webhook, the handlers it is for, and the job of a worker."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Self

from opentelemetry import context as otel_context
from opentelemetry import trace
from opentelemetry.trace import SpanKind, Status, StatusCode

from vonage_messages.telemetry import names
from vonage_messages.telemetry.quietly import quietly
from vonage_messages.telemetry.sending import detach, tell_error
from vonage_messages.webhooks.status import MessageStatus

if TYPE_CHECKING:
    from contextvars import Token

    from opentelemetry.context import Context
    from opentelemetry.trace import Span

    from vonage_messages.telemetry.instrumentation import Instrumentation

_FIRST_REFUSAL = 400


class Scope:
    """A span that is the current one while this is entered."""

    def __init__(self, watch: Instrumentation) -> None:
        self._watch = watch
        self._span: Span = trace.INVALID_SPAN
        self._token: Token[Context] | None = None

    def __enter__(self) -> Self:
        self._begin()
        return self

    def __exit__(self, _kind: object, error: BaseException | None, _traceback: object) -> None:
        detach(self._token)
        self._end(error)

    def _begin(self) -> None:
        raise NotImplementedError

    @quietly
    def _end(self, error: BaseException | None) -> None:
        if error is not None:
            tell_error(self._span, error)
        self._span.end()

    def _start(self, name: str, kind: SpanKind, attributes: dict[str, Any], context: Context | None = None) -> None:
        self._span = self._watch.tracer.start_span(name, context=context, kind=kind, attributes=attributes)
        self._token = otel_context.attach(trace.set_span_in_context(self._span, context))


class Webhook(Scope):
    """The span of a callback; what it is of is known when it has been found to be genuine."""

    def __init__(self, watch: Instrumentation) -> None:
        super().__init__(watch)
        self._attributes: dict[str, str] = {names.SYSTEM: names.VONAGE, names.OPERATION_NAME: "process"}
        self._began = time.perf_counter()
        self._failed = ""

    @quietly
    def _begin(self) -> None:
        self._start("process", SpanKind.CONSUMER, {**self._attributes, names.OPERATION_TYPE: "process"})

    @quietly
    def genuine(self, event: Any) -> None:
        """Note which event it is, and link it to the message that it is about, if this process has sent that."""
        channel = names.channel_name(event.channel)
        self._attributes[names.DESTINATION] = channel
        self._attributes[names.WEBHOOK_KIND] = "status" if isinstance(event, MessageStatus) else "inbound"
        span = self._span
        span.update_name(f"process {channel}")
        span.set_attributes({**self._attributes, names.MESSAGE_ID: event.message_uuid})
        span.set_attributes(_words_of(event))
        if event.client_ref:
            span.set_attribute(names.CONVERSATION_ID, self._watch.reference(event.client_ref))
        sent = self._watch.recall(event.message_uuid)
        if sent is not None and span.is_recording():
            span.add_link(sent)
        self._watch.metrics.consumed.add(1, self._attributes)

    @quietly
    def answered(self, status: int) -> None:
        """Note the HTTP status of the answer."""
        self._span.set_attribute(names.STATUS_CODE, status)
        if status >= _FIRST_REFUSAL:
            self._failed = str(status)
            self._span.set_attribute(names.ERROR_TYPE, self._failed)
            self._span.set_status(Status(StatusCode.ERROR, f"answered with {status}"))

    @quietly
    def _end(self, error: BaseException | None) -> None:
        if error is not None:
            self._failed = type(error).__name__
            tell_error(self._span, error)
        self._span.end()
        attributes = self._attributes | ({names.ERROR_TYPE: self._failed} if self._failed else {})
        self._watch.metrics.process_duration.record(time.perf_counter() - self._began, attributes)


class Handler(Scope):
    """The span of one handler."""

    def __init__(self, watch: Instrumentation, handler: object) -> None:
        super().__init__(watch)
        self._name = getattr(handler, "__qualname__", type(handler).__qualname__)

    @quietly
    def _begin(self) -> None:
        self._start(f"handler {self._name}", SpanKind.INTERNAL, {names.HANDLER: self._name})


class Job(Scope):
    """The span of a worker's job; it belongs to the trace of whoever has given the job away."""

    def __init__(self, watch: Instrumentation, name: str, queue: str, parent: Context | None) -> None:
        super().__init__(watch)
        self._name = name
        self._queue = queue
        self._parent = parent
        self._is_unfinished = False

    @quietly
    def _begin(self) -> None:
        attributes = {
            names.SYSTEM: "procrastinate",
            names.OPERATION_NAME: "process",
            names.OPERATION_TYPE: "process",
            names.DESTINATION: self._queue,
        }
        self._start(f"process {self._name}", SpanKind.CONSUMER, attributes, self._parent)

    def unfinished(self) -> None:
        """Note that it will come again, which is no failure, whatever ends it now."""
        self._is_unfinished = True

    @quietly
    def _end(self, error: BaseException | None) -> None:
        self._span.set_attribute(names.UNFINISHED, self._is_unfinished)
        if error is not None and not self._is_unfinished:
            tell_error(self._span, error)
        self._span.end()


def _words_of(event: Any) -> dict[str, str]:
    if isinstance(event, MessageStatus):
        return {names.STATUS: event.status}
    return {names.MESSAGE_TYPE: event.message_type or ""}
