"""
One call, one answer: the client of the Messages API, and those of the APIs that manage what it needs.

Every name is imported when it is first used, so that a program that only builds messages never loads aiohttp.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from vonage_messages.lazy_names import load_lazily
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
    "accounts": "AccountsClient",
    "applications": "ApplicationsClient",
    "client": "Client DryRun",
    "download": "Downloaded",
    "retry": "RetryPolicy",
    "transport": "Timeout",
}

__all__ = ["AccountsClient", "ApplicationsClient", "Client", "Downloaded", "DryRun", "RetryPolicy", "Timeout"]

load_lazily(globals(), _HOMES)
