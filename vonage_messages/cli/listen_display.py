"""
How ``listen`` shows what arrives: some lines for each callback, or one line of JSON; and what it says at its ends.

Everything that came from outside goes through ``printable``, and numbers are masked unless the user wants them.
"""

from __future__ import annotations

import json
import re
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

import attrs
from rich.text import Text

from vonage_messages.cli.terminal import errors, output, printable
from vonage_messages.codes import describe
from vonage_messages.values import masked
from vonage_messages.webhooks.content import (
    Button,
    Contacts,
    Content,
    Location,
    Order,
    Reaction,
    Reply,
    Unknown,
    Unsupported,
)
from vonage_messages.webhooks.content import Text as WrittenText
from vonage_messages.webhooks.inbound import InboundMessage
from vonage_messages.webhooks.surprises import Surprise
from vonage_messages.webhooks.timeline import FAILURES

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from rich.console import Console

    from vonage_messages.receiving.drift import Drift
    from vonage_messages.webhooks.status import MessageStatus

_INDENT: Final = 10
"""Columns of the time and what follows it."""

_LONGEST_TEXT: Final = 2000
_NARROWEST: Final = 20
_STYLES: Final = {"submitted": "dim", "delivered": "green", "read": "bold green"}
_OF_A_PERSON: Final = frozenset(
    {"to", "from", "number", "id", "phone", "wa_id", "user_id", "parent_user_id", "message_from", "participants"}
)
"""Members that name a person wherever they stand."""

_NUMBER = re.compile(r"\+?[0-9]{7,15}")


@attrs.define(kw_only=True)
class Display:
    """Prints what happens, and counts it."""

    mask: bool = True
    console: Console = attrs.field(factory=output)
    messages: int = attrs.field(init=False, default=0)
    statuses: int = attrs.field(init=False, default=0)
    refused: int = attrs.field(init=False, default=0)

    @property
    def events(self) -> int:
        """How many callbacks were shown."""
        return self.messages + self.statuses

    def show_event(
        self, event: InboundMessage | MessageStatus, unknown: Sequence[Surprise], sample: Path | None
    ) -> None:
        """Show a callback, what of it is unknown, and where its sample is."""
        if isinstance(event, InboundMessage):
            self.messages += 1
            self._heading("message", "cyan", f"{event.channel} {event.message_type}", event)
            self._say(_content(event.content, event.message_type))
            self._say(self._of_message(event), "dim")
        else:
            self.statuses += 1
            style = "bold red" if event.status in FAILURES else _STYLES.get(event.status, "yellow")
            self._heading(event.status or "(no status)", style, event.channel, event)
            self._say(_failure(event), "red")
            self._say(self._of_status(event), "dim")
        if unknown:
            self._say("unknown: " + ", ".join(f"{each.kind} {each.name}" for each in unknown), "yellow")
        if sample is not None:
            self._say(f"sample: {sample}", "dim")

    def show_refused(self, status: int, path: str, detail: str) -> None:
        """Show what was not taken, and why."""
        self.refused += 1
        self._line(Text.assemble(f"{_now()}  ", (f"{'refused':<9}", "bold red"), f"  {status}  {printable(path)}"))
        self._say(detail)

    def say(self, text: str, style: str = "") -> None:
        """Print a sentence."""
        self.console.print(Text(text, style=style), soft_wrap=True)

    def warn(self, text: str) -> None:
        """Print a sentence that matters."""
        self.say(text, "yellow")

    def show_end(self, drift: Drift, details: Iterable[str]) -> None:
        """Print what there was in all, and every name that was unknown."""
        counts = [_counted(self.messages, "message"), _counted(self.statuses, "status"), f"{self.refused} refused"]
        self.say("\nStopped: " + ", ".join([*counts, *details]) + ".")
        if drift:
            of = _counted(drift.events, "callback")
            self.say(f"\nUnknown to this version, in {of} (kept in event.extra, never an error):", "yellow")
            for kind, name, number in drift:
                self.say(f"  {kind:<13} {name:<50} {number:>6}")

    def shown(self, number: str) -> str:
        """Give a number or an id as it may be shown."""
        return printable(masked(number) if self.mask else number) or "(nobody)"

    def _heading(self, word: str, style: str, what: str, event: InboundMessage | MessageStatus) -> None:
        sides = f"{self.shown(event.from_)} -> {self.shown(event.to)}"
        shown = (f"{printable(word):<9}", style)
        self._line(Text.assemble(f"{_now()}  ", shown, f"  {printable(what)}  {sides}"))

    def _of_message(self, event: InboundMessage) -> str:
        words = [event.message_uuid]
        if event.profile is not None and event.profile.name:
            words.append(f"profile {event.profile.name}")
        if event.context is not None and event.context.message_uuid:
            words.append(f"answers {event.context.message_uuid}")
        if event.attachments:
            words.append(f"{len(event.attachments)} more files")
        if event.provider_message:
            words.append(event.provider_message)
        return "  ".join(words)

    def _of_status(self, event: MessageStatus) -> str:
        words = [event.message_uuid]
        if event.client_ref:
            words.append(f"client_ref {event.client_ref}")
        if event.usage is not None and event.usage.price is not None:
            words.append(f"{event.usage.price} {event.usage.currency or ''}".rstrip())
        if event.workflow is not None and event.workflow.items_number is not None:
            words.append(f"item {event.workflow.items_number} of {event.workflow.items_total or '?'}")
        return "  ".join(words)

    def _say(self, text: str, style: str = "") -> None:
        """Print lines that begin under the heading; nothing for an empty text."""
        if not text:
            return
        whole = text if len(text) <= _LONGEST_TEXT else f"{text[:_LONGEST_TEXT]} […]"
        for paragraph in whole.splitlines():
            room = max(_NARROWEST, self.console.width - _INDENT)
            for line in Text(printable(paragraph), style=style).wrap(self.console, room):
                line.rstrip()
                self._line(Text.assemble(" " * _INDENT, line))

    def _line(self, line: Text) -> None:
        self.console.print(line, soft_wrap=True)


