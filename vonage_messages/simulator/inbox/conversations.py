"""
Who wrote with whom: an index over the simulator's memory, kept up to date by its journal.

A conversation is a person on a channel. The index holds ids and nothing of what a message says: an entry costs a few
dictionary operations, whatever the message, and the rest is read when somebody looks. It forgets as the memory does,
oldest first. Times, texts and statuses are not here; see ``state.py``.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING, Final

import attrs

from vonage_messages.simulator import journal

if TYPE_CHECKING:
    from vonage_messages.simulator.journal import Entry
    from vonage_messages.simulator.state import KnownInbound, ReceivedMessage, SimulatorState

CHANNELS: Final = ("sms", "mms", "rcs", "whatsapp", "messenger", "viber_service", "email")


@attrs.frozen
class Key:
    """A person on a channel. *channel* is named as in v1."""

    channel: str
    person: str = attrs.field(repr=False)

    def __str__(self) -> str:
        return f"{self.channel}:{self.person}"

    @classmethod
    def read(cls, text: str) -> Key | None:
        """Read what ``str`` wrote; ``None`` where it is no key."""
        channel, colon, person = text.partition(":")
        return cls(channel, person) if channel and colon and person else None


@attrs.define(kw_only=True)
class Conversation:
    """What is known of one conversation."""

    key: Key
    company: str = ""
    """Who wrote to the person last, or was written to."""
    ids: dict[str, bool] = attrs.field(factory=dict)
    """Messages in the order in which they came; ``True`` where the person wrote."""
    unseen: int = 0
    """How many have arrived at the phone since somebody looked."""
    version: int = 0
    """The number of the last journal entry that concerns it."""
    reactions: dict[str, dict[bool, str]] = attrs.field(factory=dict)
    """By the message that was reacted to: the reacting message of each side."""

    def newest_first(self, before: str | None = None) -> Iterator[str]:
        """List the ids, newest first; only those older than *before* where it is given and known."""
        ids = reversed(self.ids)
        if before is not None and before in self.ids:
            for each in ids:
                if each == before:
                    break
        return ids


class Conversations:
    """The index. It listens from when it is made, and reads first what is there already."""

    def __init__(self, state: SimulatorState) -> None:
        self._state = state
        self._conversations: OrderedDict[Key, Conversation] = OrderedDict()
        self._homes: tuple[OrderedDict[str, Key], OrderedDict[str, Key]] = (OrderedDict(), OrderedDict())
        """The conversation of each outbound and each inbound message, oldest first."""
        self._counts: dict[str, int] = {}
        self._later: dict[str, list[str]] = {}
        """The later messages of a failover chain, by its first."""
        self._first: dict[str, str] = {}
        """The first message of a failover chain, by each later one."""
        self._targets: dict[str, str] = {}
        """What each reaction that is held is about: an id that may be made up, and so goes with the reaction."""
        self.version = 0
        """The number of the last journal entry that changed anything here."""
        for message in state.messages:
            self._add_message(message)
        for written in state.inbound:
            self._add_written(written)
        self.version = state.journal.last
        state.journal.listen(self._hear)

    def __len__(self) -> int:
        return len(self._conversations)

    @property
    def counts(self) -> dict[str, int]:
        """How many conversations each channel has."""
        return {channel: count for channel, count in self._counts.items() if count}

    def get(self, key: Key) -> Conversation | None:
        """Find a conversation."""
        return self._conversations.get(key)

    def of(self, message_uuid: str) -> Conversation | None:
        """Find the conversation that a message stands in."""
        key = self._homes[0].get(message_uuid) or self._homes[1].get(message_uuid)
        return None if key is None else self._conversations.get(key)

    def latest(self, channel: str | None, start: int, length: int) -> list[Conversation]:
        """List *length* conversations from place *start*, the one with the newest message first."""
        chosen = (
            each for each in reversed(self._conversations.values()) if channel is None or each.key.channel == channel
        )
        return list(islice(chosen, start, start + length))

    def count(self, channel: str | None) -> int:
        """Count the conversations of a channel, or all."""
        return len(self._conversations) if channel is None else self._counts.get(channel, 0)

    def newest_first(self) -> tuple[list[str], list[str]]:
        """List every outbound and every inbound message, newest first each."""
        return list(reversed(self._homes[0])), list(reversed(self._homes[1]))

    def later_of(self, message_uuid: str) -> list[str]:
        """List what was sent after a message was rejected: the later ones of its failover chain, in order."""
        return self._later.get(message_uuid, [])

    def _hear(self, entry: Entry) -> None:
        self.version = entry.number
        if entry.kind == journal.MESSAGE:
            message = self._state.message(entry.subject)
            if message is not None:
                self._touch(self._add_message(message), entry.number).unseen += 1
        elif entry.kind == journal.WRITTEN:
            written = self._state.inbound_message(entry.subject)
            conversation = None if written is None else self._add_written(written)
            if conversation is not None:
                self._touch(conversation, entry.number)
        elif entry.kind == journal.CLEARED:
            self._forget_all()
        else:
            self._concern(entry.subject)

    def _concern(self, message_uuid: str) -> None:
        """Note that something of a conversation has changed."""
        for each in (message_uuid, self._first.get(message_uuid, "")):
            conversation = self.of(each)
            if conversation is not None:
                conversation.version = self._state.journal.last

    def _touch(self, conversation: Conversation, number: int) -> Conversation:
        conversation.version = number
        self._conversations.move_to_end(conversation.key)
        return conversation

    def _add_message(self, message: ReceivedMessage) -> Conversation:
        channel = "viber_service" if message.channel == "viber_service_msg" else message.channel
        key = Key(channel, message.to)
        conversation = self._add(key, message.message_uuid, company=message.from_, inbound=False)
        if message.failover_of is not None and message.failover_of in self._homes[0]:
            self._later.setdefault(message.failover_of, []).append(message.message_uuid)
            self._first[message.message_uuid] = message.failover_of
            self._concern(message.failover_of)
        if message.message_type == "reaction":
            target = message.payload.get("context", {}).get("message_uuid", "")
            self._react(conversation, target, message.message_uuid, by_person=False)
        return conversation

    def _add_written(self, written: KnownInbound) -> Conversation | None:
        """Add what a person wrote; one that was only made known has no place."""
        if written.payload is None or not written.from_:
            return None
        key = Key(written.channel, written.from_)
        conversation = self._add(key, written.message_uuid, company=written.to, inbound=True)
        if written.message_type == "reaction" and written.context_uuid:
            self._react(conversation, written.context_uuid, written.message_uuid, by_person=True)
        return conversation

    def _react(self, conversation: Conversation, target: str, message_uuid: str, *, by_person: bool) -> None:
        conversation.reactions.setdefault(target, {})[by_person] = message_uuid
        self._targets[message_uuid] = target

    def _add(self, key: Key, message_uuid: str, *, company: str, inbound: bool) -> Conversation:
        conversation = self._conversations.get(key)
        if conversation is None:
            conversation = self._conversations[key] = Conversation(key=key)
            self._counts[key.channel] = self._counts.get(key.channel, 0) + 1
        conversation.company = company
        conversation.ids[message_uuid] = inbound
        home = self._homes[inbound]
        home[message_uuid] = key
        while len(home) > self._state.maximum:
            self._forget(*home.popitem(last=False))
        return conversation

    def _take_back(self, conversation: Conversation, message_uuid: str) -> None:
        """Forget a reaction, unless a later one has taken its place."""
        target = self._targets.pop(message_uuid, "")
        sides = conversation.reactions.get(target, {})
        for by_person, reaction in list(sides.items()):
            if reaction == message_uuid:
                del sides[by_person]
        if target in conversation.reactions and not sides:
            del conversation.reactions[target]

    def _forget(self, message_uuid: str, key: Key) -> None:
        self._first.pop(message_uuid, None)
        self._later.pop(message_uuid, None)
        conversation = self._conversations.get(key)
        if conversation is None:
            return
        conversation.ids.pop(message_uuid, None)
        conversation.reactions.pop(message_uuid, None)
        self._take_back(conversation, message_uuid)
        if not conversation.ids:
            del self._conversations[key]
            self._counts[key.channel] -= 1

    def _forget_all(self) -> None:
        self._conversations.clear()
        self._counts.clear()
        self._later.clear()
        self._first.clear()
        self._targets.clear()
        for home in self._homes:
            home.clear()
