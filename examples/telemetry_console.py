"""
You will see: the trace of an order that sends two messages, span by span, and then what was counted on the way.

The queue sends in tasks of its own, and everything still belongs to the span of the order. Numbers are masked, and no
text is shown. Needs OpenTelemetry's SDK (`pip install opentelemetry-sdk`), and prints where you would export to a
collector.

Environment: VONAGE_APPLICATION_ID and VONAGE_PRIVATE_KEY (or VONAGE_API_KEY and VONAGE_API_SECRET), SMS_SENDER_ID,
WHATSAPP_SENDER_ID, MESSAGES_TO_NUMBER; VONAGE_BASE_URL for a local simulator.
"""

import asyncio
import os

from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import ConsoleMetricExporter, MetricsData, PeriodicExportingMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import ConsoleSpanExporter, SimpleSpanProcessor

from vonage_messages import Client, SendQueue, Sms, WhatsappText
from vonage_messages.telemetry import instrument, uninstrument


def span_line(span: ReadableSpan) -> str:
    """Write a span down in one line; by default it is a page of JSON."""
    trace_id = f"{span.get_span_context().trace_id:032x}"
    told = {name: value for name, value in (span.attributes or {}).items() if name.startswith("vonage.")}
    return f"{trace_id[:8]}  {span.name:<18} {told}\n"


def metric_lines(data: MetricsData) -> str:
    """Write the counters down, a line for each."""
    metrics = [each for resource in data.resource_metrics for scope in resource.scope_metrics for each in scope.metrics]
    counted = [
        (each.name, point.value) for each in metrics for point in each.data.data_points if hasattr(point, "value")
    ]
    return "".join(f"{name} {value}\n" for name, value in counted if value)


async def main() -> None:
    """Send a receipt by SMS and a thank-you by WhatsApp, as parts of one order."""
    traces = TracerProvider()
    traces.add_span_processor(SimpleSpanProcessor(ConsoleSpanExporter(formatter=span_line)))
    meters = MeterProvider([PeriodicExportingMetricReader(ConsoleMetricExporter(formatter=metric_lines))])
    instrument(tracer_provider=traces, meter_provider=meters)
    to = os.environ["MESSAGES_TO_NUMBER"]
    async with Client.from_env() as client, SendQueue(client) as queue:
        with traces.get_tracer("shop").start_as_current_span("order"):
            receipt = queue.submit(
                Sms(to=to, from_=os.environ["SMS_SENDER_ID"], text="Your receipt", client_ref="order-7")
            )
            thanks = queue.submit(WhatsappText(to=to, from_=os.environ["WHATSAPP_SENDER_ID"], text="Thank you!"))
        await asyncio.gather(receipt, thanks)
    meters.shutdown()
    traces.shutdown()
    uninstrument()


if __name__ == "__main__":
    asyncio.run(main())
