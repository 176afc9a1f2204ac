"""What type checkers say of a name that no package has: an error, and no ``object``. Never run."""

from __future__ import annotations

import vonage_messages
import vonage_messages.clients
import vonage_messages.receiving
import vonage_messages.simulator
import vonage_messages.testing
import vonage_messages.webhooks

repr(vonage_messages.Smss)  # type: ignore[attr-defined]
repr(vonage_messages.clients.Clint)  # type: ignore[attr-defined]
repr(vonage_messages.receiving.Reciever)  # type: ignore[attr-defined]
repr(vonage_messages.simulator.Simulater)  # type: ignore[attr-defined]
repr(vonage_messages.testing.assert_send)  # type: ignore[attr-defined]
repr(vonage_messages.webhooks.parse_inbond)  # type: ignore[attr-defined]
