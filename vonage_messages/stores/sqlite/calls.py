"""
What each call of the store does to the file, inside a transaction that the writer has begun.

Which state follows which is asked of ``vonage_messages.ledger`` alone.
"""

from __future__ import annotations

import itertools
import json
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import attrs

from vonage_messages.ledger import (
    FINISHED,
    INTERRUPTED,
    STAYS_WITH_OWNER,
    Addition,
    Claimed,
    Conflict,
    Event,
    NewRow,
    Outcome,
    Recovery,
    Row,
    Settlement,
    State,
    next_state,
    state_after,
    states_before,
)
from vonage_messages.stores.rows import row_of
from vonage_messages.stores.sqlite.asked import (
    Batch,
    Change,
    Claim,
    Enrolment,
    Mark,
    Note,
    Proof,
    Purge,
    Reading,
    Record,
    Recover,
    Release,
)
from vonage_messages.stores.sqlite.statements import sql, sql_for
from vonage_messages.stores.sqlite.writer import Kind, Mode

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from vonage_messages.stores.sqlite.file import LedgerFile

_STATES = {state.value: state for state in State}
_ACCEPT, _ACCEPTED = Event.ACCEPT, State.ACCEPTED  # looked up here once: they are asked for with every message
_OUT = json.dumps([State.CLAIMED.value, State.SENDING.value])
_READ_AT_ONCE = 2 * 1024 * 1024
"""So many bytes of payloads are read by one statement: they stand in memory several times over while it runs."""

_INSERTED_AT_ONCE = 200
"""So many rows are inserted by one statement: more of them are no faster, and a statement is kept for each number."""

_FINISHED = json.dumps(sorted(state.value for state in FINISHED))

_Standing: TypeAlias = tuple[str, int, str | None]
"""How a row stands: the value of its state, its attempts, its owner."""


def _enrol(file: LedgerFile, asked: Sequence[Enrolment]) -> list[None]:
    for enrolment in asked:
        file.presence.enrol(enrolment.owner)
        _lease(file, enrolment.owner, enrolment.lease_until)
    return [None] * len(asked)


def _renew(file: LedgerFile, asked: Sequence[Enrolment]) -> list[None]:
    for enrolment in asked:
        _lease(file, enrolment.owner, enrolment.lease_until)
    return [None] * len(asked)


def _lease(file: LedgerFile, owner: str, lease_until: float) -> int:
    file.connection.execute(sql("owner_enrol"), {"name": owner, "lease_until": lease_until})
    found: int = _one(file, "owner_by_name", name=owner)
    return found


def _one(file: LedgerFile, statement: str, **parameters: object) -> Any:
    """Give the first column of the only row."""
    return file.connection.execute(sql(statement), parameters).fetchone()[0]


def _changed(file: LedgerFile, statement: str, **parameters: object) -> int:
    return file.connection.execute(sql(statement), parameters).rowcount


def _add(file: LedgerFile, asked: Sequence[Batch]) -> list[Addition]:
    return [_add_batch(file, batch) for batch in asked]


def _add_batch(file: LedgerFile, batch: Batch) -> Addition:
    connection, sealing = file.connection, file.sealing
    last = _one(file, "last_id")
    digests = [sealing.digest(row) for row in batch.rows]
    rows = [
        (
            row.key,
            row.ref,
            row.client_ref,
            row.version,
            sealing.recipient(row.recipient),
            batch.now,
            digest,
            sealing.seal(row.payload),
            row.trace,
        )
        for row, digest in zip(batch.rows, digests, strict=True)
    ]
    connection.execute("SAVEPOINT batch")
    new = sum(_insert_messages(file, rows[first : first + _INSERTED_AT_ONCE]) for first in _steps(rows))
    conflicts = [] if new == len(batch.rows) else list(_conflicts(file, batch.rows, digests, last))
    if conflicts:
        connection.execute("ROLLBACK TO batch")
    else:
        connection.execute(sql("add_progress"), {"state": State.PENDING.value, "last": last})
    connection.execute("RELEASE batch")
    if conflicts:
        return Addition(conflicts=tuple(conflicts))
    return Addition(new=new, repeated=len(batch.rows) - new)


