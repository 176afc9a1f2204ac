"""
What a campaign would do, before anything is sent: rows and their fates, parts, price, duration, surprises.

One pass over the file with little memory. Nothing is sent, nothing is written, and ``now`` is a parameter. How a text
is split stands in ``vonage_messages.segmentation``, what it costs in ``vonage_messages.pricing``, how long it takes in
``vonage_messages.limits.planning``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from decimal import Context, Decimal
from typing import Final

import attrs

from vonage_messages.bulk.campaign import Campaign, SortedRow, sorted_rows
from vonage_messages.bulk.composing import GoodRow
from vonage_messages.bulk.journal import Fate, KnownRows
from vonage_messages.bulk.rows import BadRow
from vonage_messages.bulk.screening import Held, recipients_of
from vonage_messages.channels.base import Message
from vonage_messages.channels.enums import EncodingType
from vonage_messages.channels.sms import Sms
from vonage_messages.limits.levels import Limits
from vonage_messages.limits.planning import Plan, plan
from vonage_messages.pricing import CostEstimate, PriceTable
from vonage_messages.segmentation import SmsEncoding, segments, suggest_replacements

SHOWN: Final = 10
"""How many invalid rows, duplicates and surprising characters a survey names."""

_LINES: Final = 3
"""How many lines it names for each character."""

_PRICED_AT_ONCE: Final = 1000
_STRAY: Final = 3
"""A text with more different characters outside GSM-7 is written in another script, and no surprise."""

_MOST_CHARACTERS: Final = 2000
_EXACT: Final = Context(prec=60)


@attrs.frozen(kw_only=True)
class Cost:
    """What the rows that are still to be sent cost, as far as the price table knows."""

    currency: str
    total: Decimal
    worst: Decimal
    """The same where of each failover chain the dearest message is the one that counts."""

    unpriced: int
    """How many messages have no price in the table, and so are not in ``total``."""

    by_channel: Mapping[str, Decimal]


@attrs.frozen(kw_only=True)
class Surprise:
    """A character that puts whole texts into UCS-2, and so multiplies their parts."""

    character: str
    rows: int
    """In how many texts it stands that would need fewer parts without."""

    more_parts: int
    """How many parts these need more. Where two such characters share a text, it counts for both."""

    lines: tuple[int, ...]
    """Where the first of them are."""

    replacement: str | None
    """What may stand in its place; ``None`` where it has no plain form."""


@attrs.frozen(kw_only=True)
class Survey:
    """What ``survey`` found."""

    rows: int
    invalid: int
    invalid_rows: tuple[BadRow, ...]
    """The first of them."""

    duplicates: int
    duplicate_lines: tuple[tuple[int, int], ...]
    """Of the first of them: the line, and that of the row before it which goes to the same recipient."""

    suppressed: int
    done: int
    """How many wait no more, after earlier runs."""

    messages: int
    """How many are to be sent; what follows is about these."""

    channels: Mapping[str, int]
    asleep: Held
    """Those of them that would be held if they were to leave now."""

    plan: Plan
    cost: Cost | None
    """``None`` without a price table."""

    surprises: tuple[Surprise, ...]
    """Characters, those first that cost most."""

    surprising: int
    """How many texts one of them makes longer."""

    more_parts: int
    """By how many parts altogether."""


def survey(  # noqa: PLR0913  the campaign; what follows it are its circumstances, by name
    campaign: Campaign,
    known: KnownRows,
    *,
    now: datetime,
    limits: Limits | None = None,
    prices: PriceTable | None = None,
    on_row: Callable[[int], object] | None = None,
) -> Survey:
    """
    Look at every row of *campaign*; *on_row* hears the number of each.

    *known* is what an outbox has of it already: what is done with is not planned again.

    Raises:
        ConfigurationError: the file cannot be read, or is not the one that the outbox was filled from.
        MissingExtraError: there are quiet hours, and the extra ``[phone]`` is not installed.
    """
    counting = _Counting(campaign, known, prices, now, on_row)
    planned = plan(counting.messages(), limits)
    return counting.survey(planned)


class _Counting:
    """Counts the rows while the plan takes their messages."""

    def __init__(
        self,
        campaign: Campaign,
        known: KnownRows,
        prices: PriceTable | None,
        now: datetime,
        on_row: Callable[[int], object] | None,
    ) -> None:
        self._campaign = campaign
        self._known = known
        self._now = now
        self._on_row = on_row
        self._rows = 0
        self._fates: Counter[Fate] = Counter()
        self._invalid_rows: list[BadRow] = []
        self._duplicate_lines: list[tuple[int, int]] = []
        self._done = 0
        self._channels: Counter[str] = Counter()
        self._asleep = Held()
        self._bill = None if prices is None else _Bill(prices)
        self._encodings = _Encodings()

    def messages(self) -> Iterator[Message]:
        """Give the messages that are to be sent, and count everything on the way."""
        for each in sorted_rows(self._campaign, self._known):
            row = each.row
            self._rows += 1
            if self._on_row is not None:
                self._on_row(row.number)
            if each.fate is not Fate.ADDED or not isinstance(row, GoodRow):
                self._note(each)
                continue
            if self._known.is_done(row.number):
                self._done += 1
            elif self._campaign.screen.is_suppressed(recipients_of(row.message)):
                # It waits in the outbox, and will be cancelled there.
                self._fates[Fate.SUPPRESSED] += 1
            else:
                yield self._counted(row)

    def survey(self, planned: Plan) -> Survey:
        """Put together what was counted."""
        surprises, surprising, more_parts = self._encodings.found()
        return Survey(
            rows=self._rows,
            invalid=self._fates[Fate.INVALID],
            invalid_rows=tuple(self._invalid_rows),
            duplicates=self._fates[Fate.DUPLICATE],
            duplicate_lines=tuple(self._duplicate_lines),
            suppressed=self._fates[Fate.SUPPRESSED],
            done=self._done,
            messages=planned.messages,
            channels=dict(self._channels.most_common()),
            asleep=self._asleep,
            plan=planned,
            cost=None if self._bill is None else self._bill.cost(),
            surprises=surprises,
            surprising=surprising,
            more_parts=more_parts,
        )

    def _note(self, each: SortedRow) -> None:
        self._fates[each.fate] += 1
        row = each.row
        if isinstance(row, BadRow):
            if len(self._invalid_rows) < SHOWN:
                self._invalid_rows.append(row)
        elif row.duplicate_of is not None and each.fate is Fate.DUPLICATE and len(self._duplicate_lines) < SHOWN:
            self._duplicate_lines.append((row.line, row.duplicate_of))

    def _counted(self, row: GoodRow) -> Message:
        message = row.message
        self._channels[message.channel] += 1
        allowed = self._campaign.screen.next_allowed(recipients_of(message), self._now)
        if allowed != self._now:
            self._asleep.add(allowed)
        if self._bill is not None:
            self._bill.add(message)
        if isinstance(message, Sms):
            self._encodings.add(message, row.line)
        return message


class _Bill:
    """Adds up prices, a thousand messages at a time."""

    def __init__(self, prices: PriceTable) -> None:
        self._prices = prices
        self._batch: list[Message] = []
        self._total = self._worst = Decimal(0)
        self._unpriced = 0
        self._by_channel: dict[str, Decimal] = {}

    def add(self, message: Message) -> None:
        self._batch.append(message)
        if len(self._batch) == _PRICED_AT_ONCE:
            self._take(self._prices.estimate(self._batch))
            self._batch = []

    def cost(self) -> Cost:
        self._take(self._prices.estimate(self._batch))
        self._batch = []
        return Cost(
            currency=self._prices.currency,
            total=self._total,
            worst=self._worst,
            unpriced=self._unpriced,
            by_channel=self._by_channel,
        )

    def _take(self, estimate: CostEstimate) -> None:
        self._total = _EXACT.add(self._total, estimate.total)
        self._worst = _EXACT.add(self._worst, estimate.worst)
        self._unpriced += estimate.unpriced
        for channel, amount in estimate.by_channel.items():
            self._by_channel[channel] = _EXACT.add(self._by_channel.get(channel, Decimal(0)), amount)


@attrs.define
class _Character:
    rows: int = 0
    more_parts: int = 0
    lines: list[int] = attrs.field(factory=list)
    replacement: str | None = None


class _Encodings:
    """Finds the texts that a few characters make longer."""

    def __init__(self) -> None:
        self._characters: dict[str, _Character] = {}
        self._surprising = 0
        self._more_parts = 0

    def add(self, message: Sms, line: int) -> None:
        """Look at the text of a message."""
        options = message.sms
        encoding = (None if options is None else options.encoding_type) or EncodingType.AUTO
        found = segments(message.text, encoding)
        if found.encoding is not SmsEncoding.UCS_2 or not 0 < len(found.forcing_characters) <= _STRAY:
            return
        more_parts = found.count - segments(message.text, EncodingType.TEXT).count
        if more_parts <= 0:
            return
        self._surprising += 1
        self._more_parts += more_parts
        plain_forms = {each.character: each.replacement for each in suggest_replacements(message.text)}
        for character in found.forcing_characters:
            self._note(character, more_parts, line, plain_forms.get(character))

    def found(self) -> tuple[tuple[Surprise, ...], int, int]:
        """Give the worst characters, the number of texts, and that of their needless parts."""
        worst = sorted(self._characters.items(), key=lambda each: (-each[1].more_parts, each[0]))[:SHOWN]
        surprises = tuple(
            Surprise(
                character=character,
                rows=each.rows,
                more_parts=each.more_parts,
                lines=tuple(each.lines),
                replacement=each.replacement,
            )
            for character, each in worst
        )
        return surprises, self._surprising, self._more_parts

    def _note(self, character: str, more_parts: int, line: int, replacement: str | None) -> None:
        entry = self._characters.get(character)
        if entry is None:
            if len(self._characters) >= _MOST_CHARACTERS:
                return
            entry = self._characters[character] = _Character(replacement=replacement)
        entry.rows += 1
        entry.more_parts += more_parts
        if len(entry.lines) < _LINES:
            entry.lines.append(line)
