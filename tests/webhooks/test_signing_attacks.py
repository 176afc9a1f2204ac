"""
Attacks on the verifier, each with a name: every one of them is refused, and the error gives nothing away.

An attack makes headers and a body out of what an attacker has: genuine callbacks that were overheard, public keys, and
for a few of them the secret itself, because a token that is signed rightly may still say something that it must not.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Callable, Iterable
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from multidict import CIMultiDict

from vonage_messages.errors import ConfigurationError, ReplayedWebhookError, SignatureError, UnsignedWebhookError
from vonage_messages.webhooks.signing import SignatureVerifier, sign_webhook

SECRET = "example-signature-secret-0123456789abcdef"
BODY = b'{"to":"447700900000","message_uuid":"aaaaaaaa-bbbb-4ccc-8ddd-0123456789ab","status":"delivered"}'
NOW = 1_738_584_865
KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
PUBLIC_PEM = KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
MISSING = object()

Callback = tuple[Any, bytes]
Attack = Callable[[], Callback]


def b64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def genuine_claims(**changed: object) -> dict[str, object]:
    claims: dict[str, object] = {
        "iat": NOW,
        "jti": "c5ba8f24-1a14-4c10-bfdf-3fbe8ce511b5",
        "iss": "Vonage",
        "payload_hash": hashlib.sha256(BODY).hexdigest(),
        "api_key": "a1b2c3d",
        **changed,
    }
    return {name: value for name, value in claims.items() if value is not MISSING}


def token_of(header: bytes, claims: bytes, secret: bytes = SECRET.encode(), digest: str = "sha256") -> str:
    unsigned = f"{b64(header)}.{b64(claims)}"
    return f"{unsigned}.{b64(hmac.digest(secret, unsigned.encode(), digest))}"


HEADER = b'{"alg":"HS256","typ":"JWT"}'


def bearer(token: str, body: bytes = BODY) -> Callback:
    return {"Authorization": f"Bearer {token}"}, body


def with_claims(**changed: object) -> Callback:
    """Signed rightly, by somebody who has the secret."""
    return bearer(token_of(HEADER, json.dumps(genuine_claims(**changed)).encode()))


def with_raw_claims(claims: bytes) -> Callback:
    return bearer(token_of(HEADER, claims))


def with_header(header: dict[str, object] | bytes) -> Callback:
    raw = header if isinstance(header, bytes) else json.dumps(header).encode()
    return bearer(token_of(raw, json.dumps(genuine_claims()).encode()))


def genuine_token() -> str:
    return token_of(HEADER, json.dumps(genuine_claims()).encode())


def unsigned_with(algorithm: object, signature: str = "") -> Callback:
    header = b64(json.dumps({"alg": algorithm, "typ": "JWT"}).encode())
    return bearer(f"{header}.{b64(json.dumps(genuine_claims()).encode())}.{signature}")


def rs256() -> Callback:
    import jwt  # noqa: PLC0415  only here

    return bearer(jwt.encode(genuine_claims(), KEY, algorithm="RS256"))


def other_signature(mangle: Callable[[str], str]) -> Callback:
    unsigned, _, signature = genuine_token().rpartition(".")
    return bearer(f"{unsigned}.{mangle(signature)}")


def last_bits_changed(signature: str) -> str:
    """Spell the same 32 bytes otherwise: the last character of 43 has two bits that no byte needs."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    return signature[:-1] + alphabet[alphabet.index(signature[-1]) ^ 1]


def claims_noncanonical() -> Callback:
    claims = b64(json.dumps(genuine_claims()).encode() + b" ")
    padded = claims if len(claims) % 4 else b64(json.dumps(genuine_claims()).encode() + b"  ")
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    changed = padded[:-1] + alphabet[alphabet.index(padded[-1]) ^ 1]
    unsigned = f"{b64(HEADER)}.{changed}"
    return bearer(f"{unsigned}.{b64(hmac.digest(SECRET.encode(), unsigned.encode(), 'sha256'))}")


def swapped_claims() -> Callback:
    header, _, signature = genuine_token().split(".")
    return bearer(f"{header}.{b64(json.dumps(genuine_claims(api_key='victim')).encode())}.{signature}")


def homoglyph(letter: str, other: str) -> Callback:
    return bearer(genuine_token().replace(letter, other, 1))


