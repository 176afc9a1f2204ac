"""RSA keys of simulated applications: that of the simulator is made once for a process, or given."""

from __future__ import annotations

import functools
import threading

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from vonage_messages.errors import ConfigurationError

_lock = threading.Lock()
_made: list[str] = []


def process_private_key() -> str:
    """
    Give the PEM text (PKCS#8) of an RSA 2048 key, the same one for the whole process.

    Making it takes a tenth of a second or more, so it is made on first use, and once even when several threads ask.
    """
    with _lock:
        if not _made:
            _made.append(new_private_key())
        return _made[0]


def new_private_key() -> str:
    """Make an RSA 2048 key, and give its PEM text (PKCS#8)."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode("ascii")


@functools.lru_cache(maxsize=8)
def public_pem_of(private_key: str) -> str:
    """Give the PEM text of the public key that belongs to the PEM text of a private one."""
    return (
        public_key_of(private_key)
        .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        .decode("ascii")
    )


def public_key_from(pem: str) -> rsa.RSAPublicKey:
    """
    Read the PEM text of a public key.

    Raises:
        ConfigurationError: it is none, or not of RSA.
    """
    try:
        key = serialization.load_pem_public_key(pem.encode())
    except (ValueError, UnsupportedAlgorithm):
        raise ConfigurationError("public_key must be the PEM text of an RSA public key") from None
    if not isinstance(key, rsa.RSAPublicKey):
        raise ConfigurationError("public_key must be an RSA key: the Messages API signs with RS256")
    return key


@functools.lru_cache(maxsize=8)  # the keys of a few simulators at a time, which a suite starts a thousand times
def public_key_of(private_key: str) -> rsa.RSAPublicKey:
    """
    Derive the public key from the PEM text of a private one.

    To check a private key takes 40 ms, which every start of a simulator would cost: the last few are remembered.

    Raises:
        ConfigurationError: *private_key* is not an unencrypted RSA private key in PEM form.
    """
    try:
        key = serialization.load_pem_private_key(private_key.encode(), password=None)
    except (ValueError, TypeError):
        raise ConfigurationError("private_key must be the PEM text of an RSA private key without a password") from None
    if not isinstance(key, rsa.RSAPrivateKey):
        raise ConfigurationError("private_key must be an RSA key: the Messages API signs with RS256")
    return key.public_key()
