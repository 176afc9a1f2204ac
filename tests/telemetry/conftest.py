"""OpenTelemetry's own SDK, which keeps what it is told in memory."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import attrs
import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from vonage_messages import telemetry


@attrs.frozen
class Kept:
    """What the exporters were told."""

    tracer_provider: TracerProvider
    meter_provider: MeterProvider
    exporter: InMemorySpanExporter
    reader: InMemoryMetricReader

    def instrument(self, **options: Any) -> telemetry.Instrumentation:
        return telemetry.instrument(tracer_provider=self.tracer_provider, meter_provider=self.meter_provider, **options)

    def caller(self, name: str = "caller") -> Any:
        """Be a program with a span of its own."""
        return self.tracer_provider.get_tracer("test").start_as_current_span(name)

    def spans(self, prefix: str = "") -> list[ReadableSpan]:
        """List the spans that have ended, in the order of their ends."""
        return [span for span in self.exporter.get_finished_spans() if span.name.startswith(prefix)]

    def span(self, prefix: str) -> ReadableSpan:
        (span,) = self.spans(prefix)
        return span

    def points(self, name: str) -> list[Any]:
        data = self.reader.get_metrics_data()
        return [
            point
            for resource in (data.resource_metrics if data else ())
            for scope in resource.scope_metrics
            for metric in scope.metrics
            if metric.name == name
            for point in metric.data.data_points
        ]

    def total(self, name: str) -> float:
        """Sum what was counted, under whatever attributes; of a histogram how many values it has."""
        return sum(point.count if hasattr(point, "count") else point.value for point in self.points(name))

    def everything(self) -> str:
        """Write down all that leaves this process."""
        data = self.reader.get_metrics_data()
        return "".join([*(span.to_json() for span in self.spans()), data.to_json() if data else ""])


@pytest.fixture
def kept() -> Iterator[Kept]:
    exporter, reader = InMemorySpanExporter(), InMemoryMetricReader()
    tracer_provider = TracerProvider(shutdown_on_exit=False)
    tracer_provider.add_span_processor(SimpleSpanProcessor(exporter))
    meter_provider = MeterProvider([reader], shutdown_on_exit=False)
    yield Kept(tracer_provider, meter_provider, exporter, reader)
    telemetry.uninstrument()
    meter_provider.shutdown()
    tracer_provider.shutdown()


@pytest.fixture
def watched(kept: Kept) -> Kept:
    """Watch this process."""
    kept.instrument()
    return kept
