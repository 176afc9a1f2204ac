"""
``OptOutFile``: opt-outs in a file of lines, to which every wish is added as it comes.

What a line says stands in ``vonage_messages.consent``.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from vonage_messages.consent import record_of
from vonage_messages.errors import ConfigurationError, StoreUnavailableError
from vonage_messages.modes import warn_if_open_to_all
from vonage_messages.stores.durable import sync_folder

if TYPE_CHECKING:
    from vonage_messages.consent import OptOutRecord

_Stamp: TypeAlias = tuple[int, int, int]
"""What tells one state of a file from the next: which one it is, how long, changed when."""

_PRIVATE = 0o600
_BINARY = getattr(os, "O_BINARY", 0)  # Windows would write other line ends than those that are looked for
_TAIL = 4096
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class OptOutFile:
    """
    An ``OptOutStore`` in a file, which several processes may share; people may edit it.

    What ``append`` returned from is on the disk, also after a power cut: it writes all its lines at once, behind what
    is there. The file is made readable by its owner alone. Where there is none yet, nobody has opted out.
    """

    def __init__(self, path: Path | str) -> None:
        self._path = Path(path)
        self._stamp: _Stamp | None = None
        """The file that was read."""
        self._read_to = 0
        self._lines = 0
        self._tail = b""
        """The last of what was read: where something else stands now, the file was not added to, but written anew."""

    def __repr__(self) -> str:
        return f"OptOutFile({str(self._path)!r})"

    def append(self, records: Iterable[OptOutRecord], /) -> None:
        """
        Write *records* down.

        Raises:
            StoreUnavailableError: the file cannot be written.
        """
        self._append([f"{record}\n" for record in records])

    def news(self) -> tuple[bool, Iterable[OptOutRecord]]:
        """
        Read what was added since the last call; the whole, where the file is another one, or anything but added to.

        Raises:
            StoreUnavailableError: it cannot be read.
            ConfigurationError: a line names no recipient: nobody would be left alone by it. The lines before it have
                not been given either.
        """
        try:
            stamp = self._look()
            if stamp == self._stamp:
                return False, ()
            added = self._added() if self._has_grown(stamp) else None
            data = self._whole(stamp) if added is None else added
        except OSError as error:
            raise StoreUnavailableError(f"{self._path} cannot be read: {error.strerror or error}") from error
        began, lines, tail = (0, 0, b"") if added is None else (self._read_to, self._lines, self._tail)
        records = list(self._records(data.removeprefix(_BYTE_ORDER_MARK) if not began else data, lines))
        # A last line without an end may still be written to: it counts, and is read again with what follows.
        whole = data.rfind(b"\n") + 1
        self._stamp, self._read_to, self._lines = stamp, began + whole, lines + data.count(b"\n")
        self._tail = (tail + data[:whole])[-_TAIL:]
        return added is None, records

    def _has_grown(self, stamp: _Stamp | None) -> bool:
        """Tell whether it is the file that was read, and longer."""
        if stamp is None or self._stamp is None:
            return False
        return stamp[0] == self._stamp[0] and stamp[1] > self._stamp[1]

    def _added(self) -> bytes | None:
        """Read what stands behind what was read; ``None`` where that is not there any more: an editor was at work."""
        data = self._bytes_from(self._read_to - len(self._tail))
        return data[len(self._tail) :] if data.startswith(self._tail) else None

    def _whole(self, stamp: _Stamp | None) -> bytes:
        if stamp is None:
            return b""
        warn_if_open_to_all(self._path)
        return self._bytes_from(0)

    def _records(self, data: bytes, lines: int) -> Iterator[OptOutRecord]:
        for number, line in enumerate(data.decode(errors="backslashreplace").split("\n"), lines + 1):
            try:
                record = record_of(line)
            except ConfigurationError as error:
                raise ConfigurationError(f"{self._path}, line {number}: a recipient {error}.") from None
            if record is not None:
                yield record

    def _look(self) -> _Stamp | None:
        try:
            found = self._path.stat()
        except FileNotFoundError:
            return None
        return found.st_ino, found.st_size, found.st_mtime_ns

    def _bytes_from(self, began: int) -> bytes:
        with self._path.open("rb") as file:
            file.seek(began)
            return file.read()

    def _append(self, lines: list[str]) -> None:
        try:
            is_new = not self._path.exists()
            descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_APPEND | _BINARY, _PRIVATE)
            try:
                data = ("".join(lines) if _ends_a_line(descriptor) else "\n" + "".join(lines)).encode()
                _write_all(descriptor, data)
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
            if is_new:
                sync_folder(self._path.parent)
        except OSError as error:
            raise StoreUnavailableError(f"{self._path} cannot be written: {error.strerror or error}") from error


def _ends_a_line(descriptor: int) -> bool:
    """Tell whether the next byte of the file begins a line: a crash or an editor may have left half of one."""
    if not os.fstat(descriptor).st_size:
        return True
    os.lseek(descriptor, -1, os.SEEK_END)
    return os.read(descriptor, 1) == b"\n"


def _write_all(descriptor: int, data: bytes) -> None:
    while data:
        data = data[os.write(descriptor, data) :]
