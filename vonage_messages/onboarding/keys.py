"""Key files: made for their owner alone, and never in the place of another without being told to."""

from __future__ import annotations

import os
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Final

from vonage_messages.errors import ConfigurationError

ONLY_OWNER: Final = 0o600
_BITS: Final = 2048


def new_key_pair() -> tuple[bytes, str]:
    """Make an RSA key of 2048 bits: the PEM bytes of the private one (PKCS#8), the PEM text of the public one."""
    from cryptography.hazmat.primitives import serialization  # noqa: PLC0415  costs 60 ms: paid when a key is made
    from cryptography.hazmat.primitives.asymmetric import rsa  # noqa: PLC0415

    key = rsa.generate_private_key(public_exponent=65537, key_size=_BITS)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    public = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    return private, public.decode("ascii")


class KeyFile:
    """
    A key on its way into a file: it is on the disk before anybody is told of it, and in its place once it counts.

    ::

        file = KeyFile.write(Path("private.key"), pem, overwrite=False)
        file.keep()       # or file.discard()
    """

    def __init__(self, path: Path, written: Path) -> None:
        self._path = path
        self._written = written

    @classmethod
    def write(cls, path: Path, pem: bytes, *, overwrite: bool) -> KeyFile:
        """
        Write *pem* beside *path*, with mode 0600.

        Raises:
            ConfigurationError: there is something at *path* and *overwrite* is false, or it cannot be written.
        """
        if not overwrite and os.path.lexists(path):
            raise ConfigurationError(_taken(path))
        if path.is_dir():
            raise ConfigurationError(f"the key cannot be written to {path}: it is a folder.")
        try:
            file = cls(path, _written_beside(path, pem))
        except OSError as error:
            raise ConfigurationError(f"the key cannot be written to {path}: {error.strerror}.") from error
        if not overwrite:
            file.claim()
        return file

    def claim(self) -> None:
        """
        Take the place now, if nobody has it.

        Raises:
            ConfigurationError: somebody has taken it meanwhile, or it cannot be taken.
        """
        try:
            os.link(self._written, self._path)
        except FileExistsError:
            raise ConfigurationError(_taken(self._path)) from None
        except OSError as error:
            raise ConfigurationError(f"the key cannot be written to {self._path}: {error.strerror}.") from error
        finally:
            self.discard()
        self._written = self._path

    def keep(self) -> None:
        """
        Put the key into its place.

        Raises:
            ConfigurationError: the place cannot be had any more; it says where the key is.
        """
        if self._written == self._path:
            return
        try:
            self._written.replace(self._path)
        except OSError as error:
            raise ConfigurationError(
                f"the key counts, and cannot be put into {self._path}: {error.strerror}. It is in {self._written}."
            ) from error
        self._written = self._path

    def discard(self) -> None:
        """Take the key away again; what stood in its place still does."""
        with suppress(OSError):
            self._written.unlink()

    @property
    def written(self) -> Path:
        """Where the key is now."""
        return self._written


def _written_beside(path: Path, pem: bytes) -> Path:
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    written = Path(name)
    try:
        with os.fdopen(handle, "wb") as opened:
            opened.write(pem)
            opened.flush()
            os.fsync(opened.fileno())
        written.chmod(ONLY_OWNER)  # mkstemp has given it this mode where modes count
    except OSError:
        written.unlink()
        raise
    return written


def _taken(path: Path) -> str:
    return (
        f"{path} is there already, and a key that is lost is lost: choose another file (--key-file), or say that it "
        "may go (--overwrite-key)."
    )
