"""
Rows and a template become messages, each with the key under which the outbox knows it.

Rows that make none are reported with their line and everything that is wrong, and the others go on. Who must not be
written to, and when, is asked of ``vonage_messages.bulk.suppression`` and ``vonage_messages.bulk.quiet_hours``.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import attrs

from vonage_messages.bulk.duplicates import FirstLines
from vonage_messages.bulk.rows import BadRow, SourceRow
from vonage_messages.bulk.template import Template
from vonage_messages.channels.base import Message
from vonage_messages.errors import InvalidMessageError
from vonage_messages.wire.payloads import from_payload

_KEY_LENGTH = 32
"""Hexadecimal digits of a row key: 128 bits, and room for a prefix within the 40 characters of a v0.1 reference."""

_canonical = json.JSONEncoder(sort_keys=True, separators=(",", ":")).encode


@attrs.frozen(kw_only=True)
class GoodRow:
    """A row that made a message."""

    number: int
    """Counts the rows that hold data, from 1."""

    line: int
    """The line of the file on which the row begins."""

    message: Message = attrs.field(repr=lambda message: f"<{type(message).__name__}>")
    key: str
    """The same for the same campaign, row number and content, at every reading of the file."""

    duplicate_of: int | None = None
    """The line of the first row that goes to the same recipient on the same channel, where this is not the first."""


def messages(rows: Iterable[SourceRow | BadRow], template: Template, *, campaign: str) -> Iterator[GoodRow | BadRow]:
    """
    Make a message of each row, one at a time and in the order of the file.

    *campaign* is an id of the caller's choice: two runs with one id give the same keys. A bad row comes out where it
    stood, with all its problems; a recipient that comes again comes out as a good row that says so. Nothing is
    raised because of what stands in a row.
    """
    first_lines = FirstLines()
    for row in rows:
        if isinstance(row, BadRow):
            yield row
            continue
        try:
            payload = template.render(row.columns)
            message = _message(payload, template, row.columns)
        except InvalidMessageError as error:
            yield BadRow(number=row.number, line=row.line, problems=error.problems)
            continue
        yield GoodRow(
            number=row.number,
            line=row.line,
            message=message,
            key=row_key(campaign, row.number, payload),
            duplicate_of=first_lines.seen_before(message.channel, _recipient(message.to), row.line),
        )


def row_key(campaign: str, number: int, payload: Mapping[str, Any]) -> str:
    """
    Derive the key of a row: 32 hexadecimal digits of a SHA-256 over the campaign, the row number and the content.

    *payload* is what the template made of the row, before the message class normalises it: so the key of a row does
    not change with a version of this package that normalises better. The order of its fields is of no account.
    """
    return hashlib.sha256(_canonical([campaign, number, payload]).encode()).hexdigest()[:_KEY_LENGTH]


def _message(payload: dict[str, Any], template: Template, columns: Mapping[str, Any]) -> Message:
    try:
        return from_payload(payload)
    except InvalidMessageError as error:
        problems = [template.explained(problem, columns) for problem in error.problems]
    raise InvalidMessageError(problems, "row")


def _recipient(to: str) -> str:
    return to.casefold() if "@" in to else to
