"""The guards of a queue: a client that asks them before each request, beside those of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from vonage_messages.guards import Guards, guards_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Iterable

    from vonage_messages.channels.base import Message
    from vonage_messages.clients.client import Client
    from vonage_messages.guards import Guard
    from vonage_messages.limiter import Limiter
    from vonage_messages.wire.payloads import ApiVersion
    from vonage_messages.wire.rest import SentMessage


class _Guarded:
    """What a queue uses of a client, behind guards."""

    def __init__(self, client: Client, guards: Guards) -> None:
        self._client = client
        self._guards = guards
        self.limiter: Limiter | None = client.limiter

    def attempt(self, message: Message, *, api_version: ApiVersion | None = None) -> Awaitable[SentMessage]:
        return self._guards.around(message, lambda: self._client.attempt(message, api_version=api_version))


def guarded(client: Client, guards: Iterable[Guard]) -> Client:
    """
    Put *guards* before *client*; where there are none, it is the client itself, and costs nothing.

    Raises:
        ConfigurationError: one of them is no guard.
    """
    asked = guards_of(guards)
    return client if asked is None else cast("Client", _Guarded(client, asked))
