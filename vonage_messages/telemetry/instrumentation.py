"""``instrument`` and ``uninstrument``, and what stands in ``vonage_messages.observe`` between the two."""

from __future__ import annotations

from collections import OrderedDict
from contextvars import copy_context
from typing import TYPE_CHECKING, Any, Final

from opentelemetry import context as otel_context
from opentelemetry import metrics, trace
from opentelemetry.trace import Link
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from vonage_messages import __version__, observe
from vonage_messages.errors import ConfigurationError
from vonage_messages.telemetry import names
from vonage_messages.telemetry.metrics import Metrics
from vonage_messages.telemetry.quietly import quietly
from vonage_messages.telemetry.receiving import Handler, Job, Webhook
from vonage_messages.telemetry.sending import Attempts, Sending
from vonage_messages.values import masked_reference

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from contextvars import Context as ContextVariables

    from opentelemetry.context import Context
    from opentelemetry.metrics import MeterProvider
    from opentelemetry.trace import SpanContext, Tracer, TracerProvider

    from vonage_messages.channels.base import Message
    from vonage_messages.observe import AttemptFinished, AttemptStarted

_REMEMBERED: Final = 10_000
"""Of so many messages it is remembered which span has sent them: their statuses mostly come within minutes."""

_PROPAGATOR: Final = TraceContextTextMapPropagator()
_TRACEPARENT: Final = "traceparent"


class Instrumentation:
    """What watches this process; made by ``instrument``."""

    def __init__(
        self, tracer_provider: TracerProvider | None, meter_provider: MeterProvider | None, *, unmask: bool
    ) -> None:
        self.unmask = unmask
        self.tracer: Tracer = trace.get_tracer(names.SCOPE, __version__, tracer_provider, names.SCHEMA_URL)
        meter = metrics.get_meter(names.SCOPE, __version__, meter_provider, names.SCHEMA_URL)
        self.metrics: Metrics = Metrics(meter, lambda: observe.telemetry is self)
        self._attempts = Attempts(self)
        self._sent: OrderedDict[str, SpanContext] = OrderedDict()

    @quietly
    def before_attempt(self, event: AttemptStarted) -> None:
        """Begin the span of a request."""
        self._attempts.begin(event)

    @quietly
    def after_attempt(self, event: AttemptFinished) -> None:
        """End it."""
        self._attempts.end(event)

    def sending(self, message: Message) -> Sending:
        """Watch a message being sent by the caller."""
        return Sending(self, message, otel_context.get_current())

    def queued(self, message: Message) -> Sending:
        """Watch a message that the caller lets wait; a row of an outbox is linked to where it was added."""
        stored = _context_of(getattr(message, "trace", None))
        links = () if stored is None else (Link(trace.get_current_span(stored).get_span_context()),)
        return Sending(self, message, otel_context.get_current(), links)

    def webhook(self) -> Webhook:
        """Watch a callback."""
        return Webhook(self)

    async def handled(self, handler: Callable[[Any], Awaitable[object]], event: Any) -> object:
        """Call a handler, and watch it."""
        with Handler(self, handler):
            return await handler(event)

    def job(self, name: str, queue: str, traceparent: str | None) -> Job:
        """Watch a job that was given away where *traceparent* was written down."""
        return Job(self, name, queue, _context_of(traceparent))

    def traceparent(self) -> str | None:
        """Write down what goes on where this is called; ``None`` where that is nothing."""
        carrier: dict[str, str] = {}
        _PROPAGATOR.inject(carrier)
        return carrier.get(_TRACEPARENT)

    def apart(self) -> ContextVariables:
        """Give the variables of the caller's context for a task that belongs to no span of the caller's."""
        variables = copy_context()
        variables.run(otel_context.attach, otel_context.Context())
        return variables

    def remember(self, message_uuid: str, span: SpanContext) -> None:
        """Note which span has sent a message."""
        if not span.is_valid:
            return
        self._sent[message_uuid] = span
        if len(self._sent) > _REMEMBERED:
            self._sent.popitem(last=False)

    def recall(self, message_uuid: str | None) -> SpanContext | None:
        """Tell which span has sent a message, if that was in this process and lately."""
        return None if message_uuid is None else self._sent.get(message_uuid)

    def reference(self, reference: str) -> str:
        """Give a ``client_ref`` as it may be shown: people put numbers in there."""
        return reference if self.unmask else masked_reference(reference)


def instrument(
    *,
    tracer_provider: TracerProvider | None = None,
    meter_provider: MeterProvider | None = None,
    unmask: bool = False,
) -> Instrumentation:
    """
    Watch everything that this process sends and receives from now on, also by clients and queues that there are.

    *tracer_provider* and *meter_provider* are by default those of OpenTelemetry itself, as your program or
    ``opentelemetry-instrument`` has set them up. *unmask* shows recipients, and references that look like a number or
    an address, as they are: in spans; metrics never hold them.

    Raises:
        ConfigurationError: the process is watched already.
    """
    if observe.telemetry is not None:
        raise ConfigurationError("this process is instrumented already: call uninstrument() first.")
    watch = Instrumentation(tracer_provider, meter_provider, unmask=unmask)
    observe.telemetry = watch
    return watch


def uninstrument() -> None:
    """Watch no more: what is under way ends its spans, and nothing new begins one. May be called twice."""
    observe.telemetry = None


def _context_of(traceparent: object) -> Context | None:
    """Read what was written down by ``traceparent``; ``None`` where that is nothing, or nothing that can be read."""
    if not isinstance(traceparent, str):
        return None
    context = _PROPAGATOR.extract({_TRACEPARENT: traceparent}, context=otel_context.Context())
    return context if trace.get_current_span(context).get_span_context().is_valid else None
