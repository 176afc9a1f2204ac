"""
What stands on a page: conversations, bubbles and what the inspector tells, read from the simulator's memory.

Values in, values out: how they are written is a matter of the templates, who asked for them one of ``views.py``.
"""

from __future__ import annotations

import heapq
import json
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

import attrs

from vonage_messages.codes import describe
from vonage_messages.simulator.inbox.blocks import Reaction
from vonage_messages.simulator.inbox.conversations import Conversation, Conversations, Key
from vonage_messages.simulator.inbox.drawing import Drawing, Step, draw
from vonage_messages.simulator.inbox.inspection import as_json, masked_headers, read_signature, sent_body
from vonage_messages.simulator.inbox.loose import pretty
from vonage_messages.simulator.inbox.shown import (
    Bubble,
    Filter,
    Inspection,
    Link,
    ListPage,
    Mark,
    Row,
    Thread,
    Try,
)
from vonage_messages.simulator.inbox.snippets import as_curl, as_python

if TYPE_CHECKING:
    from vonage_messages.simulator.callbacks import CallbackTry
    from vonage_messages.simulator.relay import ReleaseDesk
    from vonage_messages.simulator.state import KnownInbound, ReceivedMessage, SimulatorState, StatusNote

PAGE: Final = 50
"""Conversations, hits and bubbles of a page."""
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
RANKS: Final[Mapping[str, int]] = {
    "accepted": 0,
    "submitted": 1,
    "delivered": 2,
    "read": 3,
    "rejected": 4,
    "undeliverable": 4,
}


