"""
Release: one captured message, sent for real because a person asked for it twice. Nothing is ever sent by itself.

A person first asks what it would mean (``quote``: to whom, through which account, for how much), and then confirms that
very quote. A quote is good once and for five minutes, and no longer when the message was released meanwhile; a message
that was released before must be confirmed as such. Only recipients on the allow-list are sent to: all of them, those of
a failover chain, of copies of an email and of a group included.

How a message is really sent, and what it costs, is handed in (``Relay``): the simulator knows no client.
"""

from __future__ import annotations

import secrets
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from http import HTTPStatus
from typing import Any, Final

import attrs

from vonage_messages.errors import ConfigurationError, SimulatorError
from vonage_messages.simulator import journal
from vonage_messages.simulator.state import ReceivedMessage, SimulatorState, instant
from vonage_messages.values import JSONObject, Seconds, masked, normalize_number

GOOD_FOR: Final[Seconds] = 300.0
"""How long a quote may be confirmed."""
_MOST_QUOTES: Final = 1000


class ReleaseRefusedError(SimulatorError):
    """A message was not released. ``status`` is the HTTP status that says so."""

    def __init__(self, sentence: str, status: int) -> None:
        super().__init__(sentence)
        self.status = status


@attrs.frozen(kw_only=True)
class Cost:
    """What a message will cost. *at_most* where a failover chain may end with its dearest message."""

    amount: Decimal
    currency: str
    at_most: bool = False


@attrs.frozen(kw_only=True)
class ReleaseAnswer:
    """What the platform said to a message that was released."""

    accepted: bool
    status: int | None
    """The HTTP status; ``None`` where there was no answer, or nothing was sent."""
    message_uuid: str | None
    """The platform's own id of the message that is on its way."""
    said: str
    """A sentence for a person."""
    maybe_sent: bool
    """Whether it may be on its way although it was not accepted."""


def _recipients(given: Collection[str]) -> frozenset[str]:
    recipients = frozenset(normalize_number(each.strip()) for each in given)
    if not recipients or "" in recipients:
        raise ConfigurationError("a relay needs the recipients that it may send to: at least one, and none empty")
    return recipients


@attrs.frozen(kw_only=True)
class Relay:
    """
    How captured messages may be sent for real, and to whom.

    Raises:
        ConfigurationError: there is no recipient.
    """

    send: Callable[[str, JSONObject], Awaitable[ReleaseAnswer]] = attrs.field(repr=False)
    """Sends a payload by a version of the API (``v1``, ``v0.1``): one request, never repeated. It does not raise."""
    recipients: frozenset[str] = attrs.field(converter=_recipients, repr=False)
    """Who may be sent to: numbers as the API writes them, ids, addresses."""
    destination: str
    """Where it goes and who pays, for a person to read: ``https://api.nexmo.com, application aaaa…``."""
    cost: Callable[[str, JSONObject], Cost | None] = attrs.field(default=lambda _version, _payload: None, repr=False)
    """Tells what a payload of a version costs, where that is known."""


@attrs.frozen(kw_only=True)
class Release:
    """One time that a message was sent for real."""

    at: datetime
    """An aware instant in UTC, on the simulator's clock."""
    answer: ReleaseAnswer


@attrs.frozen(kw_only=True)
class Quote:
    """What the release of a message would mean. *token* confirms it."""

    token: str = attrs.field(repr=False)
    message_uuid: str
    recipients: tuple[str, ...] = attrs.field(repr=False)
    destination: str
    cost: Cost | None
    """``None`` where it is not known."""
    notes: tuple[str, ...]
    """What else a person should know, in sentences."""
    released: tuple[Release, ...]
    """The times that it was released before."""
    expires: float
    """On the monotonic clock."""


