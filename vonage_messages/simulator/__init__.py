"""
The Messages API, simulated on a loopback port: real HTTP, the reference's rules, no account.

Start here with :class:`Simulator`. Nothing in this package is taken from the message classes, the wire tables or the
clients: its rules were transcribed anew from the reference, so that agreement between the two sides is evidence. What
it does as the platform does, and where it had to choose, is written in ``docs/simulator-fidelity.md``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from vonage_messages.lazy_names import load_lazily
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

_HOMES = {
    "callbacks": "CallbackTry",
    "delivery": "Delivery",
    "dispatch": "Webhooks",
    "faults": "Fault FaultKind Faults PlacedFault",
    "habits": "Answers Habit Reacts Reads Stops Taps",
    "handle": "Simulator",
    "provider_limits": "ProviderLimit",
    "state": "Arrival Arrivals Exchange KnownInbound MessageUpdate ReceivedMessage Refusal SimulatorState StatusNote",
}

load_lazily(globals(), _HOMES)
