"""
Which owners live: a lock on a file for each, which the system lets go of at the very moment the process dies.

Without such locks (Windows, some network file systems) nothing is known here, and leases alone decide. A process that
was forked may keep the lock of a dead parent; then, too, the lease decides.
"""

from __future__ import annotations

import hashlib
import os
import sys
from contextlib import suppress
from pathlib import Path

if sys.platform == "win32":
    _CAN_LOCK = False
else:
    import fcntl

    _CAN_LOCK = True

_NAME_SIZE = 8


class Presence:
    """The owners that live by this store, and a look at those of others. *path* is that of the database."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._held: dict[str, int] = {}

    def enrol(self, owner: str) -> None:
        """Show *owner* as living until ``close``, where the platform can do that."""
        if owner in self._held or not _CAN_LOCK:
            return
        with suppress(OSError):
            descriptor = os.open(self._file(owner), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            if _locked(descriptor):
                self._held[owner] = descriptor
            else:
                os.close(descriptor)

    def is_gone(self, owner: str) -> bool:
        """Tell whether *owner* was enrolled and has certainly ended; ``False`` where nothing is known."""
        if owner in self._held or not _CAN_LOCK:
            return False
        try:
            descriptor = os.open(self._file(owner), os.O_RDWR | os.O_CLOEXEC)
        except OSError:
            return False
        try:
            return _locked(descriptor)
        finally:
            os.close(descriptor)

    def forget(self, owner: str) -> None:
        """Remove what an owner that is gone has left behind."""
        with suppress(OSError):
            self._file(owner).unlink()

    @property
    def owners(self) -> list[str]:
        """The owners that live by this store."""
        return list(self._held)

    def remove(self) -> None:
        """Remove the files of the owners that live here, when it has been written down that they are gone."""
        for owner in self._held:
            self.forget(owner)

    def close(self) -> None:
        """Let the owners that live here be gone."""
        for descriptor in self._held.values():
            os.close(descriptor)
        self._held.clear()

    def _file(self, owner: str) -> Path:
        name = hashlib.blake2b(owner.encode("utf-8", "surrogatepass"), digest_size=_NAME_SIZE).hexdigest()
        return self._path.with_name(f"{self._path.name}-owner-{name}")


def _locked(descriptor: int) -> bool:
    if sys.platform == "win32":
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
