"""
Credentials: what stands in the ``Authorization`` header of a request.

Nothing here sends anything. ``ApplicationAuth`` reads a key file once, when it is given a path; PyJWT and
cryptography are imported when the first key is loaded, not with this module. Which credentials an endpoint accepts
is known by ``vonage_messages.clients``.

Reference: Messages API v1, Authentication.
"""

from __future__ import annotations

import base64
import time
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from vonage_messages.errors import ConfigurationError
from vonage_messages.values import HiddenBytes, HiddenText, HoldsSecret, hidden, masked, shown_half_built

if TYPE_CHECKING:
    from collections.abc import Callable

    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

    from vonage_messages.values import Seconds

SHORTEST_LIFETIME: Seconds = 30
"""``exp`` must lie at least this far ahead (authentication guide)."""

LONGEST_LIFETIME: Seconds = 24 * 60 * 60
"""``exp`` may lie at most this far ahead (authentication guide)."""

_PEM_BEGIN = "-----BEGIN"
_PUBLIC_LABELS = ("-----BEGIN PUBLIC KEY", "-----BEGIN RSA PUBLIC KEY", "-----BEGIN CERTIFICATE", "ssh-rsa ")


class _Token(NamedTuple):
    header: str
    issued_at: float
    renew_at: float


class ApplicationAuth(HoldsSecret):
    r"""
    The credentials of a Vonage Application: a JSON Web Token, signed with the application's private key (RS256).

    *private_key* is PEM text (a ``str`` that begins ``-----BEGIN``, or ``bytes``) or a path (any other ``str``, or a
    ``Path``), which is read now. PKCS#8 (``BEGIN PRIVATE KEY``) and PKCS#1 (``BEGIN RSA PRIVATE KEY``) are
    understood, encrypted with *password* or not; a literal ``\n`` of an environment variable is taken as a line
    break. The key is loaded once. Signing takes about a millisecond, so a token is kept and used again until
    *renewal_margin* before its end (or half its lifetime, where that is shorter).

    *lifetime* is that of a token: 30 seconds to 24 hours, by default the 15 minutes of every official SDK.
    *clock* gives unix seconds, *new_token_id* the ``jti`` of each token.

    The key is not shown, not pickled and not copied: a copy is the same object.

    ::

        auth = ApplicationAuth("aaaaaaaa-bbbb-cccc-dddd-0123456789ab", Path("private.key"))

    Raises:
        ConfigurationError: the id is empty, the key cannot be read or is not an RSA private key, or the password
            or the lifetime does not fit.

    Reference: Messages API v1, Authentication.
    """

    __slots__ = ("_clock", "_key", "_lifetime", "_new_token_id", "_renew_after", "_token", "application_id")

    def __init__(  # noqa: PLR0913  two credentials; what follows them are options, by name
        self,
        application_id: str,
        private_key: str | bytes | Path,
        *,
        password: str | bytes | None = None,
        lifetime: Seconds = 900,
        renewal_margin: Seconds = 60,
        clock: Callable[[], float] = time.time,
        new_token_id: Callable[[], str] = lambda: str(uuid.uuid4()),
    ) -> None:
        # A refusal below leaves through this frame, and error reports show the local variables of frames.
        private_key, password = hidden(private_key), hidden(password)
        self.application_id: str = _checked_credential(application_id, "application_id")
        self._lifetime = _checked_lifetime(lifetime)
        self._renew_after = lifetime - _checked_margin(renewal_margin, lifetime)
        self._clock = clock
        self._new_token_id = new_token_id
        self._key = _load_key(_pem_bytes(private_key), _password_bytes(password))
        self._token: _Token | None = None

    @shown_half_built
    def __repr__(self) -> str:
        return f"ApplicationAuth(application_id={masked(self.application_id)!r})"

    def authorization(self) -> str:
        """Give the value of the ``Authorization`` header: ``Bearer`` and a token that is still good for a while."""
        now = self._clock()
        token = self._token
        # A token from the future (the clock was set back) would be refused: the first condition renews it.
        if token is None or not token.issued_at <= now < token.renew_at:
            token = _Token(HiddenText(f"Bearer {self._sign(now)}"), now, now + self._renew_after)
            self._token = token
        return token.header

    def invalidate(self, token: str) -> None:
        """
        Forget *token*, because the platform says that it has expired: the next call signs a fresh one.

        *token* is what ``authorization()`` gave, with or without ``Bearer``. Any other token changes nothing: of
        many requests that one token failed together, only the first forgets it, and they share its successor.
        """
        held = self._token
        if held is not None and held.header.removeprefix("Bearer ") == token.removeprefix("Bearer "):
            self._token = None

    def public_key(self) -> str:
        """Give the PEM text of the public key that belongs to the private one: what the application must hold."""
        from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat  # noqa: PLC0415  see _sign

        public = self._key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        return public.decode("ascii")

    def _sign(self, now: float) -> str:
        import jwt  # noqa: PLC0415  costs 60 ms: paid at the first token, not by every import

        issued_at = int(now)
        claims = {
            "application_id": self.application_id,
            "iat": issued_at,
            "jti": self._new_token_id(),
            "exp": issued_at + int(self._lifetime),
        }
        return jwt.encode(claims, self._key, algorithm="RS256")


