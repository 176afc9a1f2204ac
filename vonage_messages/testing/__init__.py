"""
What a test-suite needs that sends or receives: a pytest plugin, assertions that explain themselves, made-up events.

The plugin comes by itself where pytest runs (its fixtures are ``vonage_simulator``, ``vonage_client`` and
``vonage_webhooks``). The rest is imported from here and needs no pytest. Nothing is loaded before it is asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from vonage_messages.lazy_names import load_lazily

if TYPE_CHECKING:
    from vonage_messages.testing.assertions import (
        assert_callbacks_accepted,
        assert_not_sent,
        assert_sent,
        assert_status,
    )
    from vonage_messages.testing.builders import SignedCallback, inbound_event, signed_callback, status_event
    from vonage_messages.testing.loop_thread import LoopThread, Pending
    from vonage_messages.testing.running import RunningSimulator, RunningWebhooks

__all__ = [
    "LoopThread",
    "Pending",
    "RunningSimulator",
    "RunningWebhooks",
    "SignedCallback",
    "assert_callbacks_accepted",
    "assert_not_sent",
    "assert_sent",
    "assert_status",
    "inbound_event",
    "signed_callback",
    "status_event",
]

_HOMES = {
    "assertions": "assert_callbacks_accepted assert_not_sent assert_sent assert_status",
    "builders": "SignedCallback inbound_event signed_callback status_event",
    "loop_thread": "LoopThread Pending",
    "running": "RunningSimulator RunningWebhooks",
}

load_lazily(globals(), _HOMES)
