"""
Signatures of callbacks: checking the ones that arrive, and making them for tests and for the simulator.

The token is an HS256 JSON Web Token, checked here by hand: the algorithm is ours and never the token's, every claim
is looked at, and what is not exactly in order is refused. Nothing here parses the body of a callback: it is hashed
as the bytes that arrived.

Reference: Concepts: Signed webhooks.
"""

from __future__ import annotations

import binascii
import hashlib
import hmac
import json
import math
import re
import secrets as random_secrets
import time
import uuid
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any, Final, NoReturn, Protocol, TypeAlias

import attrs

from vonage_messages.errors import ConfigurationError, ReplayedWebhookError, SignatureError, UnsignedWebhookError
from vonage_messages.values import (
    HiddenBytes,
    HoldsSecret,
    JSONObject,
    Seconds,
    hidden,
    masked,
    shown_half_built,
)

Secret: TypeAlias = str | bytes
"""A signature secret; a ``str`` is used as its UTF-8 bytes."""

Secrets: TypeAlias = Secret | Sequence[Secret]
"""One signature secret, or several while an old one is being replaced."""

SHORTEST_SECRET: Final = 4
"""In bytes: the platform's guides ask for 32 bits or more. A good secret has 32 bytes."""

LONGEST_TOKEN: Final = 8192
"""In characters; a token of the platform has about 400. Anything longer is refused before it is looked at."""

RETRY_PERIOD: Final[Seconds] = 24 * 60 * 60
"""How long the platform repeats a callback (support article 360028543292)."""

_LONGEST_TOKEN_ID = 256
_LATEST_INSTANT = 253_402_300_799  # the last second of the year 9999, where datetime ends
_HASH = re.compile(r"[0-9a-f]{64}")
_TOKEN = re.compile(rb"([A-Za-z0-9_-]*)\.([A-Za-z0-9_-]*)\.([A-Za-z0-9_-]*)")
_TO_STANDARD = bytes.maketrans(b"-_", b"+/")
_TO_URLSAFE = bytes.maketrans(b"+/", b"-_")
_ISSUER = "Vonage"
_HEADER = b'{"alg":"HS256","typ":"JWT"}'


class Headers(Protocol):
    """The headers of a request: a ``dict``, a multidict, or anything else that lists its pairs."""

    def items(self) -> Iterable[tuple[str, str]]:
        """List the names and values; a name that came twice is listed twice."""


@attrs.frozen(kw_only=True)
class WebhookClaims:
    """
    What the signature of a callback says, after it was found genuine.

    Reference: Concepts: Signed webhooks, claims.
    """

    issued_at: datetime
    """``iat``, as an aware datetime in UTC."""

    token_id: str
    """``jti``: unique to the token."""

    api_key: str = attrs.field(repr=lambda value: repr(masked(value)))
    """The account that the callback belongs to."""

    application_id: str | None = None
    payload_hash: str
    """The SHA-256 of the body, in lower-case hexadecimal digits."""

    raw: JSONObject = attrs.field(repr=False, hash=False)
    """Every claim as it came."""

    repeated: bool = False
    """This very token came before, and its handling was committed: answer 200 and do nothing."""

    def __reduce__(self) -> tuple[object, ...]:
        # Claims are no secret, and may wait in a queue. Read-only views of a dictionary are not pickled.
        members = {field.name: getattr(self, field.name) for field in attrs.fields(WebhookClaims)}
        return _rebuilt_claims, ({**members, "raw": dict(self.raw)},)


def _rebuilt_claims(members: dict[str, Any]) -> WebhookClaims:
    return WebhookClaims(**{**members, "raw": MappingProxyType(members["raw"])})