class BasicAuth(HoldsSecret):
    """
    The credentials of an account: API key and secret, as HTTP Basic.

    Works for sending; updating a message (``mark_read``, ``revoke``) needs ``ApplicationAuth``. The secret is not
    shown, not pickled and not copied: a copy is the same object.

    Raises:
        ConfigurationError: one of the two is empty, or cannot be put into a header.

    Reference: Messages API v1, Authentication.
    """

    __slots__ = ("_header", "api_key")

    def __init__(self, api_key: str, api_secret: str) -> None:
        api_secret = hidden(api_secret)  # see ApplicationAuth
        self.api_key: str = _checked_credential(api_key, "api_key")
        if ":" in api_key:
            raise ConfigurationError(
                "api_key must not contain a colon: HTTP Basic ends the key there. Was key:secret given together?"
            )
        self._header = _basic(api_key, _checked_secret(api_secret))

    @shown_half_built
    def __repr__(self) -> str:
        return f"BasicAuth(api_key={masked(self.api_key)!r})"

    def authorization(self) -> str:
        """Give the value of the ``Authorization`` header, worked out once."""
        return self._header


def _basic(api_key: str, secret: str) -> HiddenText:
    encoded = base64.b64encode(f"{api_key}:{secret}".encode()).decode("ascii")
    return HiddenText(f"Basic {encoded}")


def _checked_credential(value: str, name: str) -> str:
    """Refuse an identifier that is no text, empty, or not printable ASCII without spaces."""
    if not isinstance(value, str):
        raise ConfigurationError(f"{name} must be a str, not {type(value).__name__}.")
    if not value.strip():
        raise ConfigurationError(f"{name} is empty: copy it from the Vonage dashboard.")
    if not value.isascii() or not value.isprintable() or " " in value:
        raise ConfigurationError(
            f"{name} must be printable ASCII without spaces or line breaks: it was probably copied with something "
            "around it."
        )
    return value


def _checked_secret(value: str) -> str:
    if not isinstance(value, str):
        raise ConfigurationError(f"api_secret must be a str, not {type(value).__name__}.")
    if not value.strip():
        raise ConfigurationError("api_secret is empty: copy it from the Vonage dashboard.")
    if not value.isprintable() or value != value.strip():
        raise ConfigurationError(
            "api_secret contains a line break, a control character, or a space at one of its ends: it was probably "
            "copied or read from a file with something around it."
        )
    return value


def _checked_lifetime(lifetime: Seconds) -> Seconds:
    if not SHORTEST_LIFETIME <= lifetime <= LONGEST_LIFETIME:
        raise ConfigurationError(
            f"lifetime must be {SHORTEST_LIFETIME} to {LONGEST_LIFETIME} (seconds), not {lifetime!r}: the platform "
            "refuses tokens that live shorter or longer."
        )
    return lifetime


