"""A limit store in a small file: for one process on one machine that needs no database."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
import os
import threading
import weakref
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from vonage_messages.errors import StoreUnavailableError
from vonage_messages.stores.durable import sync_folder

try:
    import fcntl
except ImportError:  # Windows
    _CAN_LOCK = False
else:
    _CAN_LOCK = True

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_Version: TypeAlias = tuple[int, int, int]
"""What tells one version of a file from the next: its number in the file system, its time in nanoseconds, its size."""

_NO_LINKS = getattr(os, "O_NOFOLLOW", 0)  # which Windows lacks
_NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | _NO_LINKS
_LOCK_FILE = os.O_RDWR | os.O_CREAT | _NO_LINKS

_HELD: dict[tuple[int, int], int] = {}
"""The lock files that are held here, by device and number, each with the process that took it."""


class FileLimitStore:
    """
    Keeps limits in a JSON file at *path*: who was written to can be read from it, so only its owner may (0600).

    The file is replaced as a whole, and written to the disk before that: a crash leaves the old one or the new one.

    It belongs to one process at a time, and to one store in it: two that count for themselves pass a cap together. So a
    file beside it, ``limits.json.lock``, is locked from ``load`` on, until the last save (which ``Client.close`` and
    ``SendQueue.close`` make), until ``close``, or until this object or the process ends, however it ends. A second
    store is refused meanwhile. The file of the lock stays where it is. Windows has no such locks: make sure yourself
    that one process uses the file.
    """

    def __init__(self, path: str | Path) -> None:
        self._file = _LimitFile(Path(path))
        # Threads hold the file and not this object: it ends with its last user, and not with the last thread.
        weakref.finalize(self, self._file.leave)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self._file.path)!r})"

    async def load(self) -> Mapping[str, Any] | None:
        """
        Read the file, and keep it from others; ``None`` where there is none.

        Raises:
            StoreUnavailableError: it cannot be read, holds no JSON object, or somebody else keeps limits in it.
        """
        self._file.is_wanted = True
        return await asyncio.to_thread(self._file.read)

    async def save(self, snapshot: Mapping[str, Any], /) -> None:
        """
        Replace the file. The last snapshot of a limiter, behind which nothing leaves, leaves the file to others.

        Raises:
            StoreUnavailableError: it cannot be written, or somebody else keeps limits in it, or has done so since it
                was left to others: what was used there is not known here.
        """
        self._file.is_wanted = snapshot.get("last") is not True
        await asyncio.to_thread(self._file.write, json.dumps(snapshot).encode())

    def close(self) -> None:
        """Leave the file to others, at once or when what is under way is done. ``load`` and ``save`` take it again."""
        self._file.leave()


class _LimitFile:
    """The file, for threads: they work on it one at a time, and under the lock."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.is_wanted = False
        """Whether the lock is kept when nobody is at work."""
        self._lock = _Lock(path)
        self._at_work = threading.Lock()  # a caller that was cancelled leaves its thread at work
        self._was_used = False
        self._known: _Version | None = None
        """The version that was read or written here last."""

    def read(self) -> Mapping[str, Any] | None:
        with self._alone():
            self._was_used, self._known = True, None
            try:
                with self.path.open("rb") as file:
                    self._known = _version(os.fstat(file.fileno()))
                    text = file.read()
            except FileNotFoundError:
                return None
            except OSError as error:
                raise StoreUnavailableError(f"the limits in {self.path} cannot be read: {error.strerror}.") from error
            return self._parsed(text)

    def write(self, text: bytes) -> None:
        with self._alone() as just_taken:
            if just_taken and self._was_used:
                self._refuse_if_changed()
            self._replace(text)

    def leave(self) -> None:
        """Let go of the lock: now, or when those who are at work have done."""
        self.is_wanted = False
        self._let_go()

    @contextlib.contextmanager
    def _alone(self) -> Iterator[bool]:
        """Be the only one at work, under the lock; gives whether it had to be taken for that."""
        try:
            with self._at_work:
                just_taken = self._lock.take()
                try:
                    yield just_taken
                except BaseException:
                    if just_taken:  # nothing leaves on the strength of it
                        self._lock.release()
                    raise
        finally:
            self._let_go()

    def _let_go(self) -> None:
        """Release the lock if it is not wanted any more. Never waits: whoever is at work comes here afterwards."""
        if self.is_wanted or not self._at_work.acquire(blocking=False):
            return
        try:
            if not self.is_wanted:
                self._lock.release()
        finally:
            self._at_work.release()

    def _parsed(self, text: bytes) -> Mapping[str, Any]:
        try:
            document = json.loads(text)
        except ValueError as error:
            raise StoreUnavailableError(
                f"{self.path} holds no limits: it is no JSON. Remove it only if nothing was sent lately."
            ) from error
        if not isinstance(document, dict):
            raise StoreUnavailableError(f"{self.path} holds no limits: it is no JSON object.")
        return document

    def _refuse_if_changed(self) -> None:
        """Refuse to go on where others have counted meanwhile; a file that was removed holds nothing to be lost."""
        try:
            there = _version(self.path.stat())
        except OSError:  # what is wrong with it, writing tells
            return
        if there != self._known:
            raise StoreUnavailableError(
                f"somebody else has kept limits in {self.path} since it was left to others: what was used there is "
                "not known here. Make a new Limiter, which reads it."
            )

    def _replace(self, text: bytes) -> None:
        beside = self.path.with_name(f"{self.path.name}.{os.getpid()}.new")
        try:
            descriptor = os.open(beside, _NEW_FILE, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
                version = _version(os.fstat(file.fileno()))
            beside.replace(self.path)
            self._was_used, self._known = True, version
            sync_folder(self.path.parent)
        except OSError as error:
            with contextlib.suppress(OSError):
                beside.unlink()
            raise StoreUnavailableError(f"the limits cannot be kept in {self.path}: {error.strerror}.") from error


class _Lock:
    """A lock on a file beside *path*, which the system releases when the process ends."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._beside = path.with_name(f"{path.name}.lock")
        self._descriptor: int | None = None
        self._process = 0
        self._key = (0, 0)

    def take(self) -> bool:
        """
        Take the lock, unless it is held here already; tells whether it was taken.

        Raises:
            StoreUnavailableError: somebody else holds it, or it cannot be taken.
        """
        if not _CAN_LOCK or (self._descriptor is not None and self._process == os.getpid()):
            return False
        self.release()  # a forked process inherits what its parent holds, and holds nothing by it
        try:
            self._descriptor = self._locked()
        except BlockingIOError as error:
            raise StoreUnavailableError(self._held_sentence()) from error
        except OSError as error:
            raise StoreUnavailableError(f"{self._beside} cannot be locked: {error.strerror}.") from error
        self._process = _HELD[self._key] = os.getpid()
        return True

    def release(self) -> None:
        """Let go of the lock, if it is held."""
        if self._descriptor is None:
            return
        if self._process == os.getpid():
            del _HELD[self._key]
            # Closing alone would leave it with the copies that forked processes have.
            with contextlib.suppress(OSError):
                fcntl.flock(self._descriptor, fcntl.LOCK_UN)
        os.close(self._descriptor)
        self._descriptor = None

    def _locked(self) -> int:
        """Open and lock the file; gives its descriptor."""
        descriptor = os.open(self._beside, _LOCK_FILE, 0o600)
        try:
            found = os.fstat(descriptor)
            self._key = (found.st_dev, found.st_ino)
            if _HELD.get(self._key) == os.getpid():
                gc.collect()  # limiter and loop refer to each other: a store that nobody uses any more may still live
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BaseException:
            os.close(descriptor)
            raise
        return descriptor

    def _held_sentence(self) -> str:
        if _HELD.get(self._key) == os.getpid():
            return (
                f"another FileLimitStore of this process keeps its limits in {self._path}: give both the same Limiter, "
                "or close the first."
            )
        return f"another process keeps its limits in {self._path}: two would pass a cap together. Nothing was sent."


def _version(status: os.stat_result) -> _Version:
    return status.st_ino, status.st_mtime_ns, status.st_size
