"""The programs of docs/scaling.md, the example of many machines and what is deployed: they run as they stand."""

from __future__ import annotations

import asyncio
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path
from types import ModuleType
from typing import Any

import aiohttp
import procrastinate
import pytest
import yaml
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from vonage_messages.ledger import NewRow, State
from vonage_messages.simulator import Simulator
from vonage_messages.stores.postgres import PostgresLedgerStore
from vonage_messages.webhooks import sign_webhook

ROOT = Path(__file__).parent.parent.parent
DEPLOY = ROOT / "examples" / "deploy"
PROGRAMS = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "scaling.md").read_text(encoding="utf-8"), re.DOTALL)
SECRET = "signature-secret-of-many-machines"
MACHINES = "many_machines"
LONGEST_RUN = 60
PYTHON = [sys.executable, "-IS", str(Path(__file__).parents[1] / "forked.py")]
pytestmark = pytest.mark.usefixtures("forked")


async def run(*arguments: str, environment: dict[str, str]) -> tuple[str, str]:
    process = await asyncio.create_subprocess_exec(
        *(*PYTHON, "-W", "error", *arguments),
        env={**os.environ, **environment},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        output, errors = await asyncio.wait_for(process.communicate(), LONGEST_RUN)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode == 0, errors.decode()
    return output.decode(), errors.decode()


def without_the_engine_s_advice(errors: str) -> str:
    """Leave out that an App in the program itself has tasks that no other program can name: ours have names."""
    return re.sub(r"(App|Blueprint) is instantiated in the main Python module .*\n", "", errors)


async def test_campaign_of_the_documentation_is_put_there(database: str) -> None:
    output, errors = await run("-c", PROGRAMS[0], environment={"VONAGE_DATABASE_URL": database})
    assert without_the_engine_s_advice(errors) == ""
    assert output == "450 added, 0 there already\n"
    async with PostgresLedgerStore(database) as ledger:
        assert (await ledger.counts())[State.PENDING] == 450


async def row_in_doubt(database: str) -> None:
    async with PostgresLedgerStore(database) as ledger:
        await ledger.add([NewRow(key="k", ref="the-ref", payload=b"{}")], now=time.time())
        now = time.time()
        await ledger.claim("dead", count=1, lease_until=now + 5, now=now)
        await ledger.mark_sending([1], owner="dead", now=now)
        await ledger.recover("other", now=now + 10)
        assert (await ledger.counts())[State.IN_DOUBT] == 1


async def settle_over(app: web.Application, database: str) -> None:
    """Let a signed status come in, and look at the row that it is of."""
    await row_in_doubt(database)
    status = {
        "message_uuid": "aaaaaaaa-bbbb-4ccc-8ddd-0123456789ab",
        "to": "447700900000",
        "from": "447700900001",
        "timestamp": "2026-11-01T09:30:00Z",
        "status": "delivered",
        "channel": "sms",
        "client_ref": "the-ref",
    }
    body = json.dumps(status).encode()
    signed = sign_webhook(body, SECRET, api_key="abcd1234", issued_at=int(time.time()))
    headers = {**signed, "Content-Type": "application/json"}
    async with TestClient(TestServer(app)) as client:
        answer = await client.post("/webhooks/message-status", data=body, headers=headers)
        assert answer.status == 200
    async with PostgresLedgerStore(database) as ledger:
        assert (await ledger.counts())[State.ACCEPTED] == 1


async def test_handler_of_the_documentation_settles_what_is_in_doubt(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VONAGE_DATABASE_URL", database)
    monkeypatch.setenv("VONAGE_SIGNATURE_SECRET", SECRET)
    names: dict[str, Any] = {"__name__": "of_the_documentation"}
    exec(compile(PROGRAMS[1], "scaling.md", "exec"), names)  # noqa: S102  our own page
    await settle_over(names["app"], database)


def test_every_program_of_the_page_is_run_here() -> None:
    assert len(PROGRAMS) == 2


async def test_two_machines_share_a_campaign(database: str, simulator: Simulator) -> None:
    numbers = [str(447700900000 + number) for number in range(40)]
    environment = {
        **simulator.environment(),
        "VONAGE_DATABASE_URL": database,
        "SMS_SENDER_ID": "Acme",
        "MESSAGES_TO_NUMBERS": ",".join(numbers),
    }
    program = str(ROOT / "examples" / f"{MACHINES}.py")
    async with procrastinate.App(connector=procrastinate.PsycopgConnector(conninfo=database)).open_async() as app:
        await app.schema_manager.apply_schema_async()
    runs = await asyncio.gather(*(run(program, environment=environment) for _ in range(2)))
    assert [without_the_engine_s_advice(errors) for _, errors in runs] == ["", ""]
    outputs = sorted(output for output, _ in runs)
    assert [output.splitlines()[0] for output in outputs] == ["0 added, 40 there already", "40 added, 0 there already"]
    assert all(output.splitlines()[1] == "40 accepted, 0 failed, 0 in doubt" for output in outputs)
    assert sorted(message.to for message in simulator.messages) == numbers


# What is deployed -------------------------------------------------------------------------------------------------


def campaign_app() -> ModuleType:
    spec = importlib.util.spec_from_file_location("campaign_app", DEPLOY / "campaign_app.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


async def test_deployed_program_enqueues_works_and_tells_its_health(
    database: str, simulator: Simulator, tmp_path: Path, unused_tcp_port: int
) -> None:
    campaign = tmp_path / "spring.csv"
    campaign.write_text("to,text\n447700900000,Hello\n447700900001,Hello too\n")
    environment = {**simulator.environment(), "VONAGE_DATABASE_URL": database, "SMS_SENDER_ID": "Acme"}
    environment["HEALTH_PORT"] = str(unused_tcp_port)
    program = str(DEPLOY / "campaign_app.py")
    output, _ = await run(program, "enqueue", str(campaign), environment=environment)
    assert output == "2 added, 0 there already\n"
    output, _ = await run(program, "enqueue", str(campaign), environment=environment)
    assert output == "0 added, 2 there already\n"
    worker = await asyncio.create_subprocess_exec(
        *(*PYTHON, program, "work"), env={**os.environ, **environment}, stderr=asyncio.subprocess.DEVNULL
    )
    try:
        async with asyncio.timeout(LONGEST_RUN):
            while len(simulator.messages) < 2:  # noqa: ASYNC110  another process sets no event here
                await asyncio.sleep(0.05)
        async with (
            aiohttp.ClientSession() as session,
            session.get(f"http://127.0.0.1:{unused_tcp_port}/healthz") as answer,
        ):
            assert answer.status == 200
        worker.terminate()
        assert await asyncio.wait_for(worker.wait(), LONGEST_RUN) == 0
    finally:
        if worker.returncode is None:
            worker.kill()
            await worker.wait()


async def test_deployed_webhooks_settle_what_is_in_doubt(database: str) -> None:
    await settle_over(campaign_app().web_app(database, SECRET), database)


async def test_compose_file_starts_what_the_program_knows(simulator: Simulator) -> None:
    document = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
    services = document["services"]
    assert {name: service.get("command") for name, service in services.items()} == {
        "database": None,
        "worker": ["work"],
        "webhooks": ["webhooks"],
    }
    source = (DEPLOY / "campaign_app.py").read_text()
    for name in {*services["worker"]["environment"], *services["webhooks"]["environment"]}:
        assert name in source or name in simulator.environment(), name
    assert all(":" in port and port.startswith("127.0.0.1:") for port in services["webhooks"]["ports"])


@pytest.mark.needs("systemd-analyze")
def test_unit_is_one_that_systemd_takes(tmp_path: Path) -> None:
    unit = tmp_path / "vonage-worker@1.service"
    text = (DEPLOY / "vonage-worker@.service").read_text()
    unit.write_text(text.replace("/opt/campaign/bin/vonage-messages", sys.executable))  # it looks whether that is there
    checked = subprocess.run(  # noqa: S603  a program of the system, on our own file
        [str(shutil.which("systemd-analyze")), "verify", "--man=no", str(unit)],
        capture_output=True,
        text=True,
        check=False,
        timeout=LONGEST_RUN,
    )
    ours = [line for line in checked.stderr.splitlines() if "vonage-worker" in line]
    assert ours == []


def test_unit_s_command_is_one_of_ours() -> None:
    from vonage_messages.cli.workers import run as command  # noqa: PLC0415  of the extra

    text = (DEPLOY / "vonage-worker@.service").read_text()
    (line,) = re.findall(r"^ExecStart=\S+ workers run (.*)$", text, re.MULTILINE)
    known = {option for parameter in command.params for option in parameter.opts}
    assert {word for word in line.split() if word.startswith("--")} <= known
