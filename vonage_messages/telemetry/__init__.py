"""
OpenTelemetry: spans and metrics of everything that this process sends and receives (extra ``[otel]``).

::

    from vonage_messages.telemetry import instrument, uninstrument

    instrument()  # once, when the program begins; it takes OpenTelemetry's own providers unless it is given others

Names follow the semantic conventions for HTTP clients and for messaging; what is beyond them begins with ``vonage.``.
No span and no metric holds the text of a message, and numbers stand in spans only, masked. What is watched looks for
this by ``vonage_messages.observe``: without ``instrument`` nothing of OpenTelemetry is imported.
"""

from vonage_messages.errors import MissingExtraError

try:
    from vonage_messages.telemetry.instrumentation import Instrumentation, instrument, uninstrument
except ImportError as error:
    raise MissingExtraError(
        'Telemetry needs the API of OpenTelemetry: pip install "vonage-messages-async[otel]"'
    ) from error

__all__ = ["Instrumentation", "instrument", "uninstrument"]
