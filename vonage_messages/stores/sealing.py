"""
What a cipher hides in a ledger: payloads, recipients, and the names of limits.

Keys, refs and the user's own refs stay readable, because rows are found by them.
"""

from __future__ import annotations

import hashlib
import secrets
from typing import TYPE_CHECKING, Final, Protocol

from vonage_messages.errors import OutboxError
from vonage_messages.values import normalize_number

if TYPE_CHECKING:
    from vonage_messages.ledger import NewRow

_KEY_SIZE: Final = 32
_DIGEST_SIZE = 16
_LENGTH_SIZE = 4


class Cipher(Protocol):
    """What encrypts at rest: ``Fernet`` and ``MultiFernet`` of the package ``cryptography`` do."""

    def encrypt(self, data: bytes, /) -> bytes:
        """Give *data* in a form that only the key's holder can read, or change unnoticed."""

    def decrypt(self, token: bytes, /) -> bytes:
        """Give back what was encrypted; raise anything where that cannot be done."""


class Sealing:
    """
    Hides what is written, where there is a cipher.

    *key* makes the hashes that stand in for what must be found again without being readable.
    """

    def __init__(self, cipher: Cipher | None = None, key: bytes = b"") -> None:
        self._cipher = cipher
        self._key = key

    def seal(self, plain: bytes) -> bytes:
        """Encrypt *plain*."""
        return plain if self._cipher is None else self._cipher.encrypt(plain)

    def unseal(self, sealed: bytes) -> bytes:
        """
        Decrypt *sealed*.

        Raises:
            OutboxError: the cipher cannot read it.
        """
        return sealed if self._cipher is None else decrypted(self._cipher, sealed)

    def digest(self, row: NewRow) -> bytes:
        """Give 16 bytes that are the same for the same message, and tell nothing about it without the key."""
        own = "" if row.client_ref is None else f"={row.client_ref}"
        head = f"{row.version}\0{own}\0".encode("utf-8", "surrogatepass")
        return hashlib.blake2b(head + row.payload, digest_size=_DIGEST_SIZE, key=self._key).digest()

    def recipient(self, recipient: str | None) -> str | None:
        """Give what a row is found by when *recipient* wants to be forgotten."""
        if recipient is None:
            return None
        return self._hidden(normalize_number(recipient))

    def name(self, name: str) -> str:
        """Give what the state of a limit is found by: its name holds senders and recipients."""
        return self._hidden(name)

    def seal_named(self, name: str, value: bytes) -> bytes:
        """Encrypt *value* together with its name, which cannot be told from its hash."""
        if self._cipher is None:
            return value
        spelled = name.encode()
        return self.seal(len(spelled).to_bytes(_LENGTH_SIZE, "big") + spelled + value)

    def unseal_named(self, name: str, sealed: bytes) -> tuple[str, bytes]:
        """Give the name and the value that were encrypted together."""
        if self._cipher is None:
            return name, sealed
        plain = self.unseal(sealed)
        end = _LENGTH_SIZE + int.from_bytes(plain[:_LENGTH_SIZE], "big")
        return plain[_LENGTH_SIZE:end].decode(), plain[end:]

    def _hidden(self, text: str) -> str:
        if self._cipher is None:
            return text
        spelled = text.encode("utf-8", "surrogatepass")
        return hashlib.blake2b(spelled, digest_size=_DIGEST_SIZE, key=self._key).hexdigest()


def sealing_of(cipher: Cipher | None, stored: bytes | None, *, new: bool, what: str) -> tuple[Sealing, bytes | None]:
    """
    Check that *cipher* is the one with which *what* was made; a ledger keeps for good whether it has one.

    *stored* is the encrypted key that stands in it. The second value is what is to be stored, in a *new* one.

    Raises:
        OutboxError: it is another cipher, or there should be one, or none.
    """
    if new and stored is None and cipher is not None:
        key = secrets.token_bytes(_KEY_SIZE)
        return Sealing(cipher, key), cipher.encrypt(key)
    if stored is None and cipher is None:
        return Sealing(), None
    if cipher is None:
        raise OutboxError(f"{what} is encrypted: it needs the cipher it was made with.")
    if stored is None:
        raise OutboxError(f"{what} is not encrypted: a cipher can only be given when it is made.")
    try:
        key = decrypted(cipher, stored)
    except OutboxError as error:
        raise OutboxError(f"{what} is encrypted with another key than that of the cipher.") from error
    if len(key) != _KEY_SIZE:
        raise OutboxError(
            f"The cipher does not give back what it was given when {what[:1].lower()}{what[1:]} was made."
        )
    return Sealing(cipher, key), None


def decrypted(cipher: Cipher, sealed: bytes) -> bytes:
    """
    Decrypt *sealed*.

    Raises:
        OutboxError: *cipher* cannot read it.
    """
    try:
        return cipher.decrypt(sealed)
    except Exception as error:
        raise OutboxError("The cipher cannot read what is encrypted here: it has another key.") from error
