"""
What holds for every part: where secrets do not show up. What one part defends is tested with that part.

``docs/security.md`` lists the threats, and which test shows each defence.
"""

from __future__ import annotations

import ast
import asyncio
import base64
import contextlib
import copy
import importlib.util
import pickle
import re
import secrets
import time
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from vonage_messages import AccountsClient, ApplicationAuth, ApplicationsClient, BasicAuth, Client, RetryPolicy, Sms
from vonage_messages.errors import (
    AuthenticationError,
    ConfigurationError,
    InvalidMessageError,
    MalformedWebhookError,
    VonageMessagesError,
)
from vonage_messages.onboarding.doctor import examine
from vonage_messages.stores.postgres.ledger import PostgresLedgerStore
from vonage_messages.stores.postgres.limits import PostgresLimitStore
from vonage_messages.stores.postgres.webhooks import PostgresWebhookStore
from vonage_messages.stores.redis.limits import RedisLimitStore
from vonage_messages.stores.redis.webhooks import RedisWebhookStore
from vonage_messages.webhooks.parse import parse_webhook
from vonage_messages.webhooks.signing import SignatureVerifier, WebhookClaims, sign_webhook

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
    from types import ModuleType

ROOT = Path(__file__).parent.parent

# Made here, so that no line of this file shows them in a traceback.
SECRET = secrets.token_hex(16)
PEM = (
    rsa.generate_private_key(public_exponent=65537, key_size=2048)
    .private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    .decode()
)
DAMAGED = PEM[:400] + "?" + PEM[400:]
IN_BASE64 = base64.b64encode(f"abcdef12:{SECRET}".encode()).decode()
APPLICATION_ID = "aaaaaaaa-bbbb-cccc-dddd-0123456789ab"
ONCE = RetryPolicy(attempts=1)
BODY = b"{}"


def holders() -> list[Any]:
    basic = BasicAuth("abcdef12", SECRET)
    application = ApplicationAuth(APPLICATION_ID, PEM)
    application.authorization()
    return [
        basic,
        application,
        SignatureVerifier(SECRET),
        SignatureVerifier({"abcdef12": [SECRET]}),
        Client(basic),
        AccountsClient(application),
        ApplicationsClient(basic),
        RedisLimitStore(f"redis://user:{SECRET}@host/0"),
        RedisWebhookStore(f"redis://user:{SECRET}@host/0"),
    ]


def shown(error: BaseException) -> str:
    """Write an error as reports do that show the local variables of every frame."""
    return "".join(traceback.TracebackException.from_exception(error, capture_locals=True).format())


def assert_nothing_shows(text: str) -> None:
    assert SECRET not in text
    assert IN_BASE64 not in text
    assert "PRIVATE KEY-" not in text
    assert PEM.splitlines()[2][:20] not in text


def assert_no_token_shows(text: str) -> None:
    assert "Bearer ey" not in text


@pytest.mark.parametrize("holder", holders(), ids=lambda holder: type(holder).__name__)
def test_what_holds_a_secret_is_not_pickled(holder: Any) -> None:
    with pytest.raises(TypeError, match=r"^\w+ holds a secret and is not pickled: make one in each process"):
        pickle.dumps(holder)


@pytest.mark.parametrize("holder", holders(), ids=lambda holder: type(holder).__name__)
def test_a_copy_of_what_holds_a_secret_is_the_same_object(holder: Any) -> None:
    assert copy.copy(holder) is holder
    assert copy.deepcopy({"settings": [holder]})["settings"][0] is holder


@pytest.mark.parametrize("holder", holders(), ids=lambda holder: type(holder).__name__)
def test_repr_and_str_show_no_secret(holder: Any) -> None:
    for text in (repr(holder), str(holder), f"{holder}", repr([holder])):
        assert_nothing_shows(text)


@pytest.mark.parametrize("store", [PostgresLedgerStore, PostgresLimitStore, PostgresWebhookStore])
def test_store_whose_address_holds_a_password_is_not_pickled(store: Callable[[str], object]) -> None:
    with pytest.raises(TypeError, match=r"is not pickled|cannot pickle"):
        pickle.dumps(store(f"postgresql://user:{SECRET}@host/database"))


def test_claims_are_pickled_copied_and_hashed() -> None:
    headers = sign_webhook(BODY, SECRET, api_key="abcdef12", issued_at=time.time())
    claims = SignatureVerifier(SECRET).verify(headers, BODY)
    for twin in (pickle.loads(pickle.dumps(claims)), copy.deepcopy(claims), copy.copy(claims)):  # noqa: S301  our own
        assert twin == claims
        assert hash(twin) == hash(claims)
        assert type(twin) is WebhookClaims
        with pytest.raises(TypeError):
            twin.raw["api_key"] = "another"