def _steps(rows: Sequence[object]) -> range:
    return range(0, len(rows), _INSERTED_AT_ONCE)


def _insert_messages(file: LedgerFile, rows: Sequence[tuple[object, ...]]) -> int:
    """Insert rows whose keys are new, by one statement; give their number."""
    values = list(itertools.chain.from_iterable(rows))
    return file.connection.execute(sql_for("add_message", len(rows)), values).rowcount


def _conflicts(file: LedgerFile, rows: Sequence[NewRow], digests: Sequence[bytes], last: int) -> Iterable[Conflict]:
    """Find rows of a batch whose key has another message: in the ledger (ids up to *last*), or earlier in the batch."""
    first: dict[str, int] = {}
    for position, (row, digest) in enumerate(zip(rows, digests, strict=True)):
        other_position = first.setdefault(row.key, position)
        row_id, stored, state = file.connection.execute(sql("message_by_key"), {"key": row.key}).fetchone()
        if stored == digest:
            continue
        if row_id > last:
            yield Conflict(key=row.key, position=position, other_position=other_position)
        else:
            yield Conflict(key=row.key, position=position, row_id=row_id, state=State(state))


def _claim(file: LedgerFile, asked: Sequence[Claim]) -> list[list[Claimed]]:
    return [_claim_rows(file, claim) for claim in asked]


