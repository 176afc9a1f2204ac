"""
A callback from the socket to its handlers: verify, parse, seen, handlers, commit. No web framework is in it.

Every name is imported when it is first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from vonage_messages.lazy_names import load_lazily
from vonage_messages.name_guard import check_name

check_name()

if TYPE_CHECKING:
    from vonage_messages.receiving.drift import Drift, DriftCount
    from vonage_messages.receiving.receiver import Answer, Mode, OnError, Receiver, Verdict
    from vonage_messages.receiving.tracker import Tracker

_HOMES = {
    "drift": "Drift DriftCount",
    "receiver": "Answer Mode OnError Receiver Verdict",
    "tracker": "Tracker",
}

__all__ = ["Answer", "Drift", "DriftCount", "Mode", "OnError", "Receiver", "Tracker", "Verdict"]

load_lazily(globals(), _HOMES)