def _checked_margin(margin: Seconds, lifetime: Seconds) -> Seconds:
    if not margin >= 0:
        raise ConfigurationError(f"renewal_margin must be 0 or more (seconds), not {margin!r}.")
    return min(margin, lifetime / 2)


def _password_bytes(password: str | bytes | None) -> bytes | None:
    if password is None or isinstance(password, bytes):
        return password
    if not isinstance(password, str):
        raise ConfigurationError(f"password must be a str or bytes, not {type(password).__name__}.")
    return HiddenBytes(password.encode())


def _pem_bytes(private_key: str | bytes | Path) -> bytes:
    """Get the PEM text out of what was given for a key."""
    if isinstance(private_key, Path):
        return _read_key(private_key, str(private_key))
    if isinstance(private_key, bytes):
        return _mended(private_key)
    if not isinstance(private_key, str):
        raise ConfigurationError(
            f"private_key must be PEM text (str or bytes) or a path (str or Path), not {type(private_key).__name__}."
        )
    if not private_key.strip():
        raise ConfigurationError("private_key is empty: give PEM text, or the path of the application's key file.")
    if private_key.lstrip().startswith(_PEM_BEGIN):
        return _mended(HiddenBytes(private_key.encode()))
    # Text without its BEGIN line may be the key itself: it is named only where it looks like a file's name.
    looks_like_a_name = "." in private_key and private_key.isprintable()
    return _read_key(private_key, private_key if looks_like_a_name else "")


def _read_key(path: str | Path, name: str) -> bytes:
    try:
        return _mended(HiddenBytes(Path(path).read_bytes()))
    except OSError as error:
        reason = error.strerror or type(error).__name__
    except ValueError:
        reason = "a path cannot contain a null character"
    named = f" {name}" if name else ""
    raise ConfigurationError(
        f"the private key file{named} cannot be read: {reason}. private_key is a path unless it begins with "
        f"{_PEM_BEGIN}."
    )


def _mended(pem: bytes) -> bytes:
    r"""Turn the literal ``\n`` that one-line environment variables hold into line breaks."""
    return HiddenBytes(pem.strip().replace(b"\\r", b"").replace(b"\\n", b"\n") if b"\\n" in pem else pem.strip())


def _load_key(pem: bytes, password: bytes | None) -> RSAPrivateKey:
    """Load and check a private key; every refusal is a sentence that says what was given instead."""
    from cryptography.exceptions import UnsupportedAlgorithm  # noqa: PLC0415  see ApplicationAuth._sign
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey  # noqa: PLC0415  as above
    from cryptography.hazmat.primitives.serialization import load_pem_private_key  # noqa: PLC0415  as above

    # The causes are cut off on purpose: what cryptography says may quote the key.
    try:
        key = load_pem_private_key(pem, password)
    except TypeError:
        raise ConfigurationError(_password_sentence(password)) from None
    except (ValueError, UnsupportedAlgorithm):
        raise ConfigurationError(_unreadable_sentence(pem, password)) from None
    if not isinstance(key, RSAPrivateKey):
        raise ConfigurationError(
            "private_key is not an RSA key: the platform verifies RS256 signatures only. Use the private key that "
            "the dashboard gave for the application."
        )
    return key


def _password_sentence(password: bytes | None) -> str:
    if password is None:
        return "private_key is encrypted: give its password as password=."
    return "private_key is not encrypted: leave password= out, or check that this is the right key."


def _unreadable_sentence(pem: bytes, password: bytes | None) -> str:
    text = HiddenText(pem.decode("utf-8", "replace"))
    if text.startswith(_PUBLIC_LABELS):
        return "private_key is a public key or a certificate: signing needs the private key of the application."
    if not text.startswith(_PEM_BEGIN):
        return f"private_key holds no PEM text: it must begin with {_PEM_BEGIN}."
    if password is not None:
        return "private_key cannot be decrypted: the password is wrong, or the key is damaged."
    return "private_key is PEM text, but not a private key that can be read: it may be cut short or damaged."