def _claim_rows(file: LedgerFile, claim: Claim) -> list[Claimed]:
    owner = _lease(file, claim.owner, claim.lease_until)
    oldest = {"state": State.PENDING.value, "count": max(claim.most, 0)}  # SQLite takes -1 for "no limit"
    listed, size = file.connection.execute(sql("oldest_in_state"), oldest).fetchone()
    after = next_state(State.PENDING, Event.CLAIM)
    _changed(file, "claim", state=after.value, owner=owner, now=claim.now, ids=listed)
    ids = json.loads(listed)
    at_once = max(1, len(ids) * _READ_AT_ONCE // max(size, 1))
    return [row for first in range(0, len(ids), at_once) for row in _read_claimed(file, ids[first : first + at_once])]


def _read_claimed(file: LedgerFile, ids: Sequence[int]) -> Iterable[Claimed]:
    found = file.connection.execute(sql("claimed_rows"), {"ids": json.dumps(ids)}).fetchone()
    rows, keys, refs, versions, payloads, attempts, traces = map(json.loads, found)
    unseal = file.sealing.unseal
    plain = (unseal(bytes.fromhex(each)) for each in payloads)
    return map(Claimed, rows, keys, refs, versions, plain, attempts, traces)


def _rows(file: LedgerFile, statement: str, **parameters: object) -> list[Row]:
    unseal = file.sealing.unseal
    return [row_of(columns, unseal) for columns in file.connection.execute(sql(statement), parameters)]


def _mark(file: LedgerFile, asked: Sequence[Mark]) -> list[dict[int, int]]:
    answers: list[dict[int, int]] = [{} for _ in asked]
    ended = [Record(mark.outcomes, mark.now) for mark in asked if mark.outcomes]
    if ended:
        _record(file, ended)
    limits: dict[str, bytes | None] = {}
    for owner in {mark.owner: None for mark in asked}:
        own = [(mark, answer) for mark, answer in zip(asked, answers, strict=True) if mark.owner == owner]
        _mark_own(file, owner, own)
    for mark in asked:
        if mark.limits:
            limits.update(mark.limits)
    if limits:
        _save_limits(file, limits)
    return answers


def _mark_own(file: LedgerFile, owner: str, asked: Sequence[tuple[Mark, dict[int, int]]]) -> None:
    """Mark rows that *owner* has claimed under a lease that holds, and fill the answers."""
    claimed = {"before": State.CLAIMED.value, "ids": json.dumps([row_id for mark, _ in asked for row_id in mark.ids])}
    found = file.connection.execute(sql("attempts"), {"owner": owner, **claimed}).fetchone()
    number, lease_until, ids, attempts = found
    if number is None:
        return
    attempt_of: dict[int, int] = dict(zip(json.loads(ids), json.loads(attempts), strict=True))
    for mark, answer in asked:
        if mark.now < lease_until:
            answer.update((row_id, attempt_of.pop(row_id) + 1) for row_id in mark.ids if row_id in attempt_of)
    claimed["ids"] = json.dumps([row_id for _, answer in asked for row_id in answer])
    after = next_state(State.CLAIMED, Event.MARK_SENDING)
    _changed(file, "mark_sending", after=after.value, now=max(mark.now for mark, _ in asked), owner=number, **claimed)


def _record(file: LedgerFile, asked: Sequence[Record]) -> list[frozenset[int]]:
    ids = json.dumps([outcome.id for record in asked for outcome in record.outcomes])
    found = file.connection.execute(sql("standing"), {"ids": ids}).fetchone()
    row_ids, states, attempts, owners = map(json.loads, found)
    rows: dict[int, _Standing] = dict(zip(row_ids, zip(states, attempts, owners, strict=True), strict=True))
    changes = _Changes()
    answers = [
        frozenset(
            outcome.id
            for outcome in record.outcomes
            if outcome.id in rows and _take(rows, outcome, record.now, changes)
        )
        for record in asked
    ]
    # In this order, where one row has several: nothing but a completion follows its being accepted.
    if changes.others:
        file.connection.executemany(sql("record"), changes.others)
    if changes.accepted:
        _accept(file, changes.accepted, max(record.now for record in asked))
    if changes.completed:
        file.connection.executemany(sql("complete_accepted"), changes.completed)
    return answers


def _accept(file: LedgerFile, accepted: Sequence[tuple[int, str | None, str | None]], now: float) -> None:
    """Write down that rows, each given once, were accepted, with the uuids of the message and of the request."""
    # One statement: between two, this thread would have to win the interpreter back from a busy event loop.
    _changed(file, "accept", state=State.ACCEPTED.value, now=now, accepted=json.dumps(accepted))


@attrs.define(eq=False)
class _Changes:
    """What outcomes change."""

    accepted: list[tuple[int, str | None, str | None]] = attrs.field(factory=list)
    completed: list[tuple[object, ...]] = attrs.field(factory=list)
    others: list[tuple[object, ...]] = attrs.field(factory=list)


def _take(rows: dict[int, _Standing], outcome: Outcome, now: float, changes: _Changes) -> bool:
    """Move a row by an outcome; ``False`` where it is not taken: of another attempt, or illegal by now."""
    value, attempts, owner_now = rows[outcome.id]
    before, event = _STATES[value], outcome.event
    after = state_after(outcome, before, attempts, owner_now)
    if after is None:
        return False
    rows[outcome.id] = (after.value, attempts, owner_now if after in STAYS_WITH_OWNER else None)
    if after is not _ACCEPTED:
        changes.others.append(_failure(outcome, after, now))
    elif before is not _ACCEPTED:
        changes.accepted.append((outcome.id, outcome.message_uuid, outcome.request_id))
    elif event is _ACCEPT:
        changes.completed.append((outcome.message_uuid, outcome.request_id, outcome.id))
    return True


def _failure(outcome: Outcome, after: State, now: float) -> tuple[object, ...]:
    return (
        after.value,
        after in STAYS_WITH_OWNER,
        now,
        outcome.request_id,
        outcome.error_class,
        outcome.error_code,
        outcome.error_title,
        outcome.error_detail,
        outcome.id,
    )


def _release(file: LedgerFile, asked: Sequence[Release]) -> list[int]:
    return [_released(file, release) for release in asked]


def _released(file: LedgerFile, release: Release) -> int:
    some = {} if release.ids is None else {"ids": json.dumps(list(release.ids))}
    statement = "release_some" if some else "release_all"
    return sum(
        _changed(file, statement, before=before.value, after=after.value, owner=release.owner, now=release.now, **some)
        for before, after in states_before(Event.RELEASE).items()
    )


def _recover(file: LedgerFile, asked: Sequence[Recover]) -> list[tuple[Recovery, list[str]]]:
    return [_recovered(file, recover.owner, recover.now) for recover in asked]


def _recovered(file: LedgerFile, asking: str, now: float) -> tuple[Recovery, list[str]]:
    """Take rows back; the second value names owners whose traces may go once this is committed."""
    counts = dict.fromkeys(State, 0)
    gone = _gone_with_nothing_out(file, asking)
    for owner, name, lease_until in file.connection.execute(sql("owners_with_rows_out"), {"states": _OUT}).fetchall():
        ended = file.presence.is_gone(name)
        if name == asking or not (ended or lease_until <= now):
            continue
        if ended:
            gone.append(name)
        for before, after in states_before(Event.RECOVER).items():
            sending = {"why": INTERRUPTED} if after is State.IN_DOUBT else {}
            statement = "recover_sending" if sending else "recover_unsent"
            counts[after] += _changed(
                file, statement, before=before.value, after=after.value, owner=owner, now=now, **sending
            )
    return Recovery(released=counts[State.PENDING], in_doubt=counts[State.IN_DOUBT]), gone


def _gone_with_nothing_out(file: LedgerFile, asking: str) -> list[str]:
    """Find owners that have ended between two rows without a word, and write down that they have."""
    unended = file.connection.execute(sql("owners_without_rows_out"), {"states": _OUT}).fetchall()
    gone = [name for (name,) in unended if name != asking and file.presence.is_gone(name)]
    if gone:
        file.connection.execute(sql("expire_owners"), {"owners": json.dumps(gone)})
    return gone


def _forget_owners(file: LedgerFile, asked: Sequence[Sequence[str]]) -> list[None]:
    for owners in asked:
        for owner in owners:
            file.presence.forget(owner)
    return [None] * len(asked)


def _settle(file: LedgerFile, asked: Sequence[Proof]) -> list[Settlement]:
    return [_settled(file, proof) for proof in asked]


def _settled(file: LedgerFile, proof: Proof) -> Settlement:
    found = file.connection.execute(sql("messages_by_ref"), {"ref": proof.ref}).fetchall()
    if len(found) != 1:
        return Settlement.SHARED if found else Settlement.UNKNOWN
    ((row_id, state, attempts),) = found
    if not attempts:  # it never left: the status is of another message, under a client_ref that was used before
        return Settlement.UNKNOWN
    after = next_state(_STATES[state], Event.SETTLE_ACCEPTED)
    if after is _STATES[state]:
        file.connection.execute(sql("complete_accepted"), (proof.message_uuid, None, row_id))
        return Settlement.KNOWN
    _accept(file, [(row_id, proof.message_uuid, None)], proof.now)
    return Settlement.SETTLED


def _change(file: LedgerFile, asked: Sequence[Change]) -> list[int]:
    return [_changed_rows(file, change) for change in asked]


def _changed_rows(file: LedgerFile, change: Change) -> int:
    some = {} if change.ids is None else {"ids": json.dumps(list(change.ids))}
    statement = "change_some" if some else "change_all"
    return sum(
        _changed(file, statement, before=before.value, after=after.value, now=change.now, **some)
        for before, after in states_before(change.event).items()
    )


def _counts(file: LedgerFile, asked: Sequence[None]) -> list[dict[State, int]]:
    counts = dict.fromkeys(State, 0)
    counts.update((_STATES[state], count) for state, count in file.connection.execute(sql("counts")))
    return [dict(counts) for _ in asked]


def _last_id(file: LedgerFile, asked: Sequence[None]) -> list[int]:
    return [_one(file, "last_id")] * len(asked)


def _read(file: LedgerFile, asked: Sequence[Reading]) -> list[list[Row]]:
    return [
        _rows(
            file,
            "rows_between",
            after=reading.window.after,
            until=reading.window.until,
            states=json.dumps([state.value for state in reading.states]),
        )
        for reading in asked
    ]


def _purge(file: LedgerFile, asked: Sequence[Purge]) -> list[int]:
    return [_purged(file, purge) for purge in asked]


def _purged(file: LedgerFile, purge: Purge) -> int:
    window = purge.window._asdict()
    deleted = _changed(
        file,
        "purge_messages",
        before=purge.before,
        recipient=file.sealing.recipient(purge.recipient),
        states=_FINISHED,
        **window,
    )
    _changed(file, "purge_progress", **window)
    return deleted


def _checkpoint(file: LedgerFile, asked: Sequence[None]) -> list[None]:
    file.checkpoint()
    return [None] * len(asked)


def _limit_states(file: LedgerFile, asked: Sequence[None]) -> list[dict[str, bytes]]:
    found = file.connection.execute(sql("limit_states"))
    states = dict(file.sealing.unseal_named(name, value) for name, value in found)
    return [dict(states) for _ in asked]


def _save_limit_states(file: LedgerFile, asked: Sequence[Mapping[str, bytes | None]]) -> list[None]:
    merged: dict[str, bytes | None] = {}
    for states in asked:
        merged.update(states)
    _save_limits(file, merged)
    return [None] * len(asked)


def _save_limits(file: LedgerFile, states: Mapping[str, bytes | None]) -> None:
    sealing = file.sealing
    saved = [
        (sealing.name(name), sealing.seal_named(name, value)) for name, value in states.items() if value is not None
    ]
    if saved:
        file.connection.executemany(sql("save_limit_state"), saved)
    forgotten = [(sealing.name(name),) for name, value in states.items() if value is None]
    if forgotten:
        file.connection.executemany(sql("forget_limit_state"), forgotten)


def _note(file: LedgerFile, asked: Sequence[str]) -> list[str | None]:
    found = [file.connection.execute(sql("note"), {"name": name}).fetchone() for name in asked]
    return [None if row is None else row[0] for row in found]


def _write_note(file: LedgerFile, asked: Sequence[Note]) -> list[None]:
    for note in asked:
        if note.value is None:
            file.connection.execute(sql("forget_note"), {"name": note.name})
        else:
            statement = "write_note_once" if note.once else "write_note"
            file.connection.execute(sql(statement), {"name": note.name, "value": note.value})
    return [None] * len(asked)


ENROL: Final = Kind(_enrol)
ADD: Final = Kind(_add)
CLAIM: Final = Kind(_claim)
RENEW: Final = Kind(_renew, together=True)
MARK: Final = Kind(_mark, together=True)
RECORD: Final = Kind(_record, together=True)
RELEASE: Final = Kind(_release)
RECOVER: Final = Kind(_recover)
FORGET_OWNERS: Final = Kind(_forget_owners, mode=Mode.ALONE)
SETTLE: Final = Kind(_settle, together=True)
CHANGE: Final = Kind(_change)
COUNTS: Final = Kind(_counts, mode=Mode.READ, together=True)
LAST_ID: Final = Kind(_last_id, mode=Mode.READ, together=True)
READ: Final = Kind(_read, mode=Mode.READ)
PURGE: Final = Kind(_purge)
CHECKPOINT: Final = Kind(_checkpoint, mode=Mode.ALONE)
LIMIT_STATES: Final = Kind(_limit_states, mode=Mode.READ, together=True)
SAVE_LIMIT_STATES: Final = Kind(_save_limit_states, together=True)
NOTE: Final = Kind(_note, mode=Mode.READ, together=True)
WRITE_NOTE: Final = Kind(_write_note)