REFUSED: dict[str, Callable[[], object]] = {
    "api secret with a line break": lambda: BasicAuth("abcdef12", SECRET + "\n"),
    "api key with a space": lambda: BasicAuth("abc def", SECRET),
    "key that is damaged": lambda: ApplicationAuth(APPLICATION_ID, DAMAGED),
    "key in bytes that is damaged": lambda: ApplicationAuth(APPLICATION_ID, DAMAGED.encode()),
    "key in one line that is damaged": lambda: ApplicationAuth(APPLICATION_ID, DAMAGED.replace("\n", "\\n")),
    "key without its first line": lambda: ApplicationAuth(APPLICATION_ID, PEM.split("\n", 1)[1]),
    "password for a plain key": lambda: ApplicationAuth(APPLICATION_ID, PEM, password=SECRET),
    "lifetime out of range": lambda: ApplicationAuth(APPLICATION_ID, PEM, lifetime=1),
    "signature secret with a space": lambda: SignatureVerifier(f" {SECRET}"),
    "signature secret of an account": lambda: SignatureVerifier({"abcdef12": ["another", f"{SECRET} "]}),
    "both kinds of signature secrets": lambda: SignatureVerifier({"abcdef12": SECRET}, SECRET),
    "max_age out of range": lambda: SignatureVerifier(SECRET, max_age=-1),
    "environment": lambda: Client.from_env(environ={"VONAGE_API_KEY": "", "VONAGE_API_SECRET": SECRET}),
    "environment of accounts": lambda: AccountsClient.from_env(environ={"VONAGE_API_SECRET": SECRET}),
    "options of a client": lambda: Client(BasicAuth("abcdef12", SECRET), region="nowhere"),
    "address of PostgreSQL": lambda: PostgresLedgerStore(f"postgresql//user:{SECRET}@host/database"),
    "words of PostgreSQL": lambda: PostgresLimitStore(f"host=x password={SECRET} {SECRET}"),
    "schema": lambda: PostgresWebhookStore(f"postgresql://user:{SECRET}@host/database", schema="a b"),
    "port of Redis": lambda: RedisLimitStore(f"redis://user:0@host:{SECRET}/0"),
    "address of Redis": lambda: RedisWebhookStore(f"redis//user:{SECRET}@host"),
    "name of keys": lambda: RedisLimitStore(f"redis://user:{SECRET}@host/0", name="{"),
    "callback of a stranger": lambda: SignatureVerifier(SECRET, "another").verify(
        sign_webhook(BODY, "wrong secret", api_key="abcdef12", issued_at=time.time()), BODY
    ),
}


@pytest.mark.each("make", REFUSED.values(), ids=REFUSED.keys())
def test_refusal_shows_no_secret_even_with_the_variables_of_its_frames(make: Callable[[], object]) -> None:
    with pytest.raises(VonageMessagesError) as caught:
        make()
    assert_nothing_shows(shown(caught.value))


