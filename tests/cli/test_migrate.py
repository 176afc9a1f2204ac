"""``migrate``: JSON and JSON Lines in, the other version out, and every loss and refusal with its line."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from vonage_messages import migrate
from vonage_messages.cli.application import application


def old(text: str = "Hi", **further: Any) -> dict[str, Any]:
    return {
        "to": {"type": "sms", "number": "447700900000"},
        "from": {"type": "sms", "number": "Acme"},
        "message": {"content": {"type": "text", "text": text}},
        **further,
    }


def new(text: str = "Hi", **further: Any) -> dict[str, Any]:
    return {
        "channel": "sms",
        "message_type": "text",
        "to": "447700900000",
        "from": "Acme",
        "text": text,
        **further,
    }


def run(*arguments: str | Path, stdin: str | bytes | None = None) -> Result:
    return CliRunner().invoke(application, ["migrate", *map(str, arguments)], input=stdin)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def written(name: str, text: str) -> str:
    Path(name).write_text(text, encoding="utf-8")
    return name


@pytest.mark.usefixtures("folder")
def test_an_object_becomes_an_object() -> None:
    result = run(written("a.json", json.dumps(old("Grüße"), indent=4)))
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout == json.dumps(new("Grüße"), indent=2, ensure_ascii=False) + "\n"


@pytest.mark.usefixtures("folder")
def test_an_array_becomes_an_array() -> None:
    result = run(written("a.json", json.dumps([old("1"), old("2")], indent=2)))
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout == json.dumps([new("1"), new("2")], indent=2) + "\n"
    assert run(written("a.json", " [\n ] ")).stdout == "[]\n"


@pytest.mark.usefixtures("folder")
def test_lines_become_lines() -> None:
    lines = [json.dumps(old(text)) for text in ("1", "2", "\ud800")]
    result = run(written("a.jsonl", "\n".join(["", *lines, ""])))
    assert (result.exit_code, result.stderr) == (0, "")
    assert [json.loads(line) for line in result.stdout.splitlines()] == [new("1"), new("2"), new("\ud800")]
    array = written("b.json", json.dumps([old("3"), old("4")], indent=1))
    assert [json.loads(line) for line in run("--lines", array).stdout.splitlines()] == [new("3"), new("4")]


@pytest.mark.usefixtures("folder")
def test_it_goes_back_as_well() -> None:
    result = run("--to", "v0.1", written("a.json", json.dumps(new(), indent=1)))
    assert json.loads(result.stdout) == old()
    assert json.loads(run("-", stdin=result.stdout).stdout) == new()


@pytest.mark.usefixtures("folder")
def test_losses_are_told_with_their_lines_and_the_rest_is_written() -> None:
    lines = [json.dumps(each) for each in (new(), new(ttl=60), new(webhook_url="https://example.com"))]
    result = run("--to", "v0.1", written("a.jsonl", "\n\n".join(lines)))
    assert result.exit_code == 0
    assert [json.loads(line) for line in result.stdout.splitlines()] == [old()] * 3
    assert result.stderr.splitlines() == [
        "a.jsonl, line 3: lost: ttl: the other version has no place for it",
        "a.jsonl, line 5: lost: webhook_url: the other version has no place for it",
        "1 carried whole, 2 with losses, 0 refused",
    ]


@pytest.mark.usefixtures("folder")
def test_strict_refuses_what_loses_something() -> None:
    result = run("--to", "v0.1", "--strict", written("a.jsonl", f"{json.dumps(new(ttl=60))}\n{json.dumps(new())}\n"))
    assert result.exit_code == 1
    assert [json.loads(line) for line in result.stdout.splitlines()] == [old()]
    assert result.stderr.splitlines() == [
        "a.jsonl, line 1: refused: ttl: the other version has no place for it",
        "1 carried whole, 0 with losses, 1 refused",
    ]


@pytest.mark.usefixtures("folder")
def test_what_is_refused_does_not_stop_the_others() -> None:
    lines = [json.dumps(old()), "{", "[1]", '{"a": NaN}', '{"to": "44"}', "[" * 100_000, json.dumps(old("last"))]
    result = run(written("a.jsonl", "\n".join(lines)), written("b.json", '{"a": 1}'))
    assert result.exit_code == 1
    assert [json.loads(line) for line in result.stdout.splitlines()] == [new(), new("last")]
    refused = result.stderr.splitlines()
    assert [each.partition(": refused: ")[0] for each in refused[:-1]] == [
        *(f"a.jsonl, line {number}" for number in (2, 3, 4, 5, 6)),
        "b.json, line 1",
    ]
    assert [each.partition(": refused: ")[2].partition(":")[0] for each in refused[:-1]] == [
        "is no JSON",
        "must be a JSON object",
        "is no JSON",
        "from",
        "is no JSON",
        "from",
    ]
    assert refused[-1] == "2 carried whole, 0 with losses, 6 refused"


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ('{\n"a": 1,\nb}', 3),
        ('[\n{"to": 1},\n{"to" 2}]', 3),
        ('[\n{"to": 1}\n{"to": 2}]', 3),
        ('[\n{"to": 1},\n', 3),
        ('[\n{"to": 1},\nb]', 3),
        ("\n\nnot json", 3),
        ('{\n"a": 1}\n}', 3),
        ('[\n{"a": NaN}]', 2),
    ],
)
@pytest.mark.usefixtures("folder")
def test_what_is_no_json_is_refused_with_its_line(text: str, line: int) -> None:
    result = run(written("a.json", text))
    assert result.exit_code == 1
    assert f"a.json, line {line}: refused: is no JSON" in result.stderr
    assert "Traceback" not in result.output


@pytest.mark.usefixtures("folder")
def test_an_item_of_an_array_is_named_by_its_line() -> None:
    result = run(written("a.json", json.dumps([old(), {"to": 1}, old()], indent=1)))
    number = result.stderr.partition("line ")[2].partition(":")[0]
    assert json.dumps([old(), {"to": 1}, old()], indent=1).splitlines()[int(number) - 1] == " {"
    assert int(number) > 10
    assert json.loads(result.stdout) == [new(), new()]


@pytest.mark.usefixtures("folder")
def test_files_that_cannot_be_read_are_told() -> None:
    Path("bad.json").write_bytes(b'{"a": "\xff"}')
    result = run("bad.json", written("a.json", json.dumps(old())))
    assert result.exit_code == 1
    assert "bad.json: cannot be read: it is no UTF-8" in result.stderr
    assert json.loads(result.stdout) == new()
    assert run("missing.json").exit_code == 2
    assert run().exit_code == 2


@pytest.mark.usefixtures("folder")
def test_an_empty_file_has_no_document() -> None:
    result = run(written("a.jsonl", "\n \n"))
    assert (result.exit_code, result.output) == (0, "")


def test_every_kind_of_document_goes_through_a_pipe() -> None:
    callback = {"message_uuid": "aaaaaaaa-bbbb-4ccc-8ddd-0123456789ab", "timestamp": "2020-01-01T14:00:00.000Z"}
    parties = {name: old()[name] for name in ("to", "from")}
    documents = [
        old(),
        {**callback, **old(), "usage": {"currency": "EUR", "price": "0.0333"}},
        {**callback, **parties, "status": "rejected", "error": {"code": 1330, "reason": "Unknown"}},
        {"workflow": [old("1"), old("2")]},
    ]
    result = subprocess.run(
        [sys.executable, "-W", "error", "-m", "vonage_messages", "migrate", "-"],
        input="\ufeff" + "\r\n".join(map(json.dumps, documents)),
        capture_output=True,
        encoding="utf-8",
        timeout=60,
        check=False,
        env={**os.environ, "PYTHONIOENCODING": "ascii"},
    )
    assert (result.returncode, result.stderr) == (0, "")
    assert [json.loads(line) for line in result.stdout.splitlines()] == [
        migrate.to_v1(document).payload for document in documents
    ]
