"""Credentials: headers, tokens, and a sentence for every input that cannot work."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from typing import TYPE_CHECKING

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from vonage_messages.auth import ApplicationAuth, BasicAuth
from vonage_messages.errors import ConfigurationError

if TYPE_CHECKING:
    from pathlib import Path

APPLICATION_ID = "aaaaaaaa-bbbb-cccc-dddd-0123456789ab"
PASSWORD = "open sesame"
KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)


def pem(
    *,
    pem_format: PrivateFormat = PrivateFormat.PKCS8,
    password: str | None = None,
) -> str:
    encryption = BestAvailableEncryption(password.encode()) if password else NoEncryption()
    return KEY.private_bytes(Encoding.PEM, pem_format, encryption).decode()


class Clock:
    def __init__(self, now: float = 1_700_000_000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


def claims_of(authorization: str) -> dict[str, object]:
    scheme, _, token = authorization.partition(" ")
    assert scheme == "Bearer"
    options = {"verify_exp": False, "verify_iat": False}
    return dict(jwt.decode(token, KEY.public_key(), algorithms=["RS256"], options=options))  # type: ignore[arg-type]


def refusal(private_key: object, **options: object) -> str:
    with pytest.raises(ConfigurationError) as caught:
        ApplicationAuth(APPLICATION_ID, private_key, **options)  # type: ignore[arg-type]
    return str(caught.value)


def test_token_carries_the_claims_of_the_reference() -> None:
    auth = ApplicationAuth(APPLICATION_ID, pem(), clock=Clock(), new_token_id=lambda: "one")
    assert claims_of(auth.authorization()) == {
        "application_id": APPLICATION_ID,
        "iat": 1_700_000_000,
        "exp": 1_700_000_900,
        "jti": "one",
    }


def test_token_header_names_rs256_and_jwt() -> None:
    token = ApplicationAuth(APPLICATION_ID, pem()).authorization().removeprefix("Bearer ")
    assert jwt.get_unverified_header(token) == {"alg": "RS256", "typ": "JWT"}


@pytest.mark.needs("openssl")
def test_token_is_signed_so_that_openssl_verifies_it(tmp_path: Path) -> None:
    token = ApplicationAuth(APPLICATION_ID, pem()).authorization().removeprefix("Bearer ")
    signed, _, signature = token.rpartition(".")
    public = KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    (tmp_path / "public.pem").write_bytes(public)
    (tmp_path / "signed").write_text(signed)
    (tmp_path / "signature").write_bytes(base64.urlsafe_b64decode(signature + "=="))
    command = ["openssl", "dgst", "-sha256", "-verify", "public.pem", "-signature", "signature", "signed"]
    result = subprocess.run(  # noqa: S603  fixed words
        command, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False
    )
    assert result.stdout.strip() == "Verified OK"


def test_token_is_used_again_until_its_margin() -> None:
    clock = Clock()
    auth = ApplicationAuth(APPLICATION_ID, pem(), clock=clock)
    first = auth.authorization()
    clock.now += 839
    assert auth.authorization() is first
    clock.now += 1
    assert auth.authorization() != first


def test_margin_is_at_most_half_of_a_short_lifetime() -> None:
    clock = Clock()
    auth = ApplicationAuth(APPLICATION_ID, pem(), lifetime=30, clock=clock)
    first = auth.authorization()
    clock.now += 14
    assert auth.authorization() is first
    clock.now += 1
    assert auth.authorization() != first


def test_token_is_renewed_when_the_clock_was_set_back() -> None:
    clock = Clock()
    auth = ApplicationAuth(APPLICATION_ID, pem(), clock=clock)
    auth.authorization()
    clock.now -= 3600
    assert claims_of(auth.authorization())["iat"] == int(clock.now)


def test_invalidated_token_is_replaced() -> None:
    auth = ApplicationAuth(APPLICATION_ID, pem(), clock=Clock())
    first = auth.authorization()
    auth.invalidate(first)
    assert auth.authorization() != first


def test_invalidating_an_older_token_keeps_the_present_one() -> None:
    auth = ApplicationAuth(APPLICATION_ID, pem(), clock=Clock())
    first = auth.authorization()
    auth.invalidate(first)
    second = auth.authorization()
    auth.invalidate(first.removeprefix("Bearer "))
    assert auth.authorization() is second


def test_every_token_has_its_own_id() -> None:
    auth = ApplicationAuth(APPLICATION_ID, pem(), clock=Clock())
    first = auth.authorization()
    auth.invalidate(first)
    assert claims_of(first)["jti"] != claims_of(auth.authorization())["jti"]


@pytest.mark.parametrize("pem_format", [PrivateFormat.PKCS8, PrivateFormat.TraditionalOpenSSL])
def test_both_pem_forms_are_read(pem_format: PrivateFormat) -> None:
    auth = ApplicationAuth(APPLICATION_ID, pem(pem_format=pem_format))
    assert claims_of(auth.authorization())["application_id"] == APPLICATION_ID


@pytest.mark.parametrize("pem_format", [PrivateFormat.PKCS8, PrivateFormat.TraditionalOpenSSL])
@pytest.mark.parametrize("password", [PASSWORD, PASSWORD.encode()])
def test_encrypted_key_is_read_with_its_password(pem_format: PrivateFormat, password: str | bytes) -> None:
    auth = ApplicationAuth(APPLICATION_ID, pem(pem_format=pem_format, password=PASSWORD), password=password)
    assert auth.authorization().startswith("Bearer ")


def test_public_key_is_that_of_the_private_one() -> None:
    public = KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    assert ApplicationAuth(APPLICATION_ID, pem()).public_key() == public.decode()


def test_key_is_read_from_bytes() -> None:
    assert ApplicationAuth(APPLICATION_ID, pem().encode()).authorization().startswith("Bearer ")


def test_key_is_read_from_a_path_and_from_the_name_of_one(tmp_path: Path) -> None:
    file = tmp_path / "private.key"
    file.write_text(pem())
    ApplicationAuth(APPLICATION_ID, file)
    ApplicationAuth(APPLICATION_ID, str(file))


def test_key_file_is_read_once(tmp_path: Path) -> None:
    file = tmp_path / "private.key"
    file.write_text(pem())
    auth = ApplicationAuth(APPLICATION_ID, file)
    file.unlink()
    assert auth.authorization().startswith("Bearer ")


@pytest.mark.parametrize("line_break", ["\\n", "\\r\\n"])
def test_literal_line_breaks_of_an_environment_variable_are_mended(line_break: str) -> None:
    ApplicationAuth(APPLICATION_ID, pem().replace("\n", line_break))


def test_space_around_pem_text_does_no_harm() -> None:
    ApplicationAuth(APPLICATION_ID, f"\n  {pem()}\n\n")


def test_missing_key_file_is_named(tmp_path: Path) -> None:
    sentence = refusal(tmp_path / "missing.key")
    assert "missing.key cannot be read: No such file or directory" in sentence


def test_folder_in_place_of_a_key_is_refused(tmp_path: Path) -> None:
    assert "cannot be read: Is a directory" in refusal(tmp_path)


def test_key_without_its_begin_line_is_not_shown() -> None:
    body = "".join(pem().splitlines()[1:-1])
    sentence = refusal(body)
    assert "cannot be read" in sentence
    assert body[:20] not in sentence


@pytest.mark.each(
    ("key", "words"),
    [
        ("", "private_key is empty"),
        ("   ", "private_key is empty"),
        (None, "not NoneType"),
        (KEY, "not RSAPrivateKey"),
        ("a\0b", "cannot be read"),
        (b"garbage", "holds no PEM text"),
        ("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----", "may be cut short or damaged"),
        (pem()[:200], "may be cut short or damaged"),
        (pem(password=PASSWORD), "is encrypted: give its password"),
        (pem(pem_format=PrivateFormat.TraditionalOpenSSL, password=PASSWORD), "is encrypted: give its password"),
        (
            KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode(),
            "is a public key",
        ),
        (
            KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.PKCS1),
            "is a public key",
        ),
        (
            ec.generate_private_key(ec.SECP256R1()).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
            "is not an RSA key",
        ),
    ],
)
def test_wrong_key_gets_one_clear_sentence(key: object, words: str) -> None:
    assert words in refusal(key)


def test_wrong_password_gets_a_sentence() -> None:
    assert "password is wrong" in refusal(pem(password=PASSWORD), password="guess")


def test_password_for_a_plain_key_gets_a_sentence() -> None:
    assert "is not encrypted" in refusal(pem(), password=PASSWORD)


def test_password_of_another_type_gets_a_sentence() -> None:
    assert "password must be" in refusal(pem(), password=7)


@pytest.mark.parametrize("application_id", ["", "  ", "a b", "abc\n", "äöü", None, 7])
def test_application_id_that_cannot_be_one_is_refused(application_id: object) -> None:
    with pytest.raises(ConfigurationError, match="application_id"):
        ApplicationAuth(application_id, pem())  # type: ignore[arg-type]


@pytest.mark.parametrize("lifetime", [29, 86_401, -1, float("nan")])
def test_lifetime_outside_the_bounds_is_refused(lifetime: float) -> None:
    assert "lifetime must be" in refusal(pem(), lifetime=lifetime)


@pytest.mark.parametrize("lifetime", [30, 86_400])
def test_lifetime_at_the_bounds_is_taken(lifetime: float) -> None:
    ApplicationAuth(APPLICATION_ID, pem(), lifetime=lifetime)


def test_negative_margin_is_refused() -> None:
    assert "renewal_margin" in refusal(pem(), renewal_margin=-1)


def test_basic_header_is_key_and_secret_in_base64() -> None:
    scheme, _, encoded = BasicAuth("abcd1234", "s3cret:with:colons").authorization().partition(" ")
    assert scheme == "Basic"
    assert base64.b64decode(encoded) == b"abcd1234:s3cret:with:colons"


@pytest.mark.each(
    ("api_key", "api_secret", "name"),
    [
        ("", "secret", "api_key"),
        ("key", "", "api_secret"),
        (None, "secret", "api_key"),
        ("key", None, "api_secret"),
        ("key\r\n", "secret", "api_key"),
        ("key", "secret\n", "api_secret"),
        ("key", " secret", "api_secret"),
        ("key", "se\rcret", "api_secret"),
        ("key:secret", "secret", "api_key"),
        ("kéy", "secret", "api_key"),
    ],
)
def test_basic_credential_that_cannot_work_is_named(api_key: str, api_secret: str, name: str) -> None:
    with pytest.raises(ConfigurationError, match=name) as caught:
        BasicAuth(api_key, api_secret)
    assert "secret\n" not in str(caught.value)


def test_repr_shows_no_credential() -> None:
    application = ApplicationAuth(APPLICATION_ID, pem())
    token = application.authorization()
    shown = repr(application) + repr(BasicAuth("abcd1234", "verysecret"))
    for secret in (APPLICATION_ID, token, "abcd1234", "verysecret", "PRIVATE"):
        assert secret not in shown


def test_equality_does_not_compare_secrets() -> None:
    assert BasicAuth("key", "secret") != BasicAuth("key", "secret")


def test_importing_auth_loads_neither_jwt_nor_cryptography() -> None:
    code = (
        "import json, sys, vonage_messages.auth;"
        "print(json.dumps([m for m in ('jwt', 'cryptography', 'aiohttp') if m in sys.modules]))"
    )
    result = subprocess.run(  # noqa: S603  fixed words
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    assert json.loads(result.stdout) == []
