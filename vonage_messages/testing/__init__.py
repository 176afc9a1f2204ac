"""
What a test-suite needs that sends or receives: a pytest plugin, assertions that explain themselves, made-up events.

The plugin comes by itself where pytest runs (its fixtures are ``vonage_simulator``, ``vonage_client`` and
``vonage_webhooks``). The rest is imported from here and needs no pytest. Nothing is loaded before it is asked for.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

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

_HOME = {
    "LoopThread": "loop_thread",
    "Pending": "loop_thread",
    "RunningSimulator": "running",
    "RunningWebhooks": "running",
    "SignedCallback": "builders",
    "assert_callbacks_accepted": "assertions",
    "assert_not_sent": "assertions",
    "assert_sent": "assertions",
    "assert_status": "assertions",
    "inbound_event": "builders",
    "signed_callback": "builders",
    "status_event": "builders",
}


def __getattr__(name: str) -> Any:
    """Import a public name at its first use: a test run that needs none of them should not pay for the simulator."""
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """List the public names, imported or not."""
    return __all__