class SignatureVerifier(HoldsSecret):
    """
    Tells whether a callback is genuine: signed by the platform with your secret, unchanged, and fresh.

    *secrets* are the account's signature secrets (dashboard, settings): one, several while one is being replaced, or
    one mapping from ``api_key`` to the secret or secrets of that account.

    *max_age* bounds the age of a token in seconds. By default it is the 24 hours during which the platform repeats a
    callback, because nothing says that a repetition is signed anew. *leeway* is what two clocks may differ by: it is
    added to *max_age*, a token from further ahead than that is refused, and so is one whose ``exp`` or ``nbf`` (both
    undocumented, both honoured) excludes now by more than that. ``max_age=None`` turns the age window off, both ways.

    The ids (``jti``) of the last *remember_tokens* tokens are remembered: an id that comes again with another body
    is refused. One that comes again with the same body is told by ``claims.repeated``, once ``commit`` was called
    for it. ``remember_tokens=0`` turns that off. *clock* gives unix seconds.

    The secrets are not shown and not pickled. A copy is the same object: what one remembers, the other does.

    ::

        verifier = SignatureVerifier("the secret of today", "the secret of yesterday")
        claims = verifier.verify(request.headers, await request.read())

    Raises:
        ConfigurationError: no secret, one that is empty, too short or a PEM key, or an option out of range.

    Reference: Concepts: Signed webhooks.
    """

    __slots__ = ("_clock", "_leeway", "_max_age", "_secrets", "_secrets_of_account", "_tokens")

    def __init__(
        self,
        *secrets: Secret | Mapping[str, Secrets],
        max_age: Seconds | None = RETRY_PERIOD,
        leeway: Seconds = 300,
        remember_tokens: int = 20_000,
        clock: Callable[[], float] = time.time,
    ) -> None:
        # A refusal below leaves through this frame, and error reports show the local variables of frames.
        secrets = tuple(_hidden_secrets(given) for given in secrets)
        self._secrets, self._secrets_of_account = _read_secrets(secrets)
        self._max_age = None if max_age is None else _checked_span(max_age, "max_age")
        self._leeway = _checked_span(leeway, "leeway")
        self._tokens = _TokenMemory(_checked_count(remember_tokens))
        self._clock = clock

    @shown_half_built
    def __repr__(self) -> str:
        return f"SignatureVerifier(max_age={self._max_age!r}, leeway={self._leeway!r})"

    def verify(self, headers: Headers, body: bytes) -> WebhookClaims:
        """
        Check the signature of a callback and give its claims.

        *headers* are those of the request, their names in any case. *body* is the raw body as it arrived: bytes,
        before any decoding or parsing.

        Raises:
            UnsignedWebhookError: there is no token at all; answer 503, and a signed callback follows.
            ReplayedWebhookError: the token's id was used before, with another body.
            SignatureError: something about the token, or the hash of the body, is not in order.
            TypeError: *body* is not bytes.
        """
        if not isinstance(body, (bytes, bytearray, memoryview)):
            raise TypeError(f"body must be the raw bytes that arrived, not {type(body).__name__}")
        token = _token_of(headers)
        header, payload, signature = _split(token)
        _check_header(header)
        self._check_mac(token, payload, signature)
        claims = _decoded_object(payload, "claims")
        issued_at = self._checked_times(claims)
        payload_hash = _checked_hash(claims, body)
        api_key = _required_text(claims, "api_key")
        token_id = _required_text(claims, "jti")
        return WebhookClaims(
            issued_at=issued_at,
            token_id=token_id,
            api_key=api_key,
            application_id=_optional_text(claims, "application_id"),
            payload_hash=payload_hash,
            raw=MappingProxyType(claims),
            repeated=self._tokens.note((api_key, token_id), payload_hash),
        )

    def commit(self, claims: WebhookClaims) -> None:
        """Remember that the callback with these *claims* was handled: the same one is ``repeated`` from now on."""
        self._tokens.commit((claims.api_key, claims.token_id), claims.payload_hash)

    def abort(self, claims: WebhookClaims) -> None:
        """Forget the callback with these *claims*, because its handling failed: it may come again."""
        self._tokens.abort((claims.api_key, claims.token_id), claims.payload_hash)

    def _check_mac(self, token: bytes, payload: bytes, signature: bytes) -> None:
        signed = token[: -len(signature) - 1] if signature else token[:-1]
        # The strings are compared, not the decoded bytes: base64 spells the same bytes in several ways, and only one
        # of them is what the platform writes.
        for secret in self._candidates(payload):
            if hmac.compare_digest(_encoded(hmac.digest(secret, signed, "sha256")), signature):
                return
        raise SignatureError("signature: it was not made with a signature secret that is configured here")

    def _candidates(self, payload: bytes) -> tuple[bytes, ...]:
        """
        Pick the secrets to try.

        With a secret per account the unchecked ``api_key`` picks them, and does nothing else: the claims are decoded
        again and believed after one of these secrets has signed them, that same ``api_key`` included.
        """
        if self._secrets_of_account is None:
            return self._secrets
        api_key = _required_text(_decoded_object(payload, "claims"), "api_key")
        # Nobody who asks learns which accounts there are, by words or by time: for any other a secret is tried too,
        # which nobody knows.
        return self._secrets_of_account.get(api_key, _NOBODYS)

    def _checked_times(self, claims: dict[str, Any]) -> datetime:
        now = self._clock()
        issued_at = _instant(claims, "iat")
        if "exp" in claims and now > _instant(claims, "exp") + self._leeway:
            raise SignatureError("exp: the token has expired")
        if "nbf" in claims and now < _instant(claims, "nbf") - self._leeway:
            raise SignatureError("nbf: the token is not valid yet")
        if self._max_age is not None:
            if issued_at > now + self._leeway:
                raise SignatureError("iat: the token was issued in the future; is the clock of this machine right?")
            if issued_at < now - self._max_age - self._leeway:
                raise SignatureError("iat: the token is too old")
        if claims.get("iss", _ISSUER) != _ISSUER:
            raise SignatureError("iss: the token was issued by somebody else")
        return datetime.fromtimestamp(issued_at, UTC)


