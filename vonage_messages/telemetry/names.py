"""
The names of attributes and metrics.

What does not begin with ``vonage.`` is of the semantic conventions of OpenTelemetry: those for HTTP clients are stable,
those for messaging are in development. They are written down here, because the package that holds them is not the API.
"""

from __future__ import annotations

from typing import Final

from vonage_messages.channels.enums import ChannelType

SCOPE: Final = "vonage_messages"
"""The instrumentation scope."""

SCHEMA_URL: Final = "https://opentelemetry.io/schemas/1.44.0"

SYSTEM: Final = "messaging.system"
OPERATION_NAME: Final = "messaging.operation.name"
OPERATION_TYPE: Final = "messaging.operation.type"
DESTINATION: Final = "messaging.destination.name"
"""The channel. A number would be personal data, and there are too many."""

MESSAGE_ID: Final = "messaging.message.id"
CONVERSATION_ID: Final = "messaging.message.conversation_id"
"""The ``client_ref``: the conventions call it a correlation id."""

METHOD: Final = "http.request.method"
RESEND_COUNT: Final = "http.request.resend_count"
STATUS_CODE: Final = "http.response.status_code"
SERVER_ADDRESS: Final = "server.address"
SERVER_PORT: Final = "server.port"
URL_FULL: Final = "url.full"
URL_TEMPLATE: Final = "url.template"
ERROR_TYPE: Final = "error.type"

VONAGE: Final = "vonage"
MESSAGE_TYPE: Final = "vonage.message_type"
TO: Final = "vonage.to"
REQUEST_ID: Final = "vonage.request_id"
WORKFLOW_ID: Final = "vonage.workflow_id"
ERROR_CODE: Final = "vonage.error.code"
MAYBE_SENT: Final = "vonage.maybe_sent"
ATTEMPTS: Final = "vonage.attempts"
QUEUE_WAIT: Final = "vonage.queue.wait"
WEBHOOK_KIND: Final = "vonage.webhook.kind"
STATUS: Final = "vonage.status"
HANDLER: Final = "vonage.handler"
UNFINISHED: Final = "vonage.unfinished"
UNKNOWN_KIND: Final = "vonage.unknown.kind"
UNKNOWN_NAME: Final = "vonage.unknown.name"

OTHER: Final = "_OTHER"
"""What stands for a channel that is not known: whatever a webhook says must not make a time series of its own."""

_CHANNELS: Final = frozenset(channel.value for channel in ChannelType)


def channel_name(channel: object) -> str:
    """Give a channel as an attribute: one of a few."""
    return str(channel) if channel in _CHANNELS else OTHER
