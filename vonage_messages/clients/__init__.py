"""
One call, one answer: the client of the Messages API, and those of the APIs that manage what it needs.

Every name is imported when it is first used, so that a program that only builds messages never loads aiohttp.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from vonage_messages.name_guard import check_name

check_name()

if TYPE_CHECKING:
    from vonage_messages.clients.accounts import AccountsClient
    from vonage_messages.clients.applications import ApplicationsClient
    from vonage_messages.clients.client import Client, DryRun
    from vonage_messages.clients.download import Downloaded
    from vonage_messages.clients.retry import RetryPolicy
    from vonage_messages.clients.transport import Timeout

_HOMES = {
    "AccountsClient": "vonage_messages.clients.accounts",
    "ApplicationsClient": "vonage_messages.clients.applications",
    "Client": "vonage_messages.clients.client",
    "Downloaded": "vonage_messages.clients.download",
    "DryRun": "vonage_messages.clients.client",
    "RetryPolicy": "vonage_messages.clients.retry",
    "Timeout": "vonage_messages.clients.transport",
}

__all__ = ["AccountsClient", "ApplicationsClient", "Client", "Downloaded", "DryRun", "RetryPolicy", "Timeout"]


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
