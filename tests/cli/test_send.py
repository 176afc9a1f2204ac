"""``send``: what was typed is what arrives, and what cannot work is one sentence and an exit code."""

from __future__ import annotations

import json
import os
import socket
import threading
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from vonage_messages.cli.application import application

TO, COMPANY = "+44 7700 900000", "+447700900001"
VARIABLES = (
    "VONAGE_API_KEY",
    "VONAGE_API_SECRET",
    "VONAGE_APPLICATION_ID",
    "VONAGE_PRIVATE_KEY",
    "VONAGE_BASE_URL",
)
NOWHERE = {"VONAGE_API_KEY": "abcd1234", "VONAGE_API_SECRET": "hush-hush-hush", "VONAGE_BASE_URL": "http://127.0.0.1:9"}
JPG, MP4 = "https://example.com/cat.jpg", "https://example.com/tour.mp4"


def send(*arguments: str, stdin: str | bytes | None = None, **environment: str) -> Result:
    """Run the command without any credentials but those of *environment*."""
    cleared: dict[str, str | None] = dict.fromkeys(VARIABLES)
    return CliRunner().invoke(application, ["send", *arguments], input=stdin, env={**cleared, **environment})


def payload(*arguments: str) -> dict[str, Any]:
    result = send(*arguments, "--dry-run")
    assert (result.exit_code, result.stderr) == (0, "")
    decoded: dict[str, Any] = json.loads(result.stdout)
    return decoded


def refused(*arguments: str, stdin: str | bytes | None = None, **environment: str) -> str:
    """Give the sentence of a call that cannot work: exit code 2, nothing on standard output, no traceback."""
    result = send(*arguments, stdin=stdin, **environment)
    assert (result.exit_code, result.stdout) == (2, "")
    assert isinstance(result.exception, SystemExit)
    return result.stderr


TYPED: list[tuple[list[str], dict[str, Any]]] = [
    (
        ["sms", "--to", TO, "--from", "Acme", "--text", "Hello", "--ttl", "600", "--client-ref", "a1"],
        {"channel": "sms", "to": "447700900000", "from": "Acme", "text": "Hello", "ttl": 600, "client_ref": "a1"},
    ),
    (
        ["mms", "--to", "14155550101", "--from", "14155550100", "--image", JPG, "--caption", "Cat"],
        {"message_type": "image", "image": {"url": JPG, "caption": "Cat"}},
    ),
    (
        ["mms", "--to", "14155550101", "--from", "14155550100", "--vcard", "https://example.com/a.vcf"],
        {"message_type": "vcard", "vcard": {"url": "https://example.com/a.vcf"}},
    ),
    (["rcs", "--to", TO, "--from", "Acme", "--video", MP4], {"channel": "rcs", "video": {"url": MP4}}),
    (
        ["whatsapp", "--to", TO, "--from", COMPANY, "--audio", "https://example.com/a.mp3"],
        {"message_type": "audio", "audio": {"url": "https://example.com/a.mp3"}},
    ),
    (
        ["whatsapp", "--to", TO, "--from", COMPANY, "--template", "order", "--parameter", "A", "--parameter", "B"],
        {"template": {"name": "order", "parameters": ["A", "B"]}, "whatsapp": {"locale": "en_US"}},
    ),
    (
        ["whatsapp", "--to", TO, "--from", COMPANY, "--template", "order", "--locale", "en_GB"],
        {"template": {"name": "order"}, "whatsapp": {"locale": "en_GB"}},
    ),
    (
        ["whatsapp", "--to", TO, "--from", COMPANY, "--sticker", "https://example.com/a.webp"],
        {"sticker": {"url": "https://example.com/a.webp"}},
    ),
    (
        ["whatsapp", "--to", TO, "--from", COMPANY, "--text", "Hello", "--failover-sms", "Acme"],
        {
            "text": "Hello",
            "failover": [
                {"channel": "sms", "message_type": "text", "to": "447700900000", "from": "Acme", "text": "Hello"}
            ],
        },
    ),
    (
        ["messenger", "--to", "7064", "--from", "1070", "--file", "https://example.com/a.pdf"],
        {"channel": "messenger", "file": {"url": "https://example.com/a.pdf"}},
    ),
    (
        ["viber", "--to", TO, "--from", "22353", "--text", "Hello", "--ttl", "600"],
        {"channel": "viber_service", "viber_service": {"ttl": 600}},
    ),
    (
        [
            *("viber", "--to", TO, "--from", "22353", "--video", MP4, "--thumb-url", JPG),
            *("--duration", "30", "--file-size", "5"),
        ],
        {"video": {"url": MP4, "thumb_url": JPG}, "viber_service": {"duration": "30", "file_size": "5"}},
    ),
    (
        ["email", "--to", "ada@example.com", "--from", "news@example.org", "--subject", "News", "--html", "<p>Hi</p>"],
        {"channel": "email", "message_type": "html", "html": {"body": "<p>Hi</p>"}, "email": {"subject": "News"}},
    ),
    (
        [
            *("email", "--to", "ada@example.com", "--from", "news@example.org", "--subject", "News"),
            *("--text", "Hi", "--html", "<p>Hi</p>"),
        ],
        {
            "message_type": "content",
            "content": [{"text": "Hi", "type": "text"}, {"body": "<p>Hi</p>", "type": "html"}],
        },
    ),
]


