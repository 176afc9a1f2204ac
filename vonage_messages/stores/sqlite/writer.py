"""
One thread that does everything to the file, and group commit: whatever is asked for while it commits shares the next.

A commit waits for the disk, which takes about as long for a thousand changes as for one. Calls of the same kind that
stand next to each other in the queue are even made as one. Each call succeeds or fails by itself, unless the file
fails: then the whole group does, and nothing of it was changed.
"""

from __future__ import annotations

import asyncio
import itertools
import operator
import queue
import sqlite3
import threading
from contextlib import suppress
from enum import Enum
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import attrs

from vonage_messages.errors import OutboxError
from vonage_messages.stores.sqlite.failures import concerns_the_file, translated
from vonage_messages.stores.sqlite.file import LedgerFile

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

AskedT = TypeVar("AskedT")
AnswerT = TypeVar("AnswerT")

_LARGEST_GROUP = 4_000
_kind = operator.attrgetter("kind")


class Mode(Enum):
    """What a kind of call needs around it."""

    WRITE = "write"
    """A transaction that writes."""

    READ = "read"
    """Any transaction."""

    ALONE = "alone"
    """None at all."""


@attrs.frozen(eq=False)
class Kind(Generic[AskedT, AnswerT]):
    """A kind of call: what it does to the file, for as many callers as are given at once, one answer for each."""

    run: Callable[[LedgerFile, Sequence[AskedT]], Sequence[AnswerT]]
    mode: Mode = Mode.WRITE
    together: bool = False
    """Several waiting calls are made as one."""


# Not frozen: there is one of each for every call, and a frozen one takes twice as long to make.
@attrs.define(eq=False)
class _Call:
    kind: Kind[Any, Any]
    asked: Any
    future: asyncio.Future[Any]
    value: Any = None
    error: BaseException | None = None


class Writer:
    """The thread of one store. *path* and *open_file* say what it works on; the file is opened and closed in it."""

    def __init__(self, path: Path, open_file: Callable[[], LedgerFile]) -> None:
        self._path = path
        self._open_file = open_file
        self._calls: queue.SimpleQueue[_Call | None] = queue.SimpleQueue()
        self._ending = False
        self._lock = threading.Lock()
        # A daemon, so that a program that forgot to close still ends: what was committed is safe.
        self._thread = threading.Thread(target=self._run, name=f"ledger of {path.name}", daemon=True)
        self._opened: asyncio.Future[None] | None = None
        self._ended: asyncio.Future[None] | None = None

    async def start(self) -> None:
        """Start the thread and wait until the file is open; raise what prevents that."""
        self._opened = asyncio.get_running_loop().create_future()
        self._thread.start()
        try:
            await self._opened
        except BaseException:
            self.abandon()
            raise

    def submit(self, kind: Kind[AskedT, AnswerT], asked: AskedT) -> asyncio.Future[AnswerT]:
        """Ask for something; the future gives the answer once it is on the disk."""
        future = asyncio.get_running_loop().create_future()
        with self._lock:
            if self._ending:
                raise closed(self._path)
            self._calls.put(_Call(kind, asked, future))
        return future

    async def stop(self) -> None:
        """Do all that was asked for, close the file, and end the thread."""
        self._ended = asyncio.get_running_loop().create_future()
        self.abandon()
        await self._ended
        self._thread.join()

    def abandon(self) -> None:
        """Let the thread end by itself when it has done all that was asked for."""
        with self._lock:
            if not self._ending:
                self._ending = True
                self._calls.put(None)

    def _run(self) -> None:
        try:
            file = self._open_file()
        except BaseException as error:  # noqa: BLE001  whoever waits must hear of it, whatever it is
            _tell(self._opened, error)
            return
        _tell(self._opened)
        try:
            while self._serve(file):
                pass
        finally:
            file.close()
            _tell(self._ended)

    def _serve(self, file: LedgerFile) -> bool:
        """Take what waits and do it; tell whether there may be more."""
        calls = [self._calls.get()]
        while calls[-1] is not None and len(calls) < _LARGEST_GROUP:
            try:
                calls.append(self._calls.get_nowait())
            except queue.Empty:
                break
        group = [call for call in calls if call is not None]
        for kind_is_alone, some in itertools.groupby(group, _is_alone):
            part = list(some)
            (_alone if kind_is_alone else _together)(file, part)
            _deliver(part)
        return calls[-1] is not None