@attrs.frozen(kw_only=True)
class Pages:
    """Reads pages from the memory of a simulator."""

    state: SimulatorState
    index: Conversations
    tries_of: Callable[[str], Sequence[CallbackTry]]
    signature_secret: Callable[[], str]
    templates: Mapping[str, str]
    releases: ReleaseDesk | None
    chunk: int = 500
    """Messages that a search looks at before it lets others go on."""

    def conversations(self, channel: str, start: int) -> ListPage:
        """List conversations, the newest message first."""
        chosen = channel or None
        found = self.index.latest(chosen, start, PAGE + 1)
        rows = [row for row in map(self._conversation_row, found[:PAGE]) if row is not None]
        return ListPage(
            rows=tuple(rows),
            start=start,
            next_start=start + PAGE if len(found) > PAGE else None,
            total=self.index.count(chosen),
            counts=self.index.counts,
        )

    async def search(self, wanted: Filter, start: int, pause: Callable[[], Any]) -> ListPage:
        """
        List the messages that *wanted* names, newest first.

        *pause* is awaited every few hundred messages, so that a search holds nobody else up.
        """
        rows: list[Row] = []
        skipped = 0
        more = False
        async for message_uuid, inbound in self._found(wanted, pause):
            if skipped < start:
                skipped += 1
                continue
            if len(rows) == PAGE:
                more = True
                break
            row = self._message_row(message_uuid, inbound)
            if row is not None:
                rows.append(row)
        return ListPage(
            rows=tuple(rows),
            start=start,
            next_start=start + PAGE if more else None,
            total=None,
            counts=self.index.counts,
        )

    async def _found(self, wanted: Filter, pause: Callable[[], Any]) -> AsyncIterator[tuple[str, bool]]:
        words = wanted.words.casefold()
        for number, (message_uuid, inbound) in enumerate(self._newest_first(wanted.direction), 1):
            if number % self.chunk == 0:
                await pause()
            if self._is_wanted(message_uuid, inbound, wanted, words):
                yield message_uuid, inbound

    def _newest_first(self, direction: str) -> Iterator[tuple[str, bool]]:
        outbound, inbound = self.index.newest_first()
        if direction == "outbound":
            return iter([(each, False) for each in outbound])
        if direction == "inbound":
            return iter([(each, True) for each in inbound])
        pairs = ([(each, False) for each in outbound], [(each, True) for each in inbound])
        return heapq.merge(*pairs, key=lambda pair: self._time(*pair), reverse=True)

    def _time(self, message_uuid: str, inbound: bool) -> datetime:
        if inbound:
            written = self.state.inbound_message(message_uuid)
            return (written.written_at if written else None) or _EPOCH
        message = self.state.message(message_uuid)
        return message.received_at if message else _EPOCH

    def _is_wanted(self, message_uuid: str, inbound: bool, wanted: Filter, words: str) -> bool:
        conversation = self.index.of(message_uuid)
        if conversation is None or (wanted.channel and conversation.key.channel != wanted.channel):
            return False
        if wanted.status and (inbound or self._status(message_uuid)[0] != wanted.status):
            return False
        return not words or words in self._haystack(message_uuid, inbound, conversation)

    def _haystack(self, message_uuid: str, inbound: bool, conversation: Conversation) -> str:
        message = self.state.inbound_message(message_uuid) if inbound else self.state.message(message_uuid)
        payload = None if message is None else message.payload
        text = json.dumps(payload, ensure_ascii=False)
        return f"{conversation.key.person} {message_uuid} {text}".casefold()

    def _conversation_row(self, conversation: Conversation) -> Row | None:
        newest = next(conversation.newest_first(), None)
        if newest is None:
            return None
        row = self._message_row(newest, conversation.ids[newest])
        return None if row is None else attrs.evolve(row, message_uuid="", unseen=conversation.unseen)

    def _message_row(self, message_uuid: str, inbound: bool) -> Row | None:
        conversation = self.index.of(message_uuid)
        if conversation is None:
            return None
        if inbound:
            written = self.state.inbound_message(message_uuid)
            if written is None or written.payload is None:
                return None
            drawing, company, status = self._draw_written(written), written.to, ""
        else:
            message = self.state.message(message_uuid)
            if message is None:
                return None
            drawing, company = self._draw_message(message), message.from_
            status, _ = self._status(message_uuid)
        return Row(
            key=conversation.key,
            company=company,
            preview=drawing.preview,
            inbound=inbound,
            at=self._time(message_uuid, inbound),
            status=status,
            message_uuid=message_uuid,
        )

    def thread(self, key: Key, before: str | None = None, around: str | None = None) -> Thread | None:
        """Give the newest page of a conversation, the one before *before*, or one in which *around* stands."""
        conversation = self.index.get(key)
        if conversation is None:
            return None
        ids = conversation.newest_first(before)
        newest = list(islice(ids, PAGE + 1))
        if around is not None and around in conversation.ids and around not in newest[:PAGE]:
            # The page ends at the message that is asked for: what came after it is one link away.
            newest = [around, *islice(conversation.newest_first(around), PAGE)]
        page = newest[:PAGE]
        bubbles = [bubble for bubble in (self.bubble(each) for each in reversed(page)) if bubble is not None]
        return Thread(
            conversation=conversation,
            bubbles=tuple(bubbles),
            older=page[-1] if len(newest) > PAGE else None,
        )

    def bubble(self, message_uuid: str) -> Bubble | None:
        """Draw one message; ``None`` where it is not held any more."""
        conversation = self.index.of(message_uuid)
        if conversation is None:
            return None
        if conversation.ids.get(message_uuid):
            written = self.state.inbound_message(message_uuid)
            return None if written is None else self._written_bubble(written, conversation)
        message = self.state.message(message_uuid)
        return None if message is None else self._message_bubble(message, conversation)

    def _message_bubble(self, message: ReceivedMessage, conversation: Conversation) -> Bubble:
        drawing = self._draw_message(message)
        status, code = self._status(message.message_uuid)
        return Bubble(
            message_uuid=message.message_uuid,
            inbound=False,
            channel=conversation.key.channel,
            message_type=message.message_type,
            sender=message.from_,
            drawing=drawing,
            at=message.received_at,
            status=status,
            note="" if code is None else _meaning(code),
            marks=self._marks(message.message_uuid, conversation),
            quoted=self._quoted(drawing.quoted),
            badges=tuple(_badges(message)),
            chain=self._chain(message, drawing),
            is_event=self._is_event(drawing),
        )

    def _written_bubble(self, written: KnownInbound, conversation: Conversation) -> Bubble:
        drawing = self._draw_written(written)
        tries = self.tries_of(written.message_uuid)
        last = tries[-1] if tries else None
        return Bubble(
            message_uuid=written.message_uuid,
            inbound=True,
            channel=written.channel,
            message_type=written.message_type,
            sender=written.from_,
            drawing=drawing,
            at=written.written_at or _EPOCH,
            status="no webhook" if last is None else "handed over" if last.accepted else "not handed over",
            note="" if last is None else last.error or f"your webhook answered {last.status}",
            marks=self._marks(written.message_uuid, conversation),
            quoted=self._quoted(written.context_uuid),
            badges=tuple(_reading(written)),
            chain=(),
            is_event=self._is_event(drawing),
        )

    def _draw_message(self, message: ReceivedMessage) -> Drawing:
        return draw(
            message.payload, channel=message.channel, message_type=message.message_type, templates=self.templates
        )

    def _draw_written(self, written: KnownInbound) -> Drawing:
        return draw(written.payload or {}, channel=written.channel, message_type=written.message_type)

    def _status(self, message_uuid: str) -> tuple[str, int | None]:
        """Give how far a message has come: the highest status, for they may come in any order; and its code."""
        notes = self.state.statuses(message_uuid)
        if not notes:
            return "accepted", None
        highest = max(notes, key=lambda note: RANKS.get(note.status, 0))
        return highest.status, highest.code

    def _marks(self, message_uuid: str, conversation: Conversation) -> tuple[Mark, ...]:
        marks = []
        for by_person, reaction in sorted(conversation.reactions.get(message_uuid, {}).items()):
            emoji = self._emoji(reaction, by_person)
            if emoji:
                marks.append(Mark(emoji=emoji, by_person=by_person))
        return tuple(marks)

    def _emoji(self, message_uuid: str, by_person: bool) -> str:
        drawing: Drawing | None = None
        if by_person:
            written = self.state.inbound_message(message_uuid)
            drawing = None if written is None else self._draw_written(written)
        else:
            message = self.state.message(message_uuid)
            drawing = None if message is None else self._draw_message(message)
        blocks = () if drawing is None else drawing.blocks
        return next((block.emoji for block in blocks if isinstance(block, Reaction)), "")

    def _is_event(self, drawing: Drawing) -> bool:
        return any(isinstance(block, Reaction) and self.index.of(block.target) is not None for block in drawing.blocks)

    def _quoted(self, message_uuid: str | None) -> str:
        if message_uuid is None:
            return ""
        message = self.state.message(message_uuid)
        if message is not None:
            return self._draw_message(message).preview
        written = self.state.inbound_message(message_uuid)
        if written is not None and written.payload is not None:
            return self._draw_written(written).preview
        return "A message that is not here"

    def _chain(self, message: ReceivedMessage, drawing: Drawing) -> tuple[Link, ...]:
        """Give the places of the failover chain that a message belongs to; none where there is no chain."""
        first = message
        if message.failover_of is not None:
            found = self.state.message(message.failover_of)
            if found is None:
                return ()
            first, drawing = found, self._draw_message(found)
        if not drawing.failover:
            return ()
        own = Step(channel=first.channel, message_type=first.message_type, to=first.to, preview=drawing.preview)
        sent = [first.message_uuid, *self.index.later_of(first.message_uuid)]
        links = []
        for number, step in enumerate((own, *drawing.failover), 1):
            uuid = sent[number - 1] if number <= len(sent) else None
            status = "not sent" if uuid is None else self._status(uuid)[0]
            links.append(
                Link(number=number, step=step, status=status, message_uuid=uuid, here=uuid == message.message_uuid)
            )
        return tuple(links)

    def inspection(self, message_uuid: str) -> Inspection | None:
        """Tell everything about one message; ``None`` where it is not held any more."""
        bubble = self.bubble(message_uuid)
        conversation = self.index.of(message_uuid)
        if bubble is None or conversation is None:
            return None
        tries = tuple(self._try(each) for each in self.tries_of(message_uuid))
        if bubble.inbound:
            written = self.state.inbound_message(message_uuid)
            return None if written is None else _inspected_written(written, bubble, conversation.key, tries)
        message = self.state.message(message_uuid)
        return None if message is None else self._inspected_message(message, bubble, conversation.key, tries)

    def _inspected_message(
        self, message: ReceivedMessage, bubble: Bubble, key: Key, tries: tuple[Try, ...]
    ) -> Inspection:
        exchange = self.state.exchange(message.request_id)
        own = message.failover_of is None
        return Inspection(
            bubble=bubble,
            key=key,
            facts=tuple(_facts(message)),
            statuses=tuple(map(_status_line, self.state.statuses(message.message_uuid))),
            method=exchange.method if exchange else "POST",
            path=exchange.path if exchange else f"/{message.version}/messages",
            request_headers=masked_headers(exchange.request_headers) if exchange else (),
            request=pretty(message.payload),
            answer_status=exchange.status if exchange and own else None,
            answer_headers=masked_headers(exchange.answer_headers) if exchange and own else (),
            answer=as_json(exchange.answer) if exchange and own else "",
            tries=tries,
            updates=tuple((each.status, each.received_at, pretty(each.payload)) for each in message.updates),
            curl=as_curl(message.payload, message.version),
            python=as_python(message.payload, message.version),
            can_release=self.releases is not None,
            releases=() if self.releases is None else self.releases.released(message.message_uuid),
        )

    def _try(self, given: CallbackTry) -> Try:
        status = given.payload.get("status")
        return Try(
            number=given.number,
            kind=given.kind,
            tells=str(status or given.payload.get("message_type") or "text"),
            url=given.url,
            at=given.sent_at,
            outcome=given.error or f"HTTP {given.status}",
            ok=given.accepted,
            comes_again=given.comes_again,
            headers=masked_headers(given.headers.items()),
            body=pretty(given.payload),
            signature=read_signature(given.headers, sent_body(given.payload), self.signature_secret()),
        )