def sign_webhook(  # noqa: PLR0913  each claim is an argument of its own
    body: bytes,
    secret: Secret,
    *,
    api_key: str,
    application_id: str | None = None,
    issued_at: datetime | float,
    token_id: str | None = None,
) -> dict[str, str]:
    """
    Make the headers of a callback as the platform sends it, for tests and for the simulator.

    *issued_at* is an aware datetime or unix seconds; *token_id* is a fresh uuid unless given. The result holds
    ``Authorization`` and ``Content-Type``.

    Raises:
        ConfigurationError: *secret* cannot be one.

    Reference: Concepts: Signed webhooks, claims.
    """
    seconds = issued_at.timestamp() if isinstance(issued_at, datetime) else issued_at
    claims = {
        "iat": int(seconds),
        "jti": token_id or str(uuid.uuid4()),
        "iss": _ISSUER,
        "payload_hash": hashlib.sha256(body).hexdigest(),
        "api_key": api_key,
    }
    if application_id is not None:
        claims["application_id"] = application_id
    signed = _encoded(_HEADER) + b"." + _encoded(json.dumps(claims, separators=(",", ":")).encode())
    signature = _encoded(hmac.digest(_secret_bytes(secret), signed, "sha256"))
    return {
        "Authorization": f"Bearer {(signed + b'.' + signature).decode('ascii')}",
        "Content-Type": "application/json",
    }


class _TokenMemory:
    """
    The ids of the last tokens, each with the hash of its body and whether its handling was committed.

    Only tokens with a genuine signature come here. The oldest falls out when there is no room.
    """

    __slots__ = ("_capacity", "_entries")

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._entries: OrderedDict[tuple[str, str], tuple[str, bool]] = OrderedDict()

    def note(self, key: tuple[str, str], payload_hash: str) -> bool:
        """Remember a token; tell whether it was committed before."""
        if not self._capacity:
            return False
        known_hash, committed = self._entries.setdefault(key, (payload_hash, False))
        if known_hash != payload_hash:
            raise ReplayedWebhookError("jti: the id of this token was used before, with another body")
        if len(self._entries) > self._capacity:
            self._entries.popitem(last=False)
        return committed

    def commit(self, key: tuple[str, str], payload_hash: str) -> None:
        if not self._capacity:
            return
        self._entries[key] = (payload_hash, True)
        if len(self._entries) > self._capacity:
            self._entries.popitem(last=False)

    def abort(self, key: tuple[str, str], payload_hash: str) -> None:
        # What another request has committed in the meantime stays.
        if self._entries.get(key) == (payload_hash, False):
            del self._entries[key]


