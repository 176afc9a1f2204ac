"""The instruments, and what each of them is told. No number, no id and no text is an attribute of a metric."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from opentelemetry.metrics import CallbackOptions, Observation

from vonage_messages import observe
from vonage_messages.telemetry import names

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from opentelemetry.metrics import Counter as Instrument
    from opentelemetry.metrics import Histogram, Meter

    from vonage_messages.values import Seconds

_DURATIONS = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0)
"""Bounds that the semantic conventions give for HTTP and for messaging."""

_WAITS = (0.01, 0.1, 0.5, 1.0, 5.0, 15.0, 60.0, 300.0, 900.0, 3600.0, 14400.0, 86400.0)
"""A queue may hold a message for hours."""


class Metrics:
    """The instruments of one meter. *is_active* is asked at each collection: a meter keeps its callbacks for good."""

    def __init__(self, meter: Meter, is_active: Callable[[], bool]) -> None:
        self._is_active = is_active
        self.sent: Instrument = meter.create_counter(
            "messaging.client.sent.messages", unit="{message}", description="Messages of which a request was made."
        )
        self.send_duration: Histogram = _spans(
            meter,
            "messaging.client.operation.duration",
            "From the first request for a message to its outcome.",
            _DURATIONS,
        )
        self.request_duration: Histogram = _spans(
            meter, "http.client.request.duration", "Duration of a request.", _DURATIONS
        )
        self.consumed: Instrument = meter.create_counter(
            "messaging.client.consumed.messages", unit="{message}", description="Genuine webhooks that were received."
        )
        self.process_duration: Histogram = _spans(
            meter, "messaging.process.duration", "From a webhook's arrival to its answer.", _DURATIONS
        )
        self.accepted: Instrument = meter.create_counter(
            "vonage.send.accepted", unit="{message}", description="Messages that the platform has accepted."
        )
        self.failed: Instrument = meter.create_counter(
            "vonage.send.failed", unit="{message}", description="Messages whose sending ended with an error."
        )
        self.in_doubt: Instrument = meter.create_counter(
            "vonage.send.in_doubt", unit="{message}", description="Failed messages that may be on their way."
        )
        self.cancelled: Instrument = meter.create_counter(
            "vonage.send.cancelled", unit="{message}", description="Messages that were taken back before they left."
        )
        self.retries: Instrument = meter.create_counter(
            "vonage.send.retries", unit="{request}", description="Requests for a message beyond its first."
        )
        self.throttled: Instrument = meter.create_counter(
            "vonage.send.throttled", unit="{request}", description="Requests that were answered with 429."
        )
        self.wait: Histogram = _spans(meter, "vonage.queue.wait", "How long a message waited in a queue.", _WAITS)
        self._observe(meter)

    def _observe(self, meter: Meter) -> None:
        """Make the instruments that are asked when somebody collects."""
        meter.create_observable_up_down_counter(
            "vonage.queue.depth",
            callbacks=[self._depth],
            unit="{message}",
            description="Messages that wait in the queues of this process.",
        )
        meter.create_observable_up_down_counter(
            "vonage.queue.sending",
            callbacks=[self._sending],
            unit="{request}",
            description="Requests under way for the queues of this process.",
        )
        meter.create_observable_counter(
            "vonage.webhook.unknown",
            callbacks=[self._unknown],
            unit="{event}",
            description="Webhooks that hold what this version does not know, by kind and name.",
        )

    def ended(
        self,
        attributes: Mapping[str, str],
        *,
        error: BaseException | None,
        is_accepted: bool,
        attempts: int,
        duration: Seconds,
    ) -> None:
        """Count what became of a message."""
        if error is None and not is_accepted:
            self.cancelled.add(1, attributes)
            return
        outcome = dict(attributes)
        if error is None:
            self.accepted.add(1, attributes)
        else:
            outcome[names.ERROR_TYPE] = type(error).__name__
            self.failed.add(1, outcome)
            if getattr(error, "maybe_sent", False):
                self.in_doubt.add(1, outcome)
        if attempts:
            self.sent.add(1, outcome)
            self.send_duration.record(duration, outcome)

    def _depth(self, _options: CallbackOptions) -> Iterable[Observation]:
        return self._observed(lambda: sum(len(queue) for queue in observe.queues))

    def _sending(self, _options: CallbackOptions) -> Iterable[Observation]:
        return self._observed(lambda: sum(queue.sending for queue in observe.queues))

    def _unknown(self, _options: CallbackOptions) -> Iterable[Observation]:
        if not self._is_active():
            return []
        counts: Counter[tuple[str, str]] = Counter()
        # Receivers may share one that counts: each is looked at once.
        for drift in {id(each.drift): each.drift for each in observe.receivers}.values():
            counts.update({(str(kind), name): events for kind, name, events in drift})
        return [
            Observation(events, {names.UNKNOWN_KIND: kind, names.UNKNOWN_NAME: name})
            for (kind, name), events in counts.items()
        ]

    def _observed(self, look: Callable[[], int]) -> Iterable[Observation]:
        if not self._is_active():
            return []
        attributes: dict[str, Any] = {names.SYSTEM: names.VONAGE}
        return [Observation(look(), attributes)]


def _spans(meter: Meter, name: str, description: str, bounds: tuple[float, ...]) -> Histogram:
    return meter.create_histogram(name, unit="s", description=description, explicit_bucket_boundaries_advisory=bounds)
