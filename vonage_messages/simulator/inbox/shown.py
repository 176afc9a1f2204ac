"""
What a page of the inbox shows, as values: rows of the list, bubbles of the phone, what the inspector tells.

Who reads them from the simulator's memory is ``pages.py``, and how they look is a matter of the templates.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from zlib import crc32

import attrs

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from vonage_messages.simulator.inbox.conversations import Conversation, Key
    from vonage_messages.simulator.inbox.drawing import Drawing, Step
    from vonage_messages.simulator.inbox.inspection import Signature
    from vonage_messages.simulator.relay import Release


@attrs.frozen(kw_only=True)
class Filter:
    """What the list is to show. Without words, status and direction it lists conversations, else messages."""

    words: str = ""
    channel: str = ""
    status: str = ""
    direction: str = ""
    """``outbound`` or ``inbound``, as the application sees it."""

    @property
    def is_search(self) -> bool:
        """Messages are listed, not conversations."""
        return bool(self.words or self.status or self.direction)


@attrs.frozen(kw_only=True)
class Row:
    """A conversation, or a message that was found."""

    key: Key
    company: str
    preview: str
    inbound: bool
    at: datetime
    status: str
    unseen: int = 0
    message_uuid: str = ""
    """Given where it is a message that was found."""


@attrs.frozen(kw_only=True)
class ListPage:
    """A page of the list."""

    rows: tuple[Row, ...]
    start: int
    next_start: int | None
    total: int | None
    """``None`` where nobody has counted: a search ends with its page."""
    counts: Mapping[str, int]


@attrs.frozen(kw_only=True)
class Mark:
    """A reaction at a bubble."""

    emoji: str
    by_person: bool


@attrs.frozen(kw_only=True)
class Bubble:
    """A message in its conversation."""

    message_uuid: str
    inbound: bool
    """The person wrote it: it stands on the right, for the phone is theirs."""
    channel: str
    message_type: str
    sender: str
    drawing: Drawing
    at: datetime
    status: str
    """``accepted`` until something has become of it; of what a person wrote: what the webhook answered."""
    note: str
    """Why it failed, in words."""
    marks: tuple[Mark, ...]
    quoted: str
    """What it answers, in a line; empty where it answers nothing that is known."""
    badges: tuple[str, ...]
    chain: tuple[Link, ...]
    is_event: bool
    """A reaction whose message is known: it is shown there, and here in a line."""

    @property
    def live(self) -> str:
        """Changes with whatever may change of a bubble: the page draws that part anew."""
        parts = (self.status, self.note, self.marks, self.badges, self.chain)
        return f"{crc32(repr(parts).encode('utf-8', 'replace')):08x}"


@attrs.frozen(kw_only=True)
class Link:
    """A place in a failover chain."""

    number: int
    step: Step
    status: str
    """What became of it; ``not sent`` where it was not needed so far."""
    message_uuid: str | None
    here: bool


@attrs.frozen(kw_only=True)
class Thread:
    """A page of a conversation, oldest first."""

    conversation: Conversation
    bubbles: tuple[Bubble, ...]
    older: str | None
    """The message before which there are more."""

    @property
    def last(self) -> Bubble | None:
        """The newest message of the page."""
        return self.bubbles[-1] if self.bubbles else None


@attrs.frozen(kw_only=True)
class Try:
    """A try to call a webhook."""

    number: int
    kind: str
    """``status`` or ``inbound``."""
    tells: str
    """The status that it tells, or the type of the message."""
    url: str
    at: datetime
    outcome: str
    ok: bool
    comes_again: bool
    headers: tuple[tuple[str, str], ...]
    body: str
    signature: Signature | None


@attrs.frozen(kw_only=True)
class Inspection:
    """Everything about one message."""

    bubble: Bubble
    key: Key
    facts: tuple[tuple[str, str], ...]
    statuses: tuple[tuple[str, datetime, str], ...]
    method: str
    path: str
    request_headers: tuple[tuple[str, str], ...]
    request: str
    answer_status: int | None
    answer_headers: tuple[tuple[str, str], ...]
    answer: str
    tries: tuple[Try, ...]
    updates: tuple[tuple[str, datetime, str], ...]
    curl: str
    python: str
    can_release: bool = False
    releases: tuple[Release, ...] = ()
    """The times that it was sent for real."""
