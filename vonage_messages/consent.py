"""
Who does not want to be written to: the words that say so, the list, and the lines of its file.

A line of the file is one recipient; ``#`` begins a comment, and ``!`` before a recipient takes the entry back, so that
the last line about somebody counts. What was said to one sender alone has that sender behind it:

::

    447700900000  # STOP, sms, 2026-11-23T09:26:00+00:00
    !447700900000  # START, sms, 2026-11-24T18:00:00+00:00
    447700900001 from:12345  # STOP, sms, 2026-11-24T18:05:00+00:00

Nothing here reads files or waits: ``vonage_messages.receiving.opt_outs`` hears of wishes and is asked before a send,
``vonage_messages.stores.opt_outs`` keeps the file.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from enum import StrEnum
from typing import Protocol
from urllib.parse import quote, unquote

import attrs

from vonage_messages.channels.base import Message
from vonage_messages.channels.raw import RawMessage
from vonage_messages.errors import ConfigurationError
from vonage_messages.values import masked, normalize_number
from vonage_messages.webhooks.content import Button, Reply, Text
from vonage_messages.webhooks.inbound import InboundMessage

OPT_OUT_KEYWORDS = frozenset(
    {
        # What carriers and regulators of the United States name.
        *("stop", "stopall", "end", "cancel", "unsubscribe", "quit", "revoke", "optout", "remove"),
        # What is usual in French, German, Dutch, Spanish, Portuguese and Italian.
        *("arret", "desabonner", "stopp", "abmelden", "abbestellen", "afmelden"),
        *("baja", "alto", "parar", "sair", "cancelar", "annulla", "ferma", "cancella"),
    }
)
"""Without case, accents, spaces and hyphens: ``ARRÊT`` is ``arret``, ``opt-out`` is ``optout``."""

OPT_IN_KEYWORDS = frozenset({"start", "unstop", "optin", "subscribe", "resubscribe"})
"""Spelt as in ``OPT_OUT_KEYWORDS``."""

_COURTESY = frozenset({"please", "pls", "thanks"})
_WORDS = re.compile(r"[^\W_]+")
_NO_RECIPIENT = re.compile(r"[\s,;\0]")
_QUOTES = "\"'`\u2018\u2019\u201a\u201c\u201d\u201e"
_OF_A_SPREADSHEET = re.compile(r"[0-9]+(?:\.[0-9]+)?e\+[0-9]+|[0-9]+\.[0-9]+e[0-9]+|[0-9]+\.0*", re.IGNORECASE)
_COMMENT = re.compile(r"(?:^|\s)#.*")
_OF_ONE_SENDER = re.compile(r"(?:^|\s)from:(\S+)$")
_LONGEST_LINE = 4096
_TAKES_BACK = "!"


class Wish(StrEnum):
    """What a person says about being written to."""

    OPT_OUT = "opt_out"
    OPT_IN = "opt_in"


def opt_out_keyword(text: str) -> bool:
    """Tell whether *text* asks to be left alone: one of ``OPT_OUT_KEYWORDS``, and no further words but a please."""
    return _says(text, OPT_OUT_KEYWORDS)


def opt_in_keyword(text: str) -> bool:
    """Tell whether *text* takes an opt-out back: one of ``OPT_IN_KEYWORDS``, and no further words but a please."""
    return _says(text, OPT_IN_KEYWORDS)


def wish_of(event: InboundMessage) -> Wish | None:
    """Read the wish out of an inbound message: out of its text, or out of the button or row that was tapped."""
    content = event.content
    texts: tuple[object, ...] = ()
    if isinstance(content, Text):
        texts = (content.text,)
    elif isinstance(content, Reply):
        texts = (content.title, content.id)
    elif isinstance(content, Button):
        texts = (content.text, content.payload)
    said = [text for text in texts if isinstance(text, str)]
    if any(opt_out_keyword(text) for text in said):
        return Wish.OPT_OUT
    return Wish.OPT_IN if any(opt_in_keyword(text) for text in said) else None


@attrs.frozen(kw_only=True)
class OptOutRecord:
    """
    What one line says: a person wants to be left alone, or not any more.

    *person* is a number, an address or an id, written as messages write it (``normalized``).
    """

    person: str = attrs.field(repr=masked)
    wish: Wish = Wish.OPT_OUT
    sender: str | None = None
    """The sender to whom it was said; ``None`` where it counts for all."""

    note: str = ""
    """What stands behind it, for people to read."""

    def __str__(self) -> str:
        mark = _TAKES_BACK if self.wish is Wish.OPT_IN else ""
        sender = "" if self.sender is None else " from:" + quote(self.sender, safe="@+")
        comment = " ".join(self.note.encode(errors="backslashreplace").decode().split())
        return f"{mark}{self.person}{sender}" + (f"  # {comment}" if comment else "")


class OptOutStore(Protocol):
    """
    Where opt-outs outlive the process, and are shared with others: a file, a table of your own.

    Both methods may wait for a disk. ``append`` is called in a thread of its own; ``news`` at most once a second, where
    the messages are sent, so it should be quick where there is none.
    """

    def append(self, records: Iterable[OptOutRecord], /) -> None:
        """
        Keep *records*, all or none of them; what this returned from survives a power cut.

        Raises:
            StoreUnavailableError: they cannot be kept.
        """

    def news(self) -> tuple[bool, Iterable[OptOutRecord]]:
        """
        Give what was written since the last call, by anybody, in its order; the first call gives everything.

        The truth value says whether what was given before is to be forgotten: the whole comes anew.

        Raises:
            StoreUnavailableError: it cannot be read. What was given before still holds.
        """


class OptOutList:
    """
    Who must not be written to, by whom: a set in memory, in which the last record about somebody counts.

    Numbers are compared as the messages write them, so that ``+44 7700 900000`` stands for ``447700900000``; e-mail
    addresses without regard to case; ids as they are.
    """

    def __init__(self, records: Iterable[OptOutRecord] = ()) -> None:
        self._of_all: set[str] = set()
        self._of_some: dict[str, dict[str, bool]] = {}
        for record in records:
            self.take(record)

    def __len__(self) -> int:
        """Count the people."""
        some = (person for person, senders in self._of_some.items() if any(senders.values()))
        return len(self._of_all) + sum(person not in self._of_all for person in some)

    def take(self, record: OptOutRecord) -> None:
        """Let *record* count from now on."""
        person = normalized(record.person)
        is_out = record.wish is Wish.OPT_OUT
        if record.sender is not None:
            self._of_some.setdefault(person, {})[normalized(record.sender)] = is_out
            return
        self._of_some.pop(person, None)
        if is_out:
            self._of_all.add(person)
        else:
            self._of_all.discard(person)

    def covers(self, to: str, sender: str | None = None) -> bool:
        """Tell whether *to* must not be written to by *sender*; without one: by anybody at all."""
        person = normalized(to)
        senders = self._of_some.get(person)
        if senders is None:
            return person in self._of_all
        if sender is None:
            return person in self._of_all or any(senders.values())
        return senders.get(normalized(sender), person in self._of_all)

    def update(self, other: OptOutList) -> None:
        """Let everything that *other* holds count as well."""
        self._of_all |= other._of_all
        for person, senders in other._of_some.items():
            mine = self._of_some.setdefault(person, {})
            for sender, is_out in senders.items():
                mine[sender] = is_out or mine.get(sender, False)

    def clear(self) -> None:
        """Forget everybody."""
        self._of_all.clear()
        self._of_some.clear()


def record_of(line: str) -> OptOutRecord | None:
    """
    Read a line of the file; ``None`` where it says nothing.

    Raises:
        ConfigurationError: it names no recipient. The sentence, which begins with a verb, says why.
    """
    entry = _COMMENT.sub("", line).strip()
    if not entry:
        return None
    wish = Wish.OPT_IN if entry.startswith(_TAKES_BACK) else Wish.OPT_OUT
    entry = entry.removeprefix(_TAKES_BACK)
    of_one = _OF_ONE_SENDER.search(entry)
    if of_one:
        entry = entry[: of_one.start()]
    person = checked_person(entry)
    return OptOutRecord(person=person, wish=wish, sender=normalized(unquote(of_one[1])) if of_one else None)


def checked_person(recipient: str) -> str:
    """
    Write a recipient as messages write it.

    Raises:
        ConfigurationError: it is none. The sentence begins with a verb.
    """
    name = normalized(recipient)
    why_not = _why_no_recipient(name)
    if why_not:
        raise ConfigurationError(why_not)
    return name


def normalized(recipient: str) -> str:
    """Write a recipient, or a sender, so that it can be compared."""
    bare = recipient.strip()
    return bare.casefold() if "@" in bare else normalize_number(bare)


def people_of(event: InboundMessage) -> list[str]:
    """List everything that *event* calls its author; WhatsApp gives a number and a business-scoped id."""
    sender = event.whatsapp.sender if event.whatsapp is not None else None
    names = (event.from_, *((sender.wa_id, sender.user_id) if sender is not None else ()))
    found = dict.fromkeys(normalized(name) for name in names if name)
    return [name for name in found if not _why_no_recipient(name)]


def recipients_of(message: Message) -> Iterator[tuple[str, str, str]]:
    """
    Give everybody whom *message* may reach, each with the path of its field and the sender.

    Its recipient, the copies of an email, and those of its failover chain. The others of an MMS group are not among
    them: each gets a request of their own.
    """
    yield from _recipients(message, "")
    for number, item in enumerate(message.failover or ()):
        yield from _recipients(item, f"failover[{number}].")


def _recipients(message: Message, path: str) -> Iterator[tuple[str, str, str]]:
    sender = message.from_
    yield path + "to", message.to, sender
    options = message.payload.get("email") if isinstance(message, RawMessage) else getattr(message, "email", None)
    if options is None:
        return
    for name in ("cc", "bcc"):
        copies = options.get(name) if isinstance(options, Mapping) else getattr(options, name, None)
        for number, each in enumerate(copies if isinstance(copies, (list, tuple)) else ()):
            address = each.get("address") if isinstance(each, Mapping) else getattr(each, "address", None)
            if isinstance(address, str):
                yield f"{path}email.{name}[{number}]", address, sender


def _says(text: str, keywords: frozenset[str]) -> bool:
    words = [word for word in _WORDS.findall(_plain(text)) if word not in _COURTESY]
    return bool(words) and (all(word in keywords for word in words) or "".join(words) in keywords)


def _plain(text: str) -> str:
    """Write *text* without case and accents, wide letters as narrow ones."""
    decomposed = unicodedata.normalize("NFKD", text[:_LONGEST_LINE].casefold())
    return "".join(character for character in decomposed if not unicodedata.combining(character))


def _why_no_recipient(name: str) -> str:
    """Say what is wrong with a normalised recipient, or nothing."""
    if not name:
        return "must not be empty"
    if _NO_RECIPIENT.search(name) or name.startswith(("#", _TAKES_BACK)):
        return "must be one number, address or id without spaces, commas and semicolons"
    if name.isdigit() and name.startswith("0"):
        return "must begin with the country code, not with 0: write 447700900000, not 07700900000"
    if "@" not in name and (name[0] in _QUOTES or name[-1] in _QUOTES):
        return "must stand without quotation marks"
    if _OF_A_SPREADSHEET.fullmatch(name) or (name.isdigit() and not name.isascii()):
        return "must be written with the digits 0 to 9 alone, such as 447700900000: no recipient is called so"
    return ""
