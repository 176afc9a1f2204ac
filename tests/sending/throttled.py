"""A status that says of a WhatsApp message that its sender was too fast."""

from __future__ import annotations

TOO_FAST = {
    "message_uuid": "aaaaaaaa-bbbb-4ccc-8ddd-0123456789ab",
    "to": "447700900000",
    "from": "14155550100",
    "timestamp": "2026-01-01T14:00:00.000Z",
    "status": "rejected",
    "channel": "whatsapp",
    "error": {"type": "https://developer.vonage.com/api-errors/messages#1241", "title": 1241, "detail": "Throttled"},
}