def _token_of(headers: Headers) -> bytes:
    """Take the one token out of the headers."""
    values = [value for name, value in headers.items() if name.lower() == "authorization"]
    if len(values) > 1:
        raise SignatureError("Authorization: there are several such headers")
    if not values or not values[0]:
        raise UnsignedWebhookError("the callback is not signed: it has no Authorization header")
    value = values[0]
    if len(value) > LONGEST_TOKEN:
        raise SignatureError("Authorization: the header is too long")
    if not value.isascii():
        raise SignatureError("Authorization: the header has characters outside ASCII")
    scheme, _, token = value.strip(" \t").partition(" ")
    if scheme.lower() not in ("bearer", ""):
        raise SignatureError("Authorization: the scheme is not Bearer")
    token = token.lstrip(" ")
    if not token:
        raise UnsignedWebhookError("the callback is not signed: its Authorization header holds no token")
    return token.encode("ascii")


def _split(token: bytes) -> tuple[bytes, bytes, bytes]:
    parts = _TOKEN.fullmatch(token)
    if parts is None:
        raise SignatureError("token: it is not three parts of unpadded base64url with dots between")
    return parts[1], parts[2], parts[3]


def _check_header(segment: bytes) -> None:
    """Refuse every header but HS256: whatever else it names, it is not asked."""
    if segment == _ENCODED_HEADER:
        return
    header = _decoded_object(segment, "header")
    if header.get("alg") != "HS256":
        raise SignatureError("alg: the token is not signed with HS256")
    if header.get("typ", "JWT") != "JWT":
        raise SignatureError("typ: the token is no JWT")
    if "crit" in header:
        # RFC 7515, section 4.1.11: what lists extensions must be refused by whoever does not know them.
        raise SignatureError("crit: the token asks for an extension that is not known here")


def _checked_hash(claims: dict[str, Any], body: bytes) -> str:
    claimed = claims.get("payload_hash")
    if not isinstance(claimed, str) or not _HASH.fullmatch(claimed):
        raise SignatureError("payload_hash: it is missing, or not 64 lower-case hexadecimal digits")
    if not hmac.compare_digest(hashlib.sha256(body).hexdigest().encode("ascii"), claimed.encode("ascii")):
        raise SignatureError("payload_hash: the body is not the one that was signed")
    return claimed


def _instant(claims: dict[str, Any], name: str) -> float:
    """Give a claim in unix seconds; ``True`` is a number in Python and not in JSON."""
    value = claims.get(name)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value <= _LATEST_INSTANT:
        raise SignatureError(f"{name}: it is missing, or no number of seconds")
    return value


def _required_text(claims: dict[str, Any], name: str) -> str:
    value = claims.get(name)
    # It becomes a part of a key: a database takes no NUL, and none takes half of a surrogate pair.
    if not isinstance(value, str) or not 0 < len(value) <= _LONGEST_TOKEN_ID or not value.isprintable():
        raise SignatureError(f"{name}: it is missing, or no short text")
    return value


def _optional_text(claims: dict[str, Any], name: str) -> str | None:
    return None if claims.get(name) is None else _required_text(claims, name)


def _decoded_object(segment: bytes, part: str) -> dict[str, Any]:
    """
    Decode a part of a token, which nobody may have signed yet: everything that is wrong with it is one error.

    The causes are cut off: they quote what they stumble over.
    """
    try:
        raw = binascii.a2b_base64(segment.translate(_TO_STANDARD) + b"=" * (-len(segment) % 4))
        value = _JSON.decode(raw.decode("utf-8"))
    except (ValueError, RecursionError):
        value = None
    else:
        if _encoded(raw) != segment:
            value = None
    if not isinstance(value, dict):
        raise SignatureError(f"{part}: this part of the token is no JSON object in canonical base64url") from None
    return value


def _encoded(raw: bytes) -> bytes:
    """Write base64url without padding."""
    return binascii.b2a_base64(raw, newline=False).rstrip(b"=").translate(_TO_URLSAFE)


