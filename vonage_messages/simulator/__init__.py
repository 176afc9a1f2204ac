"""
The Messages API, simulated on a loopback port: real HTTP, the reference's rules, no account.

Start here with :class:`Simulator`. Nothing in this package is taken from the message classes, the wire tables or the
clients: its rules were transcribed anew from the reference, so that agreement between the two sides is evidence. What
it does as the platform does, and where it had to choose, is written in ``docs/simulator-fidelity.md``.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from vonage_messages.name_guard import check_name

check_name()

if TYPE_CHECKING:
    from vonage_messages.simulator.callbacks import CallbackTry
    from vonage_messages.simulator.delivery import Delivery
    from vonage_messages.simulator.dispatch import Webhooks
    from vonage_messages.simulator.faults import Fault, FaultKind, Faults, PlacedFault
    from vonage_messages.simulator.habits import Answers, Habit, Reacts, Reads, Stops, Taps
    from vonage_messages.simulator.handle import Simulator
    from vonage_messages.simulator.provider_limits import ProviderLimit
    from vonage_messages.simulator.state import (
        Arrival,
        Arrivals,
        Exchange,
        KnownInbound,
        MessageUpdate,
        ReceivedMessage,
        Refusal,
        SimulatorState,
        StatusNote,
    )

__all__ = [
    "Answers",
    "Arrival",
    "Arrivals",
    "CallbackTry",
    "Delivery",
    "Exchange",
    "Fault",
    "FaultKind",
    "Faults",
    "Habit",
    "KnownInbound",
    "MessageUpdate",
    "PlacedFault",
    "ProviderLimit",
    "Reacts",
    "Reads",
    "ReceivedMessage",
    "Refusal",
    "Simulator",
    "SimulatorState",
    "StatusNote",
    "Stops",
    "Taps",
    "Webhooks",
]

_HOME = {
    "Answers": "habits",
    "Arrival": "state",
    "Arrivals": "state",
    "CallbackTry": "callbacks",
    "Delivery": "delivery",
    "Exchange": "state",
    "Fault": "faults",
    "FaultKind": "faults",
    "Faults": "faults",
    "Habit": "habits",
    "KnownInbound": "state",
    "MessageUpdate": "state",
    "PlacedFault": "faults",
    "ProviderLimit": "provider_limits",
    "Reacts": "habits",
    "Reads": "habits",
    "ReceivedMessage": "state",
    "Refusal": "state",
    "Simulator": "handle",
    "SimulatorState": "state",
    "StatusNote": "state",
    "Stops": "habits",
    "Taps": "habits",
    "Webhooks": "dispatch",
}


def __getattr__(name: str) -> Any:
    """Import a public name at its first use: the web server behind it costs a sixth of a second."""
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """List the public names, imported or not."""
    return __all__
