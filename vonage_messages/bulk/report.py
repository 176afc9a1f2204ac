"""
The report of a campaign: one entry for every row of its file, whatever became of it, as CSV or JSON.

Rows that are in the outbox come from there; those that never got in, from the journal (``bulk.journal``). The file
itself is not needed any more. Memory does not grow with the number of rows, but for those that were added later than
rows behind them.
"""

from __future__ import annotations

import csv
import json
import re
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime
from typing import Final, TextIO

import attrs

from vonage_messages.bulk.journal import Fate, Journal, RowRecord, number_of
from vonage_messages.channels.raw import RawMessage
from vonage_messages.codes import describe
from vonage_messages.ledger import LedgerStore, Row, State

ABSENT: Final = "absent"
"""The state of a row that was to be added and is not in the outbox: adding was interrupted, or it was purged."""

_FORMULA = re.compile(r"(\A|[;\t\n])(?=[=+\-@\t\n\uff1d\uff0b\uff0d\uff20])")
"""
What makes a spreadsheet take a cell for a formula: at the beginning, and behind what parts cells where no comma does,
as in much of Europe. There the quotes around a cell part nothing. The last four are the wide forms of the first.
"""

_ABSENT_WHY = "it is not in the outbox: adding was interrupted, or it was purged"
_UNANSWERED = "nobody knows whether it was sent: it may have arrived"


@attrs.frozen(kw_only=True)
class ReportRow:
    """What became of one row of the file. Times are ISO 8601, in UTC."""

    line: int | None
    """Where it begins in the file; ``None`` for a row of the outbox that came from no file."""

    row: int | None
    """Its number among the rows that hold data."""

    state: str
    """
    A state of the outbox such as ``accepted``, or for what is not in it ``invalid``, ``duplicate``, ``suppressed``,
    ``absent``.
    """

    recipient: str = ""
    message_uuid: str = ""
    error_class: str = ""
    error_code: str = ""
    error_title: str = ""
    error_detail: str = ""
    meaning: str = ""
    """What the error code means and what to do about it, or why the row was left out."""

    attempts: int = 0
    added: str = ""
    updated: str = ""
    """When its state last changed."""

    request_id: str = ""
    key: str = ""
    """What the outbox calls it."""


COLUMNS: Final = tuple(field.name for field in attrs.fields(ReportRow))


async def report_rows(store: LedgerStore) -> AsyncIterator[ReportRow]:
    """Give an entry for each row of the file, in its order; rows of the outbox that came from no file come last."""
    late, strange = await _out_of_order(store)
    outbox = _in_order(store)
    current = await anext(outbox, None)
    async for record in Journal(store).records():
        while current is not None and number_of(current.key) < record.number:
            yield _of_outbox(current, None)  # ends: with the rows before this one
            current = await anext(outbox, None)
        if current is not None and number_of(current.key) == record.number:
            yield _of_outbox(current, record)
            current = await anext(outbox, None)
        elif record.number in late:
            yield _of_outbox(late.pop(record.number), record)
        else:
            yield _left_out(record)
    while current is not None:  # ends: with the outbox
        yield _of_outbox(current, None)
        current = await anext(outbox, None)
    for row in (*late.values(), *strange):
        yield _of_outbox(row, None)


async def write_csv(rows: AsyncIterator[ReportRow], stream: TextIO) -> int:
    """
    Write the rows as CSV with a header line; give their number.

    What a spreadsheet would take for a formula gets an apostrophe before it, at the beginning of a cell and within.
    """
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(COLUMNS)
    count = 0
    async for row in rows:
        writer.writerow([_harmless(value) for value in attrs.astuple(row)])
        count += 1
    return count


async def write_json(rows: AsyncIterator[ReportRow], stream: TextIO) -> int:
    """Write the rows as one JSON array, an object a line; give their number."""
    count = 0
    stream.write("[")
    async for row in rows:
        stream.write(("," if count else "") + "\n" + json.dumps(attrs.asdict(row), ensure_ascii=True))
        count += 1
    stream.write("\n]\n")
    return count


@attrs.frozen(kw_only=True)
class Standing:
    """How a campaign stands, in numbers."""

    states: Mapping[str, int]
    """How many rows of the outbox are in each state."""

    left_out: Mapping[str, int]
    """How many rows of the file are not in the outbox, by the reason."""

    file: str | None
    rows: int | None
    """How many the file has; ``None`` while they are being added."""

    campaign: str | None


async def standing(store: LedgerStore) -> Standing:
    """Count where every row stands."""
    journal = Journal(store)
    counts = await store.counts()
    left_out: Counter[str] = Counter()
    added = 0
    async for record in journal.records():
        if record.fate is Fate.ADDED:
            added += 1
        else:
            left_out[record.fate.value] += 1
    absent = added - sum(counts.values())
    if absent > 0:
        left_out[ABSENT] = absent
    file = await journal.file()
    return Standing(
        states={state.value: counts.get(state, 0) for state in State},
        left_out={name: left_out[name] for name in (*(fate.value for fate in Fate), ABSENT) if left_out[name]},
        file=None if file is None else file[0],
        rows=None if file is None else file[1],
        campaign=await journal.existing_campaign(),
    )


async def _out_of_order(store: LedgerStore) -> tuple[dict[int, Row], list[Row]]:
    """Find the rows that were added later than rows behind them in the file, and those that came from no file."""
    late: dict[int, Row] = {}
    strange: list[Row] = []
    highest = 0
    async for row in store.rows():
        number = number_of(row.key)
        if not number:
            strange.append(row)
        elif number > highest:
            highest = number
        else:
            late[number] = row
    return late, strange


async def _in_order(store: LedgerStore) -> AsyncIterator[Row]:
    highest = 0
    async for row in store.rows():
        number = number_of(row.key)
        if number > highest:
            highest = number
            yield row


def _of_outbox(row: Row, record: RowRecord | None) -> ReportRow:
    return ReportRow(
        line=None if record is None else record.line,
        row=number_of(row.key) or None,
        state=row.state.value,
        recipient=_recipient(row),
        message_uuid=row.message_uuid or "",
        error_class=row.error_class or "",
        error_code=row.error_code or "",
        error_title=row.error_title or "",
        error_detail=row.error_detail or "",
        meaning=_meaning(row),
        attempts=row.attempts,
        added=_time(row.created),
        updated=_time(row.updated),
        request_id=row.request_id or "",
        key=row.key,
    )


def _left_out(record: RowRecord) -> ReportRow:
    absent = record.fate is Fate.ADDED
    return ReportRow(
        line=record.line,
        row=record.number,
        state=ABSENT if absent else record.fate.value,
        meaning=_ABSENT_WHY if absent else record.why,
    )


def _recipient(row: Row) -> str:
    payload = json.loads(row.payload)
    to = payload.get("to")
    return to if isinstance(to, str) else RawMessage(payload).to  # v0.1 writes an object


def _meaning(row: Row) -> str:
    code = row.error_code
    found = describe(int(code)) if code is not None and code.isascii() and code.isdigit() and len(code) < 6 else None  # noqa: PLR2004  codes have four digits
    if found is not None:
        return f"{found.meaning}: {found.advice}"
    return _UNANSWERED if row.state is State.IN_DOUBT else ""


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")


def _harmless(value: object) -> object:
    if not isinstance(value, str):
        return "" if value is None else value
    # The writer quotes a line feed, and leaves a carriage return bare: a reader would take it for the end of the row.
    cell = value.replace("\r\n", "\n").replace("\r", "\n")
    return _FORMULA.sub(r"\1'", cell)
