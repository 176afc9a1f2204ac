"""
A callback from the socket to its handlers: verify, parse, seen, handlers, commit. No web framework is in it.

Every name is imported when it is first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from vonage_messages.name_guard import check_name

check_name()

if TYPE_CHECKING:
    from vonage_messages.receiving.drift import Drift, DriftCount
    from vonage_messages.receiving.receiver import Answer, Mode, OnError, Receiver, Verdict
    from vonage_messages.receiving.tracker import Tracker

_HOMES = {
    "Answer": "vonage_messages.receiving.receiver",
    "Drift": "vonage_messages.receiving.drift",
    "DriftCount": "vonage_messages.receiving.drift",
    "Mode": "vonage_messages.receiving.receiver",
    "OnError": "vonage_messages.receiving.receiver",
    "Receiver": "vonage_messages.receiving.receiver",
    "Tracker": "vonage_messages.receiving.tracker",
    "Verdict": "vonage_messages.receiving.receiver",
}

__all__ = ["Answer", "Drift", "DriftCount", "Mode", "OnError", "Receiver", "Tracker", "Verdict"]


def __getattr__(name: str) -> object:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import importlib  # noqa: PLC0415  not needed by an import that uses no name

    value = getattr(importlib.import_module(home), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