@pytest.mark.each(("typed", "expected"), TYPED, ids=[" ".join(each[::5]) for each, _ in TYPED])
def test_what_was_typed_is_in_the_payload(typed: list[str], expected: dict[str, Any]) -> None:
    written = payload(*typed)
    assert {key: written.get(key) for key in expected} == expected


@pytest.mark.each("typed", [each for each, _ in TYPED], ids=[" ".join(each[::5]) for each, _ in TYPED])
def test_what_was_typed_is_accepted_by_the_simulator(typed: list[str]) -> None:
    result = send(*typed, "--simulator", "--output", "json")
    assert (result.exit_code, result.stderr) == (0, "")
    assert json.loads(result.stdout)["message_uuid"]


def test_the_receipt_is_one_json_line_where_that_is_asked_for() -> None:
    result = send(
        "sms", "--to", TO, "--from", "Acme", "--text", "Hi", "--client-ref", "a1", "--simulator", "--output=json"
    )
    assert result.stdout.count("\n") == 1
    receipt = json.loads(result.stdout)
    assert set(receipt) == {"message_uuid", "workflow_id", "client_ref", "request_id"}
    assert (receipt["client_ref"], receipt["workflow_id"]) == ("a1", None)


def test_the_receipt_is_a_panel_otherwise() -> None:
    result = send("sms", "--to", TO, "--from", "Acme", "--text", "Hi", "--simulator", COLUMNS="80")
    assert result.exit_code == 0
    assert "accepted: queued, not delivered yet" in result.stdout
    assert "message_uuid" in result.stdout
    assert "\x1b" not in result.stdout


def test_v0_1_is_sent_nested() -> None:
    arguments = ("viber", "--to", TO, "--from", "22353", "--template", "verify", "--parameter", "A", "--api-version")
    written = payload(*arguments, "v0.1")
    assert written["to"] == {"type": "viber_service_msg", "number": "447700900000"}
    assert send(*arguments, "v0.1", "--simulator").exit_code == 0
    assert "v0.1 only" in refused(*arguments, "v1", "--dry-run")


def test_a_dry_run_needs_no_credentials_and_feeds_json() -> None:
    dry = send("rcs", "--to", TO, "--from", "Acme", "--text", "Grüße, 👋", "--dry-run")
    again = send("--json", "-", "--dry-run", stdin=dry.stdout)
    assert (again.exit_code, again.stdout) == (0, dry.stdout)
    assert json.loads(again.stdout)["text"] == "Grüße, 👋"


def test_json_is_read_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "message.json"
    file.write_text(json.dumps(payload(*TYPED[0][0])), encoding="utf-8")
    result = send("--json", str(file), "--simulator")
    assert (result.exit_code, result.stderr) == (0, "")


def test_json_is_checked_and_raw_json_is_not() -> None:
    fax = json.dumps({"channel": "fax", "message_type": "text", "to": "447700900000", "from": "Acme", "text": "Hi"})
    assert "channel: must be one of sms" in refused("--json", "-", "--simulator", stdin=fax)
    raw = send("--json", "-", "--raw", "--simulator", stdin=fax)
    assert (raw.exit_code, raw.stdout) == (1, "")
    assert raw.stderr.startswith("HTTP 422: Invalid channel")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (b'{"text": "my secret', "is not valid JSON (line 1)"),
        (b"\xff\xfe\xfa", "is not valid JSON"),
        (b"[1]", "must hold one JSON object"),
        (b"[" * 100_000, "--json: is "),
        (b'"' + b"a" * 1024 * 1024 + b'"', "more than 1,048,576 bytes"),
        (b"{}", "channel: must be one of"),
    ],
    ids=["cut off", "no text", "a list", "nested", "too large", "empty"],
)
def test_json_that_is_no_message_is_refused(text: bytes, sentence: str) -> None:
    said = refused("--json", "-", "--dry-run", stdin=text)
    assert sentence in said
    assert "secret" not in said


