"""Copying a message as code: what comes out is run, and must make the very same request."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, Self

import attrs
import pytest

from vonage_messages import to_payload
from vonage_messages.simulator import Simulator
from vonage_messages.simulator.inbox.snippets import as_curl, as_python

PYTHON = [sys.executable, "-IS", str(Path(__file__).parents[2] / "forked.py")]
SAMPLES = Path(__file__).parents[2] / "samples"
RUN_FOR_REAL = [
    ("v1", "sms-text-minimal"),
    ("v1", "rcs-carousel-full"),
    ("v1", "failover-whatsapp-rcs-viber-sms"),
    ("v0.1", "whatsapp-template-full"),
]


SENT = attrs.make_class("Sent", ["message_uuid"])("1")


class Recorder:
    """Stands in for ``Client`` where hundreds of programs are run: it keeps what would be sent."""

    sent: dict[str, Any]

    @classmethod
    def from_env(cls) -> Recorder:
        return cls()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None: ...

    async def send(self, message: Any, *, failover: list[Any] | None = None, api_version: Any = "v1") -> Any:
        whole = message if failover is None else attrs.evolve(message, failover=failover)
        Recorder.sent = to_payload(whole, api_version)
        return SENT


def samples() -> list[Any]:
    return [
        pytest.param(version, path, id=f"{version}-{path.stem}")
        for version in ("v1", "v0.1")
        for path in sorted((SAMPLES / version / "requests").glob("*.json"))
    ]


def read(version: str, name: str) -> dict[str, Any]:
    payload: dict[str, Any] = json.loads((SAMPLES / version / "requests" / f"{name}.json").read_text(encoding="utf-8"))
    return payload


async def run(program: str) -> dict[str, Any]:
    names: dict[str, Any] = {}
    exec(compile(program.replace("asyncio.run(main())", ""), "copied.py", "exec"), names)  # noqa: S102  our own words
    names["Client"] = Recorder
    Recorder.sent = {}
    await names["main"]()
    return Recorder.sent


@pytest.mark.each(("version", "path"), samples())
async def test_the_copied_program_sends_the_very_message(version: str, path: Path) -> None:
    payload = read(version, path.stem)

    program = as_python(payload, version)

    assert await run(program) == payload
    assert "RawMessage" not in program


async def test_what_the_classes_refuse_is_copied_as_a_raw_message() -> None:
    payload = {"channel": "sms", "message_type": "text", "to": "447700900000", "from": "Acme", "text": "Hi", "new": [1]}

    program = as_python(payload, "v1")

    assert "RawMessage" in program
    assert await run(program) == payload


async def test_quotes_in_a_message_stay_inside_the_program() -> None:
    text = "'\"\"\"\\\n\r\t{}' + __import__('os').abort() # $HOME `id` \u2028"
    payload = {"channel": "sms", "message_type": "text", "to": "447700900000", "from": "Acme", "text": text}

    assert await run(as_python(payload, "v1")) == payload


def environment(simulator: Simulator) -> dict[str, str]:
    return {**os.environ, **simulator.environment()}


@pytest.mark.usefixtures("forked")
@pytest.mark.parametrize(("version", "name"), RUN_FOR_REAL)
async def test_the_copied_program_reaches_the_simulator(version: str, name: str) -> None:
    payload = read(version, name)
    async with Simulator(rate=None) as simulator:
        process = await asyncio.create_subprocess_exec(
            *PYTHON, "-c", as_python(payload, version), env=environment(simulator)
        )
        assert await process.wait() == 0

        assert simulator.messages[0].payload == payload
        assert simulator.messages[0].version == version


@pytest.mark.needs("curl")
@pytest.mark.parametrize("text", ["Hello", 'It\'s "here" $HOME `id` \\ \n ⛴'])
async def test_the_copied_command_reaches_the_simulator(text: str) -> None:
    payload = {"channel": "sms", "message_type": "text", "to": "447700900000", "from": "Acme", "text": text}
    async with Simulator(rate=None) as simulator:
        process = await asyncio.create_subprocess_exec(
            "/bin/sh",
            "-c",
            as_curl(payload, "v1") + " --silent --noproxy '*'",
            env=environment(simulator),
            stdout=subprocess.PIPE,
        )
        answer, _ = await process.communicate()

        assert json.loads(answer) == {"message_uuid": simulator.messages[0].message_uuid}
        assert simulator.messages[0].payload == payload


def test_no_secret_stands_in_what_is_copied() -> None:
    payload = {"channel": "sms", "message_type": "text", "to": "447700900000", "from": "Acme", "text": "Hello"}

    assert "$VONAGE_API_SECRET" in as_curl(payload, "v1")
    assert "from_env()" in as_python(payload, "v1")
