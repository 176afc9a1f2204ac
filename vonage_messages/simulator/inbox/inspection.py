"""
Looking closely at one message: JSON in colours, and the signature of a callback taken apart. Pure.

A signature is read for people, not to let anything in: whatever can be decoded is shown, also where it is wrong.
Reference: Webhooks, section 8 (signed webhooks).
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

import attrs

from vonage_messages.simulator.inbox.loose import as_text, pretty

_TOKEN: Final = re.compile(
    r"(?P<key>\"(?:[^\"\\]|\\.)*\")(?=\s*:)|(?P<string>\"(?:[^\"\\]|\\.)*\")|(?P<number>-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)"
    r"|(?P<word>true|false|null)|(?P<other>[^\"\d\-tfn]+|.)",
    re.DOTALL,
)
_LONGEST_COLOURED: Final = 200_000
_PARTS: Final = 3


@attrs.frozen(kw_only=True)
class Token:
    """A piece of JSON text. *sort* is ``key``, ``string``, ``number``, ``word`` or ``other``."""

    sort: str
    text: str


@attrs.frozen(kw_only=True)
class Signature:
    """The token of a signed callback, taken apart."""

    header: str
    claims: str
    """Both as JSON for people; empty where they cannot be read."""
    from_us: bool
    """It was made with the signature secret of this simulator."""
    hash_matches: bool
    """Its ``payload_hash`` is that of the body that was sent."""


def coloured(text: str) -> tuple[Token, ...]:
    """Cut JSON text into tokens; joined they are *text* again, whether it is JSON or not."""
    if len(text) > _LONGEST_COLOURED:
        return (Token(sort="other", text=text),)
    return tuple(_merged(Token(sort=match.lastgroup or "other", text=match.group()) for match in _TOKEN.finditer(text)))


def as_json(text: str) -> str:
    """Write a JSON text for people; anything else stays as it is."""
    try:
        return pretty(json.loads(text))
    except ValueError:
        return text


def sent_body(payload: Mapping[str, Any]) -> bytes:
    """Give the bytes of a callback, as they were sent."""
    return json.dumps(payload, separators=(",", ":")).encode()


def read_signature(headers: Mapping[str, str], body: bytes, secret: str) -> Signature | None:
    """Take the token of a callback apart; ``None`` where it was sent without one."""
    authorization = next((value for name, value in headers.items() if name.lower() == "authorization"), "")
    scheme, _, token = authorization.partition(" ")
    parts = token.strip().split(".")
    if scheme.lower() != "bearer" or len(parts) != _PARTS:
        return None
    header, claims = _decoded(parts[0]), _decoded(parts[1])
    mac = hmac.new(secret.encode(), f"{parts[0]}.{parts[1]}".encode(), hashlib.sha256).digest()
    expected = base64.urlsafe_b64encode(mac).rstrip(b"=").decode()
    payload_hash = as_text(claims.get("payload_hash")) if isinstance(claims, dict) else ""
    return Signature(
        header="" if header is None else pretty(header),
        claims="" if claims is None else pretty(claims),
        from_us=hmac.compare_digest(expected.encode(), parts[2].encode("utf-8", "replace")),
        hash_matches=hmac.compare_digest(hashlib.sha256(body).hexdigest().encode(), payload_hash.lower().encode()),
    )


def masked_headers(headers: Iterable[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    """Give headers without credentials: of ``Authorization`` its scheme stays, of cookies nothing."""
    return tuple((name, _masked(name.lower(), value)) for name, value in headers)


def _masked(name: str, value: str) -> str:
    if name in {"authorization", "proxy-authorization"}:
        scheme, _, credentials = value.strip().partition(" ")
        return f"{scheme} ***" if credentials else "***"
    return "***" if name in {"cookie", "set-cookie"} else value


def _decoded(segment: str) -> Any:
    try:
        return json.loads(base64.urlsafe_b64decode(segment + "=" * (-len(segment) % 4)))
    except ValueError:
        return None


def _merged(tokens: Iterable[Token]) -> Iterable[Token]:
    """Join neighbours of one sort: fewer elements on the page."""
    last: Token | None = None
    for token in tokens:
        if last is not None and last.sort == token.sort == "other":
            last = Token(sort="other", text=last.text + token.text)
            continue
        if last is not None:
            yield last
        last = token
    if last is not None:
        yield last