_ENCODED_HEADER = _encoded(_HEADER)
_NOBODYS: Final = (HiddenBytes(random_secrets.token_bytes(32)),)


def _unique_members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Refuse a name that stands twice: two readers could believe two different values."""
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("duplicate member")
    return members


def _refuse_constant(_name: str) -> NoReturn:
    raise ValueError("no JSON number")


_JSON = json.JSONDecoder(object_pairs_hook=_unique_members, parse_constant=_refuse_constant)


def _read_secrets(
    secrets: tuple[Secret | Mapping[str, Secrets], ...],
) -> tuple[tuple[bytes, ...], Mapping[str, tuple[bytes, ...]] | None]:
    """Sort out the two ways of giving secrets: some for everything, or some per account."""
    if not secrets:
        raise ConfigurationError("SignatureVerifier needs a signature secret: copy it from the Vonage dashboard.")
    if not any(isinstance(secret, Mapping) for secret in secrets):
        return tuple(_secret_bytes(secret) for secret in secrets), None
    (accounts, *others) = secrets
    if others or not isinstance(accounts, Mapping):
        raise ConfigurationError("SignatureVerifier takes secrets, or one mapping from api_key to secret; not both.")
    if not accounts:
        raise ConfigurationError("the mapping from api_key to secret is empty: every callback would be refused.")
    return (), {_checked_account(api_key): _secrets_bytes(given) for api_key, given in accounts.items()}


def _hidden_secrets(given: Any) -> Any:
    """Give the same secrets, none of which is shown."""
    if isinstance(given, Mapping):
        return {api_key: _hidden_secrets(secrets) for api_key, secrets in given.items()}
    if isinstance(given, (str, bytes)) or not isinstance(given, Iterable):
        return hidden(given)
    return tuple(hidden(secret) for secret in given)


def _secrets_bytes(given: Secrets) -> tuple[bytes, ...]:
    if not isinstance(given, Iterable):
        raise ConfigurationError(f"a signature secret must be a str or bytes, not {type(given).__name__}.")
    secrets = (given,) if isinstance(given, (str, bytes)) else tuple(given)
    if not secrets:
        raise ConfigurationError("an account has no signature secret: its callbacks would all be refused.")
    return tuple(_secret_bytes(secret) for secret in secrets)


def _checked_account(api_key: object) -> str:
    if not isinstance(api_key, str) or not api_key:
        raise ConfigurationError("the mapping from api_key to secret has a key that is no api_key.")
    return api_key


def _secret_bytes(secret: object) -> bytes:
    """Check a secret; no sentence quotes it."""
    if not isinstance(secret, (str, bytes)):
        raise ConfigurationError(f"a signature secret must be a str or bytes, not {type(secret).__name__}.")
    try:
        raw = HiddenBytes(secret.encode() if isinstance(secret, str) else secret)
    except UnicodeEncodeError:
        raise ConfigurationError("a signature secret holds characters that UTF-8 cannot write.") from None
    if len(raw.strip()) < SHORTEST_SECRET:
        raise ConfigurationError(
            f"a signature secret is empty or shorter than {SHORTEST_SECRET} bytes: anybody could guess it."
        )
    if raw.strip() != raw:
        raise ConfigurationError("a signature secret has a space or a line break at one of its ends.")
    if raw.startswith((b"-----BEGIN", b"ssh-")):
        # A public key is public: whoever has it could sign with it.
        raise ConfigurationError("a signature secret is no key file: copy it from the settings in the dashboard.")
    return raw


def _checked_span(seconds: object, name: str) -> Seconds:
    if isinstance(seconds, bool) or not isinstance(seconds, (int, float)) or not 0 <= seconds < math.inf:
        raise ConfigurationError(f"{name} must be 0 or more (seconds), not {seconds!r}.")
    return seconds


def _checked_count(count: object) -> int:
    if isinstance(count, bool) or not isinstance(count, int) or count < 0:
        raise ConfigurationError(f"remember_tokens must be 0 or more, not {count!r}.")
    return count
