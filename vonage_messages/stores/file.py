"""A limit store in a small file: for one process on one machine that needs no database."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vonage_messages.errors import StoreUnavailableError

if TYPE_CHECKING:
    from collections.abc import Mapping

_NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | getattr(os, "O_NOFOLLOW", 0)  # which Windows lacks


class FileLimitStore:
    """
    Keeps limits in a JSON file at *path*: who was written to can be read from it, so only its owner may (0600).

    The file is replaced as a whole, and written to the disk before that: a crash leaves the old one or the new one. It
    belongs to one process at a time.
    """

    def __init__(self, path: str | Path) -> None:
        self._path = Path(path)
        self._writing = threading.Lock()  # a caller that was cancelled leaves its thread at work

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self._path)!r})"

    async def load(self) -> Mapping[str, Any] | None:
        """
        Read the file; ``None`` where there is none.

        Raises:
            StoreUnavailableError: it cannot be read, or holds no JSON object.
        """
        return await asyncio.to_thread(self._read)

    async def save(self, snapshot: Mapping[str, Any], /) -> None:
        """
        Replace the file.

        Raises:
            StoreUnavailableError: it cannot be written.
        """
        await asyncio.to_thread(self._write_alone, json.dumps(snapshot).encode())

    def _read(self) -> Mapping[str, Any] | None:
        try:
            document = json.loads(self._path.read_bytes())
        except FileNotFoundError:
            return None
        except OSError as error:
            raise StoreUnavailableError(f"the limits in {self._path} cannot be read: {error.strerror}.") from error
        except ValueError as error:
            raise StoreUnavailableError(
                f"{self._path} holds no limits: it is no JSON. Remove it only if nothing was sent lately."
            ) from error
        if not isinstance(document, dict):
            raise StoreUnavailableError(f"{self._path} holds no limits: it is no JSON object.")
        return document

    def _write_alone(self, text: bytes) -> None:
        with self._writing:
            self._write(text)

    def _write(self, text: bytes) -> None:
        beside = self._path.with_name(f"{self._path.name}.{os.getpid()}.new")
        try:
            descriptor = os.open(beside, _NEW_FILE, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            beside.replace(self._path)
            _sync_folder(self._path.parent)
        except OSError as error:
            with contextlib.suppress(OSError):
                beside.unlink()
            raise StoreUnavailableError(f"the limits cannot be kept in {self._path}: {error.strerror}.") from error


def _sync_folder(folder: Path) -> None:
    """Bring the new name of a file to the disk, where the system can do that."""
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except OSError:  # Windows opens no folders
        return
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
