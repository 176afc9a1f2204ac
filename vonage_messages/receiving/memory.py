"""
What several processes that receive callbacks must know together, as protocols, and what an event is found by.

The memories in a database stand in ``vonage_messages.stores``; which callbacks were handled is asked of a
``vonage_messages.webhooks.SeenStore``, which they are, too.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Protocol, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

Topic: TypeAlias = str
"""What an event is about, hashed: a message, a failover chain, or the two sides of a conversation."""

_TOPIC_SIZE = 12


class TokenStore(Protocol):
    """Remembers the tokens of callbacks: an id that was used is refused with another body, wherever that comes."""

    async def note_token(self, api_key: str, token_id: str, payload_hash: str, /) -> bool:
        """
        Remember a token, the signature of which was found right; false where its id came with another body before.

        Raises:
            StoreUnavailableError: it is not known.
        """


class EventStore(Protocol):
    """
    Keeps the events of callbacks for a while, and tells everybody who listens when there is a new one.

    Raises, from every method that is awaited:
        StoreUnavailableError: it cannot be read or written now.
    """

    async def add_event(self, topics: Collection[Topic], body: bytes, /) -> None:
        """Keep the body of a callback, and tell whoever listens, in every process, of its topics."""

    async def recall(self, topics: Collection[Topic], /) -> list[bytes]:
        """Give the bodies of what is kept about any of *topics*, oldest first."""

    def listen(self, listener: Callable[[Collection[Topic]], None], /) -> None:
        """
        Call *listener* with the topics of each new event, from whatever process.

        With no topics at all it is told that some may have been missed, after a lost connection, say.
        """


def topic(*parts: str) -> Topic:
    """Hash what an event is about: short, alike in every process, and no phone number any more."""
    spelled = "\0".join(parts).encode("utf-8", "surrogatepass")
    return hashlib.blake2b(spelled, digest_size=_TOPIC_SIZE).hexdigest()
