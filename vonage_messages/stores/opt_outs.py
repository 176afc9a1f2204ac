"""
``OptOutFile``: opt-outs in a file of lines, to which every wish is added as it comes.

What a line says stands in ``vonage_messages.consent``.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from vonage_messages.consent import record_of
from vonage_messages.errors import ConfigurationError, StoreUnavailableError
from vonage_messages.modes import warn_if_open_to_all

if TYPE_CHECKING:
    from vonage_messages.consent import OptOutRecord

_PRIVATE = 0o600
_BINARY = getattr(os, "O_BINARY", 0)  # Windows would write other line ends than those that are looked for
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class OptOutFile:
    """
    An ``OptOutStore`` in a file, which several processes may share; people may edit it.

    What ``append`` returned from is on the disk, also after a power cut: it writes all its lines at once, behind what
    is there. The file is made readable by its owner alone. Where there is none yet, nobody has opted out.
    """

    def __init__(self, path: Path | str) -> None:
        self._path = Path(path)
        self._stamp: tuple[int, int, int] | None = None
        """The file that was read: which one, how long, changed when."""
        self._read_to = 0
        self._lines = 0

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
        Read what was added since the last call; the whole, where the file is another one or has become shorter.

        Raises:
            StoreUnavailableError: it cannot be read.
            ConfigurationError: a line names no recipient: nobody would be left alone by it. The lines before it have
                not been given either.
        """
        try:
            stamp = self._look()
            if stamp == self._stamp:
                return False, ()
            afresh = self._stamp is None or stamp is None or stamp[0] != self._stamp[0] or stamp[1] < self._stamp[1]
            if afresh and stamp is not None:
                warn_if_open_to_all(self._path)
            began, lines = (0, 0) if afresh else (self._read_to, self._lines)
            data = b"" if stamp is None else self._bytes_from(began)
        except OSError as error:
            raise StoreUnavailableError(f"{self._path} cannot be read: {error.strerror or error}") from error
        records = list(self._records(data.removeprefix(_BYTE_ORDER_MARK) if not began else data, lines))
        # A last line without an end may still be written to: it counts, and is read again with what follows.
        whole = data.rfind(b"\n") + 1
        self._stamp, self._read_to, self._lines = stamp, began + whole, lines + data.count(b"\n")
        return afresh, records

    def _records(self, data: bytes, lines: int) -> Iterator[OptOutRecord]:
        for number, line in enumerate(data.decode(errors="backslashreplace").split("\n"), lines + 1):
            try:
                record = record_of(line)
            except ConfigurationError as error:
                raise ConfigurationError(f"{self._path}, line {number}: a recipient {error}.") from None
            if record is not None:
                yield record

    def _look(self) -> tuple[int, int, int] | None:
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
                _sync_folder(self._path.parent)
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


def _sync_folder(folder: Path) -> None:
    """Make the name of a new file as durable as its content."""
    if os.name == "nt":  # Windows opens no folders, and writes their entries at once
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