def _inspected_written(written: KnownInbound, bubble: Bubble, key: Key, tries: tuple[Try, ...]) -> Inspection:
    facts = [("message_uuid", written.message_uuid), ("channel", written.channel)]
    facts += [("message_type", written.message_type), ("from (the person)", written.from_), ("to", written.to)]
    if written.context_uuid:
        facts.append(("answers", written.context_uuid))
    return Inspection(
        bubble=bubble,
        key=key,
        facts=tuple(facts),
        statuses=(),
        method="",
        path="",
        request_headers=(),
        request=pretty(written.payload),
        answer_status=None,
        answer_headers=(),
        answer="",
        tries=tries,
        updates=tuple((each.status, each.received_at, pretty(each.payload)) for each in written.updates),
        curl="",
        python="",
    )


def _facts(message: ReceivedMessage) -> Iterator[tuple[str, str]]:
    yield "message_uuid", message.message_uuid
    yield "version", message.version
    yield "channel", message.channel
    yield "message_type", message.message_type
    yield "to", message.to
    yield "from", message.from_
    for name, value in (
        ("client_ref", message.client_ref),
        ("workflow_id", message.workflow_id),
        ("failover of", message.failover_of),
    ):
        if value:
            yield name, value
    yield "request_id", message.request_id
    yield "credentials", "JWT of the application" if message.sent_by == "application" else "key and secret (Basic)"


def _status_line(note: StatusNote) -> tuple[str, datetime, str]:
    return note.status, note.at, "" if note.code is None else _meaning(note.code)


def _badges(message: ReceivedMessage) -> Iterator[str]:
    if message.version != "v1":
        yield message.version
    if any(update.status == "revoked" for update in message.updates):
        yield "revoked"


def _reading(written: KnownInbound) -> Iterator[str]:
    """Tell what the application did with what a person wrote: read it, showed that it is typing."""
    if any(update.status == "read" for update in written.updates):
        yield "read by the application"
    if any("replying_indicator" in update.payload for update in written.updates):
        yield "typing was shown"


def _meaning(code: int) -> str:
    known = describe(code)
    return str(code) if known is None else f"{code}: {known.meaning}"
