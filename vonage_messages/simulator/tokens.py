"""
Who is asking: the checks of Basic and Bearer credentials. Pure but for the signature check, which PyJWT does.

The algorithm is RS256 because the reference says so; what the token says about itself is never asked. Times are read
from the clock that is handed in. No sentence of an answer holds any part of a credential.

Reference: Messages API v1, Authentication; the lifetimes from the authentication guide quoted there.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import math
from typing import TYPE_CHECKING, Any

import attrs
import jwt

from vonage_messages.simulator.problems import (
    ProblemDocument,
    expired_token,
    missing_credentials,
    multiple_auth_methods,
    unprovisioned,
    wrong_credentials,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
    from jwt.types import Options

_DEFAULT_LIFETIME = 15 * 60
_LONGEST_LIFETIME = 24 * 60 * 60
_LATEST_INSTANT = 1e12
"""Unix seconds some thirty thousand years ahead: beyond it a number is no instant."""

_NO_SCHEME = "The Authorization header must begin with Basic or Bearer."
_REFUSED_SCHEMES = {
    "basic": "An update takes a JWT, not Basic credentials.",
    "bearer": "This API takes Basic credentials, the key and secret of the account, not a JWT.",
}

# The claims are checked here, against the simulator's own clock; PyJWT checks form, algorithm and signature.
_SIGNATURE_ONLY: Options = {
    "verify_exp": False,
    "verify_nbf": False,
    "verify_iat": False,
    "verify_aud": False,
    "verify_iss": False,
    "verify_sub": False,
    "verify_jti": False,
}


@attrs.frozen(kw_only=True)
class Account:
    """The one account that the simulator knows, with its own application and those that were made there."""

    api_key: str
    api_secret: str = attrs.field(repr=False)
    application_id: str
    public_key: RSAPublicKey = attrs.field(repr=False)
    others: Mapping[str, RSAPublicKey] = attrs.field(factory=dict, repr=False)
    """The keys of further applications, by their ids. It is asked anew for every token."""


def check_authorization(
    headers: Sequence[str], account: Account, now: float, *, bearer_only: bool, basic_only: bool = False
) -> ProblemDocument | None:
    """
    Judge the ``Authorization`` headers of one request; ``None`` means that they are good.

    *headers* are the values of every header of that name; *now* is unix seconds. *bearer_only* holds for ``PATCH``,
    for which the reference lists no Basic credentials; *basic_only* for the Applications API, which takes no JWT.
    """
    if not headers:
        return missing_credentials()
    if len(headers) > 1 or "," in headers[0]:
        return multiple_auth_methods()
    scheme, _, credentials = headers[0].strip().partition(" ")
    match scheme.lower():
        case "bearer" if not basic_only:
            return _check_token(credentials.strip(), account, now)
        case "basic" if not bearer_only:
            return _check_basic(credentials.strip(), account)
        case other:
            return wrong_credentials(_REFUSED_SCHEMES.get(other, _NO_SCHEME))


def _check_basic(credentials: str, account: Account) -> ProblemDocument | None:
    try:
        decoded = base64.b64decode(credentials.encode("ascii"), validate=True)
    except (binascii.Error, ValueError):
        return wrong_credentials("The Basic credentials are not base64.")
    key, colon, secret = decoded.partition(b":")
    if not colon:
        return wrong_credentials("The Basic credentials are not of the form key:secret.")
    # Both are compared, and in constant time, whatever the first comparison says.
    key_fits = hmac.compare_digest(key, account.api_key.encode())
    secret_fits = hmac.compare_digest(secret, account.api_secret.encode())
    return None if key_fits and secret_fits else wrong_credentials("The API key or its secret is wrong.")


def _check_token(token: str, account: Account, now: float) -> ProblemDocument | None:
    other = account.others.get(_claimed_application(token)) if account.others else None
    claims = _signed_claims(token, account.public_key if other is None else other)
    if claims is None:
        return wrong_credentials("The JWT is malformed, or it is not signed with RS256 and the application's key.")
    reason = _claims_reason(claims)
    if reason is not None:
        return wrong_credentials(reason)
    own = hmac.compare_digest(claims["application_id"].encode(), account.application_id.encode())
    if other is None and not own:
        return unprovisioned()
    return _check_lifetime(claims, now)


def _claimed_application(token: str) -> str:
    """Read the application that a token says it is of, before its signature is checked: to choose the key by."""
    try:
        claimed = jwt.decode(token, options={**_SIGNATURE_ONLY, "verify_signature": False}).get("application_id")
    except (jwt.PyJWTError, ValueError, TypeError, RecursionError):
        return ""
    return claimed if isinstance(claimed, str) else ""


def _signed_claims(token: str, key: RSAPublicKey) -> Mapping[str, Any] | None:
    """Give the claims of a token that carries the right signature; ``None`` for any other."""
    try:
        claims: Mapping[str, Any] = jwt.decode(token, key, algorithms=["RS256"], options=_SIGNATURE_ONLY)
    except (jwt.PyJWTError, ValueError, TypeError, RecursionError):
        # A hostile header can be nested deep enough to exhaust the JSON decoder, or hold what is no text.
        return None
    return claims


def _claims_reason(claims: Mapping[str, Any]) -> str | None:
    """Tell which claim is missing or not of its kind."""
    for name in ("application_id", "jti"):
        value = claims.get(name)
        if not isinstance(value, str) or not value or not value.isprintable():
            return f"The JWT has no {name} claim, or it is not a text."
    if not _is_instant(claims.get("iat")):
        return "The JWT has no iat claim, or it is not a number of unix seconds."
    for name in ("exp", "nbf"):
        if name in claims and not _is_instant(claims[name]):
            return f"The {name} claim of the JWT is not a number of unix seconds."
    return None


def _is_instant(value: Any) -> bool:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return is_number and -_LATEST_INSTANT < value < _LATEST_INSTANT and math.isfinite(value)


def _check_lifetime(claims: Mapping[str, Any], now: float) -> ProblemDocument | None:
    issued = claims["iat"]
    expires = claims.get("exp", issued + _DEFAULT_LIFETIME)
    if now >= expires:
        return expired_token()
    # Counted from both, so that neither a token issued in the future nor one issued long ago lives longer.
    if expires - min(issued, now) > _LONGEST_LIFETIME:
        return wrong_credentials("The exp claim of the JWT lies more than 24 hours ahead.")
    if claims.get("nbf", now) > now:
        return wrong_credentials("The nbf claim of the JWT lies in the future.")
    return None
