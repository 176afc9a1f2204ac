"""What users do first, from the wheel with its extra for the command: the command, the examples, every public name."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from .conftest import Environment

ROOT = Path(__file__).parents[2]
EXAMPLES = [
    *sorted((ROOT / "examples").glob("send_*.py")),
    *sorted((ROOT / "examples" / "snippets").glob("*_send_*.py")),
    *(ROOT / "examples" / name for name in ("failover.py", "plan_campaign.py")),
    *(ROOT / "examples" / "snippets" / f"{name}.py" for name in ("custom_objects", "getting_started", "migrate_to_v1")),
]
"""Programs that end by themselves, quickly, and need no extra."""

SETTINGS = {
    "FROM_NUMBER": "Acme",
    "MESSAGES_TO_NUMBER": "+44 7700 900000",
    "MESSENGER_RECIPIENT_ID": "7064120230221346",
    "MESSENGER_SENDER_ID": "107083064136738",
    "MMS_SENDER_ID": "14155550100",
    "MMS_TO_NUMBER": "14155550101",
    "RCS_SENDER_ID": "Acme",
    "SMS_SENDER_ID": "Acme",
    "TO_NUMBER": "447700900000",
    "VIBER_SENDER_ID": "22353",
    "VIBER_TEMPLATE_NAME": "verify",
    "WHATSAPP_SENDER_ID": "447700900001",
    "WHATSAPP_TEMPLATE_NAME": "order_shipped",
}

RUN_EXAMPLES = """
import asyncio, contextlib, io, json, os, runpy, sys, threading, traceback
from vonage_messages.simulator import Simulator

loop = asyncio.new_event_loop()
thread = threading.Thread(target=loop.run_forever)
thread.start()
simulator = Simulator(rate=None)  # a fast machine sends more than thirty in a second
asyncio.run_coroutine_threadsafe(simulator.start(), loop).result()
os.environ.update(simulator.environment())
for path in sys.argv[1:]:
    before, output = len(simulator.messages), io.StringIO()
    with contextlib.redirect_stdout(output):
        try:
            runpy.run_path(path, run_name="__main__")
        except BaseException:
            traceback.print_exc()
    print(json.dumps([path, output.getvalue(), len(simulator.messages) - before]))
print(json.dumps(len(simulator.refusals)))
asyncio.run_coroutine_threadsafe(simulator.stop(), loop).result()
loop.call_soon_threadsafe(loop.stop)
thread.join()
loop.close()
"""

HELP_OF_EVERY_COMMAND = """
import click
from vonage_messages.cli.application import application

def walk(command, context):
    print(context.command_path, len(command.get_help(context)) > 100)
    for name in command.list_commands(context) if isinstance(command, click.Group) else ():
        inner = command.get_command(context, name)
        walk(inner, click.Context(inner, info_name=name, parent=context))

walk(application, click.Context(application, info_name="vonage-messages"))
"""

IMPORT_EVERY_NAME = """
import importlib, sys
for name in sys.argv[1:]:
    module, _, name = name.rpartition(".")
    getattr(importlib.import_module(module), name)
print(len(sys.argv) - 1)
"""
NEED_AN_EXTRA = (
    "vonage_messages.stores.postgres",
    "vonage_messages.stores.redis",
    "vonage_messages.telemetry",
    "vonage_messages.workers",
)


@pytest.fixture(scope="module")
def with_command(ours_alone: Environment, wheel: Path) -> Environment:
    """Our wheel with the extra ``[cli]``. Not to be changed."""
    environment = ours_alone.copy()
    environment.pip("install", f"{wheel}[cli]")
    return environment


def test_every_public_name_of_every_module_imports(ours_alone: Environment) -> None:
    names = (ROOT / "tests" / "public_names.txt").read_text(encoding="utf-8").split()
    wanted = [name for name in names if not name.startswith(NEED_AN_EXTRA)]

    finished = ours_alone.python("-I", "-W", "error", "-c", IMPORT_EVERY_NAME, *wanted)

    assert (finished.stdout, finished.stderr) == (f"{len(wanted)}\n", "")


def test_the_installed_demo_sends_every_message_of_every_channel(with_command: Environment) -> None:
    finished = with_command.script("vonage-messages", "demo")

    assert (finished.returncode, finished.stderr) == (0, ""), finished.stdout
    assert {"sms", "mms", "rcs", "whatsapp", "messenger", "viber_service", "email"} <= set(finished.stdout.split())


def test_every_installed_command_tells_what_it_does(with_command: Environment) -> None:
    finished = with_command.python("-I", "-W", "error", "-c", HELP_OF_EVERY_COMMAND)

    lines = finished.stdout.splitlines()
    assert (finished.stderr, [line for line in lines if not line.endswith(" True")]) == ("", [])
    named = [
        "demo",
        "send",
        "bulk",
        "simulator",
        "listen",
        "segments",
        "accounts",
        "migrate",
        "setup",
        "doctor",
        "workers",
    ]
    assert {f"vonage-messages {name} True" for name in named} <= set(lines)


def test_the_examples_run_from_the_wheel(ours_alone: Environment) -> None:
    copied = [shutil.copy(path, ours_alone.home / path.name) for path in EXAMPLES]

    finished = ours_alone.python("-I", "-W", "error", "-c", RUN_EXAMPLES, *map(str, copied), **SETTINGS)

    assert finished.stderr == ""
    *runs, refusals = [json.loads(line) for line in finished.stdout.splitlines()]
    assert [path for path, output, _ in runs if not output] == []
    sends_nothing = {"plan_campaign.py"}
    assert [path for path, _, sent in runs if not sent and Path(path).name not in sends_nothing] == []
    assert (len(runs), refusals) == (len(EXAMPLES), 0)
