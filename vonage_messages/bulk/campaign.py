"""
A campaign: a file of rows, what each becomes, and its way into an outbox.

Every row has one fate (``bulk.journal.Fate``). A row that was added keeps it: it is recognised by its number and its
content, so that a run that was killed is resumed by starting it again; and where another row stands in its place,
the file is refused before anything is sent, because its people might be written to a second time. What a campaign
costs and how long it takes is in ``vonage_messages.bulk.survey``; sending is the outbox's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import islice

import attrs

from vonage_messages.bulk.composing import GoodRow, messages
from vonage_messages.bulk.journal import PART, Fate, Journal, KnownRows, RowRecord, digest_of, outbox_key
from vonage_messages.bulk.rows import BadRow
from vonage_messages.bulk.screening import Screen, recipients_of
from vonage_messages.bulk.source import Source
from vonage_messages.bulk.template import Template
from vonage_messages.channels.base import Message
from vonage_messages.errors import ConfigurationError
from vonage_messages.sending.outbox import Outbox
from vonage_messages.sending.report import Added

_LONGEST_REASON = 500
"""Characters of what is wrong with a row that the journal keeps."""


@attrs.frozen(kw_only=True)
class Campaign:
    """What is to be sent, and to whom not."""

    source: Source
    template: Template
    """``rows_as_payloads`` where each row is a whole request."""

    id: str
    """Part of every row key: the same rows under another id are other rows."""

    screen: Screen = attrs.field(factory=Screen)
    send_duplicates: bool = False
    """Write to a recipient as often as the file names them."""

    def rows(self) -> Iterator[GoodRow | BadRow]:
        """Read the file, and make a message of each row."""
        return messages(self.source.rows(), self.template, campaign=self.id)


@attrs.frozen(kw_only=True)
class SortedRow:
    """A row of the file and its fate."""

    row: GoodRow | BadRow
    fate: Fate
    why: str = ""

    @property
    def record(self) -> RowRecord:
        """What the journal keeps of it."""
        added = self.fate is Fate.ADDED and isinstance(self.row, GoodRow)
        key = digest_of(self.row.key) if added and isinstance(self.row, GoodRow) else ""
        return RowRecord(number=self.row.number, line=self.row.line, fate=self.fate, key=key, why=self.why)


def sorted_rows(campaign: Campaign, known: KnownRows) -> Iterator[SortedRow]:
    """
    Tell the fate of every row of the file, in its order.

    *known* is what the outbox has of the file already: a row that was added stays added, also when its recipient has
    opted out since; then it is cancelled where it waits.

    Raises:
        ConfigurationError: the file cannot be read; or a row that was added is another one now, or is gone.
    """
    seen = 0
    for row in campaign.rows():
        seen = row.number
        if known.was_added(row.number):
            if not isinstance(row, GoodRow) or not known.is_same(row.number, row.key):
                raise _changed(campaign.source, row.line)
            yield SortedRow(row=row, fate=Fate.ADDED)
        else:
            yield _sorted(campaign, row)
    if seen < len(known):
        raise ConfigurationError(
            f"{campaign.source.name} has {seen:,} rows, and had {len(known):,} when the outbox was filled from it. "
            + _WHAT_TO_DO
        )


async def add_rows(
    outbox: Outbox,
    campaign: Campaign,
    known: KnownRows,
    *,
    on_rows: Callable[[int], object] | None = None,
    stopped: Callable[[], bool] = bool,
) -> Added:
    """
    Add all rows to the outbox that are to be sent, and write down what became of the others.

    It may be killed at any moment and called again. *on_rows* hears the number of rows that are taken care of;
    *stopped* is asked between parts of a thousand rows, and true ends the adding there: the rest is for another call.

    Raises:
        ConfigurationError: see ``sorted_rows``.
        StoreUnavailableError: the outbox cannot be written.
    """
    journal = Journal(outbox.store)
    await journal.note_file(campaign.source.name, None)
    added = Added()
    number = 0
    for part, rows in enumerate(_parts(sorted_rows(campaign, known))):
        if stopped():
            return added
        addition = await _add_part(outbox, journal, part, rows, known)
        added = Added(new=added.new + addition.new, repeated=added.repeated + addition.repeated)
        number = rows[-1].row.number
        if on_rows is not None:
            on_rows(number)
    await journal.note_file(campaign.source.name, number)
    return added


async def _add_part(outbox: Outbox, journal: Journal, part: int, rows: list[SortedRow], known: KnownRows) -> Added:
    wanted = [each.row for each in rows if each.fate is Fate.ADDED and isinstance(each.row, GoodRow)]
    missing = [row for row in wanted if not known.was_added(row.number) or row.number in known.adding]
    records = [each.record for each in rows]
    here_already = Added(repeated=len(wanted) - len(missing))
    if not missing:
        if rows[-1].row.number > len(known) or len(wanted) < len(rows):
            await journal.write(part, records)
        return here_already
    await journal.write(part, records, adding=[row.number for row in missing])
    keys = {id(row.message): outbox_key(row.number, row.key) for row in missing}

    def key_of(message: Message) -> str:
        return keys[id(message)]  # by identity: two rows may hold equal messages

    addition = await outbox.add([row.message for row in missing], key=key_of)
    await journal.write(part, records)
    return Added(new=addition.new, repeated=addition.repeated + here_already.repeated)


def _sorted(campaign: Campaign, row: GoodRow | BadRow) -> SortedRow:
    if isinstance(row, BadRow):
        why = "; ".join(str(problem) for problem in row.problems)
        return SortedRow(row=row, fate=Fate.INVALID, why=why[:_LONGEST_REASON])
    if campaign.screen.is_suppressed(recipients_of(row.message)):
        return SortedRow(row=row, fate=Fate.SUPPRESSED, why="the recipient is on a suppression list")
    if row.duplicate_of is not None and not campaign.send_duplicates:
        return SortedRow(row=row, fate=Fate.DUPLICATE, why=f"line {row.duplicate_of} goes to the same recipient")
    return SortedRow(row=row, fate=Fate.ADDED)


def _parts(rows: Iterable[SortedRow]) -> Iterator[list[SortedRow]]:
    """Cut the rows into the parts of the journal."""
    iterator = iter(rows)
    while part := list(islice(iterator, PART)):  # ends: with the file
        yield part


_WHAT_TO_DO = (
    "Nothing was sent. People who were written to might be written to again: give the file and the template that the "
    "outbox was filled from, or begin a campaign of its own with --outbox and the path of a new one."
)


def _changed(source: Source, line: int) -> ConfigurationError:
    return ConfigurationError(
        f"line {line} of {source.name} makes another message now than when it was added to the outbox. {_WHAT_TO_DO}"
    )