class ReleaseDesk:
    """Gives quotes, and releases what is confirmed: each message at most once at a time. It belongs to one loop."""

    def __init__(
        self,
        relay: Relay,
        state: SimulatorState,
        *,
        clock: Callable[[], float],
        monotonic: Callable[[], float],
    ) -> None:
        self._relay = relay
        self._state = state
        self._clock = clock
        self._monotonic = monotonic
        self._quotes: OrderedDict[str, Quote] = OrderedDict()
        self._released: dict[str, tuple[Release, ...]] = {}
        self._under_way: set[str] = set()

    @property
    def destination(self) -> str:
        """Where messages go and who pays."""
        return self._relay.destination

    def released(self, message_uuid: str) -> tuple[Release, ...]:
        """Give the times that a message was released, oldest first."""
        return self._released.get(message_uuid, ())

    def is_under_way(self, message_uuid: str) -> bool:
        """Tell whether a message is being sent right now."""
        return message_uuid in self._under_way

    def quote(self, message_uuid: str) -> Quote:
        """
        Tell what the release of a message would mean. Nothing is sent.

        Raises:
            ReleaseRefusedError: there is no such message, or somebody it goes to is not on the allow-list.
        """
        message = self._message(message_uuid)
        recipients = tuple(dict.fromkeys(recipients_of(message.payload, message.to)))
        strangers = [each for each in recipients if normalize_number(each) not in self._relay.recipients]
        if strangers:
            listed = ", ".join(masked(each) for each in strangers)
            raise ReleaseRefusedError(
                f"{listed} may not be sent to: the relay was given an allow-list, and that is not on it.",
                HTTPStatus.FORBIDDEN,
            )
        quote = Quote(
            token=secrets.token_urlsafe(24),
            message_uuid=message_uuid,
            recipients=recipients,
            destination=self._relay.destination,
            cost=self._relay.cost(message.version, message.payload),
            notes=tuple(_notes(message)),
            released=self.released(message_uuid),
            expires=self._monotonic() + GOOD_FOR,
        )
        self._quotes[quote.token] = quote
        while len(self._quotes) > _MOST_QUOTES:
            self._quotes.popitem(last=False)
        return quote

    async def release(self, message_uuid: str, token: str, *, again: bool = False) -> Release:
        """
        Send a message for real, as it was quoted. A message that was released before needs *again*.

        Raises:
            ReleaseRefusedError: the quote is not of this message, too old, used, or overtaken by another release; or
                the message is not held any more, or was released before.
        """
        message = self._message(message_uuid)
        self._check(message_uuid, token, again=again)
        del self._quotes[token]
        self._under_way.add(message_uuid)
        # Written down before it leaves: whoever is killed now finds it released, and not to be sent without a word.
        self._keep(message_uuid, (*self.released(message_uuid), self._release(_LOST)))
        try:
            answer = await self._relay.send(message.version, message.payload)
        except BaseException:
            # Stopped in the middle: it may have left, and so counts as released.
            self._note(message_uuid, _LOST)
            raise
        else:
            return self._note(message_uuid, answer)
        finally:
            self._under_way.discard(message_uuid)

    def _check(self, message_uuid: str, token: str, *, again: bool) -> None:
        quote = self._quotes.get(token)
        if quote is None or quote.message_uuid != message_uuid:
            raise ReleaseRefusedError(
                "this quote is unknown or was used: ask for another, and confirm that.", HTTPStatus.CONFLICT
            )
        if quote.expires <= self._monotonic():
            raise ReleaseRefusedError("this quote is too old: ask for another.", HTTPStatus.CONFLICT)
        if self.is_under_way(message_uuid):
            raise ReleaseRefusedError("this message is being released right now.", HTTPStatus.CONFLICT)
        if len(quote.released) != len(self.released(message_uuid)):
            raise ReleaseRefusedError(
                "this message was released after the quote was given: ask for another.", HTTPStatus.CONFLICT
            )
        if quote.released and not again:
            raise ReleaseRefusedError(
                "this message was released before: it goes out once more only where that is confirmed too.",
                HTTPStatus.CONFLICT,
            )

    def restore(self, kept: Iterable[tuple[str, tuple[Release, ...]]]) -> None:
        """Remember which messages were released before a restart, and when."""
        self._released.update(kept)

    def _release(self, answer: ReleaseAnswer) -> Release:
        return Release(at=instant(self._clock()), answer=answer)

    def _keep(self, message_uuid: str, releases: tuple[Release, ...]) -> None:
        if self._state.keeper is not None:
            self._state.keeper.put("releases", message_uuid, releases)

    def _note(self, message_uuid: str, answer: ReleaseAnswer) -> Release:
        release = self._release(answer)
        if len(self._released) > _MOST_QUOTES:
            self._released = {held: times for held, times in self._released.items() if self._state.message(held)}
        self._released[message_uuid] = (*self.released(message_uuid), release)
        self._keep(message_uuid, self._released[message_uuid])
        self._state.journal.note(journal.RELEASE, message_uuid)
        return release

    def _message(self, message_uuid: str) -> ReceivedMessage:
        message = self._state.message(message_uuid)
        if message is None:
            raise ReleaseRefusedError("there is no such message.", HTTPStatus.NOT_FOUND)
        return message


_LOST = ReleaseAnswer(
    accepted=False,
    status=None,
    message_uuid=None,
    said="It was broken off: whether it was sent is not known.",
    maybe_sent=True,
)


def recipients_of(payload: Mapping[str, Any], to: str) -> Iterator[str]:
    """Give everybody whom a message may reach: its recipient, copies, a group, and those of its failover chain."""
    yield to
    for copies in (_member(payload, "email", "cc"), _member(payload, "email", "bcc")):
        yield from _addresses(copies)
    yield from _addresses(_member(payload, "mms", "participants"))
    for item in payload.get("failover", ()):
        yield from recipients_of(item, item["to"])


def _addresses(given: object) -> Iterator[str]:
    """Read one address or several, each a text or an object that names it."""
    listed = given if isinstance(given, Sequence) and not isinstance(given, str) else [given]
    for each in listed:
        address = each.get("address") if isinstance(each, Mapping) else each
        if isinstance(address, str):
            yield address


def _notes(message: ReceivedMessage) -> Iterator[str]:
    if message.payload.get("failover"):
        yield "It has a failover chain: the platform may send the later messages of it instead, each at its own price."
    url = message.payload.get("webhook_url")
    if url is not None:
        yield f"It names a webhook_url: the platform will report to {url}."


def _member(payload: Mapping[str, Any], *names: str) -> object:
    value: object = payload
    for name in names:
        value = value.get(name) if isinstance(value, Mapping) else None
    return value
