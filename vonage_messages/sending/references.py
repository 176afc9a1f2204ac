"""What is heard of a message by its ``client_ref``, where the answer to its sending was lost."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from vonage_messages.channels.base import Message
from vonage_messages.webhooks.status import MessageStatus


class Reference:
    """The ids of what has been heard of under one ``client_ref``, to one person on one channel."""

    def __init__(self, message: Message) -> None:
        self._route = (message.channel, message.to)
        self._uuids: dict[str, None] = {}
        self._changed = asyncio.Event()

    def hear(self, status: MessageStatus) -> None:
        """Take in a status that carries the ``client_ref``."""
        if (status.channel, status.to) == self._route and status.message_uuid:
            self._uuids[status.message_uuid] = None
            self._changed.set()

    async def next_uuid(self, is_known: Callable[[str], bool]) -> str:
        """Wait for the id of a message that *is_known* does not know: several may share a ``client_ref``."""
        while True:  # ends: with an id, or when the chain does
            for uuid in self._uuids:
                if not is_known(uuid):
                    return uuid
            self._changed.clear()
            await self._changed.wait()