@attrs.define(kw_only=True)
class JsonDisplay(Display):
    """The same for programs: a line of JSON for each callback on standard output, all else on standard error."""

    console: Console = attrs.field(factory=errors)
    lines: Console = attrs.field(factory=output)

    def show_event(
        self, event: InboundMessage | MessageStatus, unknown: Sequence[Surprise], sample: Path | None
    ) -> None:
        """Print the line of a callback."""
        inbound = isinstance(event, InboundMessage)
        self.messages += inbound
        self.statuses += not inbound
        document: dict[str, Any] = {
            "received": datetime.now().astimezone().isoformat(timespec="milliseconds"),
            "kind": "inbound" if inbound else "status",
            "version": event.version,
            "payload": _with_masked_numbers(event.raw) if self.mask else event.raw,
            "unknown": [{"kind": each.kind, "name": each.name} for each in unknown],
        }
        if sample is not None:
            document["sample"] = str(sample)
        self.lines.print(json.dumps(document), soft_wrap=True)


def _now() -> str:
    return f"{datetime.now().astimezone():%H:%M:%S}"


def _counted(number: int, word: str) -> str:
    plural = f"{word}es" if word.endswith("s") else f"{word}s"
    return f"{number} {word if number == 1 else plural}"


def _failure(event: MessageStatus) -> str:
    """Say why a message did not arrive, in the words of the reference and, below, of the platform."""
    error = event.error
    if error is None:
        return ""
    known = describe(error.code)
    told = error.detail or error.type or error.title or ""
    if known is None:
        return f"{'no code' if error.code is None else error.code}: {told}"
    lines = [f"{known.code}: {known.meaning}. To do: {known.advice}."]
    if told.lower() != known.meaning.lower():
        lines.append(f"The platform says: {told}")
    return "\n".join(lines)


def _content(content: Content, message_type: str) -> str:
    match content:
        case WrittenText():
            return content.text
        case Location():
            words = [f"{content.lat}, {content.long}", content.name, content.address]
        case Reply():
            words = [content.title, f"(id {content.id})", content.description]
        case Button():
            words = [content.text, f"(payload {content.payload})"]
        case Order():
            words = [_counted(len(content.product_items), "item"), f"of catalogue {content.catalog_id}"]
        case Reaction():
            words = [content.action, content.emoji]
        case Contacts():
            words = [_counted(len(content.contacts), "contact")]
        case Unsupported():
            words = ["(the platform could not pass it on)"]
        case Unknown():
            words = [f"(no content that this version can read: {message_type or 'no type'})"]
        case _:
            words = [content.url, content.name, content.caption]
    return "  ".join(word for word in words if word)


def _with_masked_numbers(payload: Mapping[str, Any]) -> dict[str, Any]:
    """Copy a callback and mask whatever names a person, or looks like a number on its own."""
    return {_masked_key(key): _masked_value(value, of_a_person=key in _OF_A_PERSON) for key, value in payload.items()}


def _masked_key(key: str) -> str:
    return masked(key) if _NUMBER.fullmatch(key) else key


def _masked_value(value: Any, *, of_a_person: bool) -> Any:
    if isinstance(value, dict):
        return _with_masked_numbers(value)
    if isinstance(value, list):
        return [_masked_value(item, of_a_person=of_a_person) for item in value]
    if isinstance(value, str) and (of_a_person or _NUMBER.fullmatch(value)):
        return masked(value)
    if isinstance(value, int) and not isinstance(value, bool) and _NUMBER.fullmatch(str(value)):
        return masked(value)
    return value