def with_authorization(value: str) -> Callback:
    return {"Authorization": value}, BODY


def hash_of(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()


def upper_case_hash() -> Callback:
    return with_claims(payload_hash=hash_of(BODY).upper())


def reserialised() -> Callback:
    return bearer(genuine_token(), json.dumps(json.loads(BODY)).encode())


def reordered() -> Callback:
    return bearer(genuine_token(), json.dumps(json.loads(BODY), sort_keys=True, separators=(",", ":")).encode())


def padded_parts() -> Callback:
    return bearer("=.".join(genuine_token().split(".")) + "=")


ATTACKS: dict[str, Attack] = {
    # The algorithm of the token is not asked.
    "algorithm none": lambda: unsigned_with("none"),
    "algorithm None in other case": lambda: unsigned_with("nOnE"),
    "algorithm none with the genuine signature": lambda: unsigned_with("none", genuine_token().rpartition(".")[2]),
    "algorithm null": lambda: unsigned_with(None),
    "algorithm empty": lambda: unsigned_with(""),
    "algorithm RS256 with a key of the attacker": rs256,
    "algorithm RS256 with a genuine HMAC": lambda: with_header({"alg": "RS256", "typ": "JWT"}),
    "algorithm HS512": lambda: bearer(
        token_of(b'{"alg":"HS512","typ":"JWT"}', json.dumps(genuine_claims()).encode(), digest="sha512")
    ),
    "algorithm HS256 and HMAC of SHA-512": lambda: bearer(
        token_of(HEADER, json.dumps(genuine_claims()).encode(), digest="sha512")
    ),
    "algorithm hs256 in lower case": lambda: with_header({"alg": "hs256", "typ": "JWT"}),
    "algorithm HS256 with a space": lambda: with_header({"alg": "HS256 ", "typ": "JWT"}),
    "algorithm is a list": lambda: with_header({"alg": ["HS256"], "typ": "JWT"}),
    "algorithm missing": lambda: with_header({"typ": "JWT"}),
    "algorithm twice": lambda: with_header(b'{"alg":"none","alg":"HS256","typ":"JWT"}'),
    "header with a critical extension": lambda: with_header({"alg": "HS256", "crit": ["b64"], "b64": False}),
    "header of another type": lambda: with_header({"alg": "HS256", "typ": "at+jwt"}),
    "header is an array": lambda: with_header(b'["HS256"]'),
    "header is no JSON": lambda: with_header(b"HS256"),
    "header is UTF-16": lambda: with_header('{"alg":"HS256"}'.encode("utf-16")),
    "header is nested a thousand deep": lambda: with_header(b'{"alg":' + b"[" * 1000 + b"]" * 1000 + b"}"),
    # The key.
    "signed with another secret": lambda: (
        sign_webhook(BODY, "another-secret-altogether", api_key="a1b2c3d", issued_at=NOW),
        BODY,
    ),
    "signed with an empty secret": lambda: bearer(token_of(HEADER, json.dumps(genuine_claims()).encode(), b"")),
    "signed with a public key (key confusion)": lambda: bearer(
        token_of(HEADER, json.dumps(genuine_claims()).encode(), PUBLIC_PEM)
    ),
    "signed with the api key": lambda: bearer(token_of(HEADER, json.dumps(genuine_claims()).encode(), b"a1b2c3d")),
    "signed with the secret in upper case": lambda: bearer(
        token_of(HEADER, json.dumps(genuine_claims()).encode(), SECRET.upper().encode())
    ),
    "signed with the secret less its last character": lambda: bearer(
        token_of(HEADER, json.dumps(genuine_claims()).encode(), SECRET.encode()[:-1])
    ),
    "key in the header": lambda: bearer(
        token_of(
            json.dumps({"alg": "HS256", "jwk": {"kty": "oct", "k": b64(b"attacker")}}).encode(),
            json.dumps(genuine_claims()).encode(),
            b"attacker",
        )
    ),
    # The signature.
    "signature removed": lambda: other_signature(lambda _: ""),
    "signature cut short": lambda: other_signature(lambda signature: signature[:-2]),
    "signature of one byte": lambda: other_signature(lambda signature: signature[:2]),
    "signature lengthened": lambda: other_signature(lambda signature: signature + "AA"),
    "signature padded": lambda: other_signature(lambda signature: signature + "="),
    "signature spelt otherwise (last bits)": lambda: other_signature(last_bits_changed),
    "signature in hexadecimal": lambda: other_signature(
        lambda signature: base64.urlsafe_b64decode(signature + "=").hex()
    ),
    "signature reversed": lambda: other_signature(lambda signature: signature[::-1]),
    "parts padded": padded_parts,
    "claims in another spelling of base64": claims_noncanonical,
    # The body and its hash.
    "body changed": lambda: bearer(genuine_token(), BODY.replace(b"delivered", b"rejected")),
    "body with one more byte": lambda: bearer(genuine_token(), BODY + b"\n"),
    "body with a byte order mark": lambda: bearer(genuine_token(), b"\xef\xbb\xbf" + BODY),
    "body emptied": lambda: bearer(genuine_token(), b""),
    "body serialised again": reserialised,
    "body with its members in another order": reordered,
    "hash missing": lambda: with_claims(payload_hash=MISSING),
    "hash null": lambda: with_claims(payload_hash=None),
    "hash empty": lambda: with_claims(payload_hash=""),
    "hash truncated": lambda: with_claims(payload_hash=hash_of(BODY)[:32]),
    "hash in upper case": upper_case_hash,
    "hash with a line break behind it": lambda: with_claims(payload_hash=hash_of(BODY) + "\n"),
    "hash of another body": lambda: with_claims(payload_hash=hash_of(b"{}")),
    "hash in full-width digits": lambda: with_claims(
        payload_hash=hash_of(BODY).translate({ord("0") + digit: 0xFF10 + digit for digit in range(10)})
    ),
    "hash in base64": lambda: with_claims(payload_hash=b64(hashlib.sha256(BODY).digest())),
    "hash by MD5": lambda: with_claims(payload_hash=hashlib.md5(BODY, usedforsecurity=False).hexdigest()),
    "hash is a list": lambda: with_claims(payload_hash=[hash_of(BODY)]),
    # The times.
    "iat ten years old": lambda: with_claims(iat=NOW - 10 * 365 * 86400),
    "iat a minute older than allowed": lambda: with_claims(iat=NOW - 86400 - 300 - 60),
    "iat in the future": lambda: with_claims(iat=NOW + 301),
    "iat in milliseconds": lambda: with_claims(iat=NOW * 1000),
    "iat missing": lambda: with_claims(iat=MISSING),
    "iat null": lambda: with_claims(iat=None),
    "iat true": lambda: with_claims(iat=True),
    "iat text": lambda: with_claims(iat=str(NOW)),
    "iat zero": lambda: with_claims(iat=0),
    "iat negative": lambda: with_claims(iat=-NOW),
    "iat not a number": lambda: with_raw_claims(json.dumps(genuine_claims(iat=float("nan"))).encode()),
    "iat infinite": lambda: with_raw_claims(json.dumps(genuine_claims(iat=float("inf"))).encode()),
    "iat beyond every float": lambda: with_raw_claims(json.dumps(genuine_claims()).replace(str(NOW), "1e999").encode()),
    "iat of five thousand digits": lambda: with_raw_claims(
        json.dumps(genuine_claims()).replace(str(NOW), "9" * 5000).encode()
    ),
    "iat is an object": lambda: with_claims(iat={"$gt": 0}),
    "iat twice": lambda: with_raw_claims(json.dumps(genuine_claims()).replace("{", '{"iat":1,', 1).encode()),
    "expired": lambda: with_claims(exp=NOW - 301),
    "exp is text": lambda: with_claims(exp="never"),
    "exp null": lambda: with_claims(exp=None),
    "not valid yet": lambda: with_claims(nbf=NOW + 301),
    "nbf true": lambda: with_claims(nbf=True),
    # The other claims.
    "jti missing": lambda: with_claims(jti=MISSING),
    "jti empty": lambda: with_claims(jti=""),
    "jti is a number": lambda: with_claims(jti=1),
    "jti of four thousand characters": lambda: with_claims(jti="x" * 4000),
    "jti with a NUL": lambda: with_claims(jti="a\0b"),
    "jti with half of a surrogate pair": lambda: with_claims(jti="\ud800"),
    "api_key missing": lambda: with_claims(api_key=MISSING),
    "api_key is a list": lambda: with_claims(api_key=["a1b2c3d"]),
    "api_key swapped under the old signature": swapped_claims,
    "application_id is a number": lambda: with_claims(application_id=7),
    "issuer is somebody else": lambda: with_claims(iss="Somebody"),
    "issuer null": lambda: with_claims(iss=None),
    "claims are an array": lambda: with_raw_claims(b"[]"),
    "claims are no JSON": lambda: with_raw_claims(b"{"),
    "claims are not UTF-8": lambda: with_raw_claims(b'{"iat":"\xff"}'),
    "claims are nested two thousand deep": lambda: with_raw_claims(b'{"a":' + b"[" * 2000 + b"]" * 2000 + b"}"),
    "claims with a number that is none": lambda: with_raw_claims(
        json.dumps(genuine_claims(more=float("nan"))).encode()
    ),
    # The envelope.
    "no dots": lambda: bearer("A" * 100),
    "one dot": lambda: bearer(genuine_token().rpartition(".")[0]),
    "four parts": lambda: bearer(genuine_token() + ".AAAA"),
    "five parts, as of an encrypted token": lambda: bearer(genuine_token() + ".AAAA.AAAA"),
    "three empty parts": lambda: bearer(".."),
    "token with a line break at its end": lambda: bearer(genuine_token() + "\n"),
    "token with a null character": lambda: bearer(genuine_token() + "\x00"),
    "token with a space inside": lambda: bearer(genuine_token().replace(".", " .", 1)),
    "token in the standard alphabet": lambda: bearer(genuine_token().replace(".", "+.", 1)),
    "token with a cyrillic letter": lambda: homoglyph("e", "\u0435"),
    "token with a full-width letter": lambda: homoglyph("J", "\uff2a"),
    "token with a lone surrogate": lambda: homoglyph("e", "\ud800"),
    "token with a full-width dot": lambda: homoglyph(".", "\uff0e"),
    "token of ten megabytes": lambda: bearer("A" * 10_000_000),
    "token of ten megabytes of dots": lambda: bearer("." * 10_000_000),
    "header of ten megabytes of spaces": lambda: with_authorization("Bearer " + " " * 10_000_000),
    "token signed rightly, and longer than any": lambda: with_claims(more="x" * 9000),
    "two headers": lambda: (
        CIMultiDict([("Authorization", f"Bearer {genuine_token()}"), ("Authorization", "Bearer forged")]),
        BODY,
    ),
    "two headers in other cases": lambda: (
        {"Authorization": f"Bearer {genuine_token()}", "authorization": f"Bearer {genuine_token()}"},
        BODY,
    ),
    "two tokens in one header": lambda: with_authorization(f"Bearer {genuine_token()}, Bearer {genuine_token()}"),
    "scheme Basic": lambda: with_authorization(f"Basic {genuine_token()}"),
    "scheme JWT": lambda: with_authorization(f"JWT {genuine_token()}"),
    "scheme missing": lambda: with_authorization(genuine_token()),
    "scheme behind a tabulator": lambda: with_authorization(f"Bearer\t{genuine_token()}"),
    "scheme in letters that only look so": lambda: with_authorization(f"\u0412earer {genuine_token()}"),
}


def verifier(**options: Any) -> SignatureVerifier:
    return SignatureVerifier(SECRET, clock=lambda: NOW, **options)


def refused(attacked: SignatureVerifier, callback: Callback) -> SignatureError:
    headers, body = callback
    with pytest.raises(SignatureError) as caught:
        attacked.verify(headers, body)
    return caught.value


def test_genuine_callback_of_this_module_is_accepted() -> None:
    headers, body = with_claims()
    assert verifier().verify(headers, body)


@pytest.mark.each("attack", ATTACKS.values(), ids=ATTACKS.keys())
def test_attack_is_refused(attack: Attack) -> None:
    error = refused(verifier(), attack())
    assert error.status == 401


@pytest.mark.each("attack", ATTACKS.values(), ids=ATTACKS.keys())
def test_attack_is_refused_with_a_secret_per_account(attack: Attack) -> None:
    accounts = SignatureVerifier({"a1b2c3d": SECRET, "victim": "the-secret-of-the-victim"}, clock=lambda: NOW)
    assert refused(accounts, attack()).status == 401


@pytest.mark.each("attack", ATTACKS.values(), ids=ATTACKS.keys())
def test_refusal_gives_nothing_away(attack: Attack) -> None:
    headers, body = attack()
    with pytest.raises(SignatureError) as caught:
        verifier().verify(headers, body)
    words = f"{caught.value} {caught.value!r}"
    shown: Iterable[str] = (SECRET, "a1b2c3d", hash_of(BODY), "447700900000", genuine_token()[:60], "c5ba8f24")
    assert not [secret for secret in shown if secret in words]
    assert len(words) < 400


def check_named(callback: Callback, check: str) -> None:
    assert str(refused(verifier(), callback)).startswith(f"{check}:")


@pytest.mark.each(
    ("attack", "check"),
    [
        ("algorithm none", "alg"),
        ("algorithm RS256 with a genuine HMAC", "alg"),
        ("signed with another secret", "signature"),
        ("body changed", "payload_hash"),
        ("hash in upper case", "payload_hash"),
        ("iat ten years old", "iat"),
        ("iat in the future", "iat"),
        ("iat true", "iat"),
        ("expired", "exp"),
        ("not valid yet", "nbf"),
        ("jti missing", "jti"),
        ("api_key missing", "api_key"),
        ("issuer is somebody else", "iss"),
        ("two headers", "Authorization"),
        ("token of ten megabytes", "Authorization"),
        ("no dots", "token"),
    ],
)
def test_refusal_says_which_check_failed(attack: str, check: str) -> None:
    check_named(ATTACKS[attack](), check)


@pytest.mark.parametrize("iat", [253_402_300_800, 10**300, 1e300])
def test_iat_beyond_the_calendar_is_refused_without_an_age_window_too(iat: float) -> None:
    assert str(refused(verifier(max_age=None), with_claims(iat=iat))).startswith("iat:")


def test_account_signs_only_for_itself() -> None:
    accounts = SignatureVerifier({"mallory": "the-secret-of-mallory", "victim": SECRET}, clock=lambda: NOW)
    headers = sign_webhook(BODY, "the-secret-of-mallory", api_key="victim", issued_at=NOW)
    assert str(refused(accounts, (headers, BODY))).startswith("signature:")


def test_unknown_account_is_refused_as_a_wrong_secret_is() -> None:
    # Whoever asks for an account after the other would else learn which ones there are.
    accounts = SignatureVerifier({"victim": SECRET}, clock=lambda: NOW)
    unknown = refused(accounts, (sign_webhook(BODY, SECRET, api_key="stranger", issued_at=NOW), BODY))
    wrong = refused(accounts, (sign_webhook(BODY, "another secret", api_key="victim", issued_at=NOW), BODY))
    assert str(unknown) == str(wrong)
    assert str(unknown).startswith("signature:")
    assert type(unknown) is type(wrong) is SignatureError


def test_replayed_token_id_with_another_body_is_refused() -> None:
    one = verifier()
    one.commit(one.verify(sign_webhook(BODY, SECRET, api_key="a", issued_at=NOW, token_id="x"), BODY))
    headers = sign_webhook(b"{}", SECRET, api_key="a", issued_at=NOW, token_id="x")
    with pytest.raises(ReplayedWebhookError) as caught:
        one.verify(headers, b"{}")
    assert caught.value.status == 401


def test_replayed_token_id_with_another_body_is_refused_while_the_first_is_handled() -> None:
    one = verifier()
    one.verify(sign_webhook(BODY, SECRET, api_key="a", issued_at=NOW, token_id="x"), BODY)
    with pytest.raises(ReplayedWebhookError):
        one.verify(sign_webhook(b"{}", SECRET, api_key="a", issued_at=NOW, token_id="x"), b"{}")


def test_forged_token_does_not_enter_the_memory_of_ids() -> None:
    one = verifier()
    refused(one, (sign_webhook(b"{}", "some-other-secret", api_key="a", issued_at=NOW, token_id="x"), b"{}"))
    assert one.verify(sign_webhook(BODY, SECRET, api_key="a", issued_at=NOW, token_id="x"), BODY)


def test_public_key_cannot_be_configured_as_a_secret() -> None:
    with pytest.raises(ConfigurationError):
        SignatureVerifier(PUBLIC_PEM)


def test_missing_signature_is_another_error_than_a_wrong_one() -> None:
    with pytest.raises(UnsignedWebhookError):
        verifier().verify({}, BODY)
    assert not issubclass(UnsignedWebhookError, SignatureError)