@contextlib.asynccontextmanager
async def server(answer: bytes, heads: list[bytes] | None = None) -> AsyncIterator[str]:
    """Answer every request in the same way, and hang up; *heads* gets what each began with."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError):
            head = await reader.readuntil(b"\r\n\r\n")
            # What is not read when it hangs up takes the answer with it.
            length = re.search(rb"(?i)^content-length: (\d+)", head, re.MULTILINE)
            await reader.readexactly(int(length[1]) if length else 0)
            if heads is not None:
                heads.append(head)
        writer.write(answer)
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as listening:
        yield f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"


LINES = "x\r\nEvil: 1\r\n\r\n"
IN_THE_WAY: dict[str, Callable[[Client, AccountsClient, ApplicationsClient], Awaitable[object]]] = {
    "message id": lambda client, _a, _b: client.revoke(LINES),
    "message id of an update": lambda client, _a, _b: client.mark_read(LINES),
    "id above": lambda client, _a, _b: client.revoke("../../v2/applications"),
    "provider": lambda _c, accounts, _b: accounts.get(LINES, "1"),
    "external id": lambda _c, accounts, _b: accounts.get("messenger", LINES),
    "external id above": lambda _c, accounts, _b: accounts.get("messenger", ".."),
    "application id of a link": lambda _c, accounts, _b: accounts.link("messenger", "1", LINES),
    "application id": lambda _c, _a, applications: applications.delete(LINES),
}
"""What stands in the first line of a request, and is not to become a header or another path."""


@pytest.mark.parametrize("ask", IN_THE_WAY.values(), ids=IN_THE_WAY.keys())
async def test_id_that_would_be_a_header_or_another_path_never_leaves(
    ask: Callable[[Client, AccountsClient, ApplicationsClient], Awaitable[object]],
) -> None:
    heads: list[bytes] = []
    application, basic = ApplicationAuth(APPLICATION_ID, PEM), BasicAuth("abcdef12", SECRET)
    async with (
        server(b"", heads) as url,
        Client(application, base_url=url) as client,
        AccountsClient(basic, base_url=url) as accounts,
        ApplicationsClient(basic, base_url=url) as applications,
    ):
        with pytest.raises(InvalidMessageError):
            await ask(client, accounts, applications)
    assert heads == []


async def test_line_breaks_in_the_fields_of_a_message_stay_in_its_body() -> None:
    heads: list[bytes] = []
    hostile = f"{LINES}x"
    message = Sms(to="447700900000", from_=hostile, text=hostile, client_ref=hostile)
    async with (
        server(ANSWERS["refused"], heads) as url,
        Client(BasicAuth("abcdef12", f"{SECRET} \u00e9\u2713"), base_url=url, app_name="shop/1", retry=ONCE) as client,
    ):
        with pytest.raises(AuthenticationError):
            await client.send(message)
    (head,) = heads
    assert head.count(b"\r\n\r\n") == 1
    assert {line.partition(b":")[0].lower() for line in head.splitlines()[1:-1]} == {
        *(b"host", b"content-type", b"accept", b"user-agent", b"authorization", b"accept-encoding", b"content-length")
    }


ANSWERS = {
    "none": b"",
    "not HTTP": b"nonsense\r\n\r\n",
    "refused": b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 2\r\nContent-Type: application/json\r\n\r\n{}",
    "cut short": b"HTTP/1.1 202 Accepted\r\nContent-Length: 100\r\n\r\n{",
    "no receipt": b"HTTP/1.1 202 Accepted\r\nContent-Length: 2\r\n\r\n[]",
}


@pytest.mark.parametrize("answer", ANSWERS.values(), ids=ANSWERS.keys())
@pytest.mark.parametrize("auth", [BasicAuth("abcdef12", SECRET), ApplicationAuth(APPLICATION_ID, PEM)])
async def test_failed_call_shows_no_secret_even_with_the_variables_of_its_frames(
    auth: BasicAuth | ApplicationAuth, answer: bytes
) -> None:
    async with server(answer) as url:
        async with Client(auth, base_url=url, retry=ONCE) as client:
            with pytest.raises(VonageMessagesError) as caught:
                await client.send(Sms(to="447700900000", from_="Acme", text="Hello"))
        assert_nothing_shows(shown(caught.value))
        assert_no_token_shows(shown(caught.value))
        async with AccountsClient(auth, base_url=url, retry=ONCE) as accounts:
            with pytest.raises(VonageMessagesError) as caught:
                await accounts.create_messenger("123456", SECRET)
        assert_nothing_shows(shown(caught.value))


HOSTILE_JSON = {
    "a list in a list": b"[" * 100_000 + b"]" * 100_000,
    "an object in an object": b'{"text":' * 20_000 + b"1" + b"}" * 20_000,
    "as deep as may be": b'{"a":' * 199 + b"1" + b"}" * 199,
    "many keys": b"{" + b",".join(b'"%d":0' % number for number in range(20_000)) + b"}",
    "an endless integer": b'{"a":' + b"9" * 100_000 + b"}",
    "many long integers": b'{"a":[' + b",".join([b"9" * 4300] * 20) + b"]}",
    "an endless exponent": b'{"status":"delivered","usage":{"price":"1e999999999"},"a":1e999999999}',
    "an endless price": b'{"status":"delivered","usage":{"price":"' + b"1" * 100_000 + b'"}}',
    "an endless instant": b'{"status":"delivered","timestamp":"2026-01-01T00:00:00' + b" " * 100_000 + b'x"}',
    "an endless number": b'{"channel":"sms","from":"' + b"( " * 50_000 + b'","to":"' + b"1." * 50_000 + b'"}',
    "half surrogate pairs": b'{"text":"' + rb"\ud800" * 20_000 + b'"}',
    "many objects": b'{"channel":"whatsapp","message_type":"contacts","contacts":[' + b"{}," * 20_000 + b"{}]}",
}


@pytest.mark.each("body", HOSTILE_JSON.values(), ids=HOSTILE_JSON.keys())
def test_hostile_json_is_read_or_refused(body: bytes) -> None:
    try:
        event = parse_webhook(body)
    except MalformedWebhookError as error:
        event = None
        text = str(error)
    else:
        text = repr(event)
    assert len(text) < 1000
    assert pickle.loads(pickle.dumps(event)) == event  # noqa: S301  our own


async def test_doctor_shows_no_secret() -> None:
    variables = {
        "VONAGE_API_KEY": "abcdef12",
        "VONAGE_API_SECRET": SECRET,
        "VONAGE_APPLICATION_ID": APPLICATION_ID,
        "VONAGE_PRIVATE_KEY": DAMAGED,
        "VONAGE_SIGNATURE_SECRET": SECRET,
        "VONAGE_BASE_URL": "http://127.0.0.1:1",
    }
    for key in (DAMAGED, PEM):
        findings = await examine({**variables, "VONAGE_PRIVATE_KEY": key}, probe=False)
        assert len(findings) > 8
        assert_nothing_shows(repr(findings))


def test_schema_and_name_of_keys_are_plain_names() -> None:
    for schema in ('a"; DROP TABLE message; --', "a.b", "a b", "", "a\0"):
        with pytest.raises(ConfigurationError, match="schema must be a plain name"):
            PostgresLedgerStore("postgresql://user@host/database", schema=schema)
    for name in ("a}b", "{", ""):
        with pytest.raises(ConfigurationError, match="name must be a text without braces"):
            RedisLimitStore("redis://host/0", name=name)


def calls() -> Iterator[tuple[str, ast.Call]]:
    """List the calls in the package, each with its file."""
    package = ROOT / "vonage_messages"
    for file in package.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call):
                yield file.relative_to(package).as_posix(), node


OF_OUR_OWN_WORDS = {
    ("stores/sqlite/file.py", "f'PRAGMA {setting}'"),
    ("stores/sqlite/file.py", "f'PRAGMA application_id = {APPLICATION_ID}'"),
    ("stores/sqlite/file.py", "f'PRAGMA user_version = {len(scripts)}'"),
    ("simulator/keeping.py", "f'BEGIN EXCLUSIVE; {marks} {_CREATE}; COMMIT;'"),
}
"""Statements that are put together, of nothing but constants: SQLite takes no parameters there."""


def test_statements_are_files_and_never_put_together_from_values() -> None:
    names = {"execute", "executemany", "executescript", "execute_async", "SQL"}
    built = {
        (file, ast.unparse(call.args[0]))
        for file, call in calls()
        if call.args and isinstance(call.func, ast.Attribute) and call.func.attr in names
        if is_put_together(call.args[0])
    }
    assert built == OF_OUR_OWN_WORDS


def is_put_together(argument: ast.expr) -> bool:
    """Tell whether *argument* is text put together on the spot; what ``sql.SQL`` composes quotes its parts."""
    if isinstance(argument, ast.Call) and isinstance(argument.func, ast.Attribute):
        return argument.func.attr in {"format", "join"} and isinstance(argument.func.value, ast.Constant)
    return isinstance(argument, (ast.JoinedStr, ast.BinOp))


FORBIDDEN = re.compile(
    r"(?:c?[pP]ickle|marshal|shelve|dill)\.\w+|eval|exec|os\.(?:system|popen)|tempfile\.mktemp|yaml\.\w*load\w*"
    r"|subprocess\.(?:getoutput|getstatusoutput)|asyncio\.create_subprocess_shell|jinja2\.Template|\w+\.from_string"
)


def test_nothing_is_unpickled_evaluated_or_given_to_a_shell() -> None:
    found = {(file, ast.unparse(call.func)) for file, call in calls() if FORBIDDEN.fullmatch(ast.unparse(call.func))}
    assert found == set()
    assert not [file for file, call in calls() if any(keyword.arg == "shell" for keyword in call.keywords)]


def load(program: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(program, ROOT / "benchmarks" / f"{program}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_dependency_is_pinned() -> None:
    dependencies = load("dependencies")
    if dependencies.differing():
        pytest.skip("what other versions need is not what is pinned")
    assert {"aiohttp", "yarl", "cryptography", "cffi"} <= set(dependencies.closure())
    assert len(dependencies.closure(*dependencies.EXTRAS)) > 40
    assert dependencies.loose() == []


def test_every_test_that_the_page_names_exists() -> None:
    page = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
    named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", page)
    assert len(named) > 80
    missing = [
        f"{file}::{name}"
        for file, name in named
        if not re.search(rf"^(?:async )?def {name}\(", (ROOT / file).read_text(encoding="utf-8"), re.MULTILINE)
    ]
    assert missing == []


def test_every_threat_of_the_page_has_a_defence_and_a_test() -> None:
    page = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
    rows = [line.strip("|").split(" | ") for line in page.splitlines() if line.startswith("| ")]
    assert len(rows) > 40
    for threat, *rest in rows:
        if threat.strip() != "threat":
            assert len(rest) == 2, threat
            assert "::test_" in rest[1], threat