def closed(path: Path) -> OutboxError:
    """Make the error of a store that is used before it is open, or after it was closed."""
    return OutboxError(f"The store of {path} is not open.")


def _is_alone(call: _Call) -> bool:
    return call.kind.mode is Mode.ALONE


def _alone(file: LedgerFile, calls: Sequence[_Call]) -> None:
    for call in calls:
        try:
            (call.value,) = call.kind.run(file, [call.asked])
        except Exception as error:  # noqa: BLE001  it goes to whoever asked
            call.error = translated(error, file.path)


def _together(file: LedgerFile, calls: Sequence[_Call]) -> None:
    """Do calls in one transaction; where the file fails, all of them have failed."""
    try:
        _transact(file, calls, _perform)
    except Exception as error:  # noqa: BLE001  it goes to whoever asked
        if len(calls) > 1 and not concerns_the_file(error):
            _one_by_one(file, calls)
        else:
            _fail(file, calls, error)


def _one_by_one(file: LedgerFile, calls: Sequence[_Call]) -> None:
    """Do calls once more, in one transaction again: one that cannot be done hinders none of the others."""
    try:
        _transact(file, calls, _perform_each)
    except Exception as error:  # noqa: BLE001  it goes to whoever asked
        _fail(file, calls, error)


def _transact(
    file: LedgerFile, calls: Sequence[_Call], perform: Callable[[LedgerFile, Kind[Any, Any], Sequence[_Call]], None]
) -> None:
    """Do all of *calls*, or nothing of them: in their order, those of a kind that stand together at once."""
    writes = any(call.kind.mode is Mode.WRITE for call in calls)
    try:
        if writes:
            file.check_it_is_there()
        file.connection.execute("BEGIN IMMEDIATE" if writes else "BEGIN")
        for kind, some in itertools.groupby(calls, _kind):
            perform(file, kind, list(some))
        file.connection.execute("COMMIT")
    except Exception:
        _roll_back(file)
        raise


def _fail(file: LedgerFile, calls: Sequence[_Call], error: Exception) -> None:
    for call in calls:
        call.error = translated(error, file.path)


def _roll_back(file: LedgerFile) -> None:
    if file.connection.in_transaction:
        with suppress(sqlite3.Error):  # a later group tries it again: its BEGIN fails until it has succeeded
            file.connection.execute("ROLLBACK")


def _perform(file: LedgerFile, kind: Kind[Any, Any], calls: Sequence[_Call]) -> None:
    for part in [calls] if kind.together else [[call] for call in calls]:
        values = kind.run(file, [call.asked for call in part])
        for call, value in zip(part, values, strict=True):
            call.value = value


def _perform_each(file: LedgerFile, kind: Kind[Any, Any], calls: Sequence[_Call]) -> None:
    for call in calls:
        file.connection.execute("SAVEPOINT call")
        try:
            _perform(file, kind, [call])
        except Exception as error:
            if concerns_the_file(error) or not file.connection.in_transaction:
                raise
            file.connection.execute("ROLLBACK TO call")
            call.error = translated(error, file.path)
        file.connection.execute("RELEASE call")


def _deliver(calls: Iterable[_Call]) -> None:
    """Wake the callers, all those of one event loop at once."""
    by_loop: dict[asyncio.AbstractEventLoop, list[_Call]] = {}
    for call in calls:
        by_loop.setdefault(call.future.get_loop(), []).append(call)
    for loop, some in by_loop.items():
        _call_soon(loop, _settle_all, some)


def _settle_all(calls: Iterable[_Call]) -> None:
    for call in calls:
        _settle(call.future, call.value, call.error)


def _settle(future: asyncio.Future[Any], value: object = None, error: BaseException | None = None) -> None:
    if future.done():  # the caller no longer waits
        return
    if error is None:
        future.set_result(value)
    else:
        future.set_exception(error)


def _tell(future: asyncio.Future[None] | None, error: BaseException | None = None) -> None:
    if future is not None:
        _call_soon(future.get_loop(), _settle, future, None, error)


def _call_soon(loop: asyncio.AbstractEventLoop, callback: Callable[..., None], *arguments: object) -> None:
    # The loop may have been closed while this was under way: then nobody is left to be told.
    with suppress(RuntimeError):
        loop.call_soon_threadsafe(callback, *arguments)