@pytest.mark.each(
    ("arguments", "sentence"),
    [
        ([], "CHANNEL, --to, --from must be given, or --json."),
        (["sms", "--from", "Acme", "--text", "Hi"], "--to must be given, or --json."),
        (["fax", "--to", TO], "'fax' is not one of"),
        (["sms", "--to", TO, "--from", "Acme"], "needs exactly one content: --text"),
        (["rcs", "--to", TO, "--from", "Acme", "--text", "Hi", "--image", JPG], "needs exactly one content"),
        (["sms", "--to", TO, "--from", "Acme", "--image", JPG], "--image: sms has no such message; it has --text"),
        (["sms", "--to", TO, "--from", "Acme", "--text", "Hi", "--subject", "x"], "--subject: sms has no place for it"),
        (["messenger", "--to", "1", "--from", "2", "--text", "Hi", "--ttl", "60"], "--ttl: messenger has no place"),
        (["rcs", "--to", TO, "--from", "Acme", "--image", JPG, "--caption", "x"], "image.caption: is not a field"),
        (["sms", "--to", TO, "--from", "Acme", "--text", "Hi", "--caption", "x"], "--caption: belongs to a medium"),
        (["sms", "--to", TO, "--from", "Acme", "--text", "Hi", "--parameter", "x"], "--parameter: belongs to a"),
        (["rcs", "--to", TO, "--from", "Acme", "--text", "Hi", "--locale", "en"], "--locale: belongs to a WhatsApp"),
        (["rcs", "--to", TO, "--from", "Acme", "--image", JPG, "--failover-sms", "Acme"], "--failover-sms: sends the"),
        (["messenger", "--to", "Ada", "--from", "2", "--text", "Hi", "--failover-sms", "Acme"], "to: must be a phone"),
        (["viber", "--to", TO, "--from", "2", "--video", MP4], "viber_service.duration: is required"),
        (["email", "--to", "a@example.com", "--from", "b@example.com", "--text", "Hi"], "email.subject: is required"),
        (["sms", "--to", "Alice", "--from", "Acme", "--text", "Hi"], "to: must be a phone number"),
        (["sms", "--to", TO, "--from", "Acme", "--text", ""], "text: must not be empty"),
        (["sms", "--to", TO, "--from", "Acme", "--text", "Hi", "--ttl", str(4 * 2**30)], "ttl: must be 20 to 604800"),
        (["--json", "-", "--to", TO, "--text", "Hi"], "leave out --to, --text"),
        (["sms", "--json", "-"], "leave out CHANNEL"),
        (["--json", "no-such-file.json"], "No such file"),
        (["sms", "--to", TO, "--from", "Acme", "--text", "Hi", "--raw"], "--raw belongs to --json."),
    ],
)
def test_what_cannot_work_is_one_sentence_and_exit_code_2(arguments: list[str], sentence: str) -> None:
    assert sentence in refused(*arguments, "--simulator")


def test_missing_credentials_name_the_variables() -> None:
    said = refused("sms", "--to", TO, "--from", "Acme", "--text", "Hi")
    assert said.startswith("no credentials in the environment: set VONAGE_APPLICATION_ID and VONAGE_PRIVATE_KEY")
    assert said.count("\n") == 1


def test_half_given_credentials_name_the_other_half() -> None:
    said = refused("sms", "--to", TO, "--from", "Acme", "--text", "Hi", VONAGE_API_KEY="abcd1234")
    assert said.startswith("VONAGE_API_SECRET is not set")


def test_no_answer_is_exit_code_1_without_a_secret_or_a_traceback() -> None:
    result = send("sms", "--to", TO, "--from", "Acme", "--text", "sesame", **NOWHERE)
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith("no connection to 127.0.0.1")
    assert not any(each in result.stderr for each in ("hush", "sesame", "7700900000", "Traceback"))


def test_an_error_is_red_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    result = send("sms", "--to", "Alice", "--from", "Acme", "--text", "Hi", "--dry-run", FORCE_COLOR="1", TERM="xterm")
    assert result.stderr.startswith("\x1b[31m")
    assert os.environ.get("NO_COLOR") is None


def test_control_characters_do_not_reach_the_terminal() -> None:
    unknown = json.dumps({"channel": "sms", "message_type": "text", "\x1b[2J": 1})
    assert "\x1b" not in refused("--json", "-", "--dry-run", stdin=unknown)


def test_an_answer_that_was_lost_says_that_the_message_may_be_on_its_way() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        reader = threading.Thread(target=_read_and_close, args=(server,))
        reader.start()
        url = f"http://127.0.0.1:{server.getsockname()[1]}"
        result = send("sms", "--to", TO, "--from", "Acme", "--text", "Hi", **{**NOWHERE, "VONAGE_BASE_URL": url})
        reader.join(60)
    assert result.exit_code == 1
    assert result.stderr.endswith("The message may be on its way all the same: look before you send it again.\n")


def _read_and_close(server: socket.socket) -> None:
    server.settimeout(60)
    connection, _ = server.accept()
    with connection:
        connection.settimeout(60)
        connection.recv(65536)
