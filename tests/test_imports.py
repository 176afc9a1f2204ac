"""
What each import loads: the time that it takes is made of that, and this does not depend on how busy a machine is.

A module that appears here too much costs every user's start. ``benchmarks/import_time.py`` tells how much.
"""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.util import find_spec

import pytest

AIOHTTP = frozenset({
    "aiohappyeyeballs", "aiohttp", "aiosignal", "attr", "attrs", "backports", "brotli", "frozenlist", "idna",
    "multidict", "propcache", "typing_extensions", "yarl",
})  # fmt: skip
"""aiohttp and what it loads itself, here or with another version of it."""

FASTER = frozenset({"orjson"} if find_spec("orjson") else ())
"""What the extra ``speed`` brings for JSON: loaded where it is installed, by what reads or writes JSON alone."""

SLOW = frozenset({
    "asyncio", "concurrent", "dataclasses", "email", "http", "json", "logging", "multiprocessing", "socket", "sqlite3",
    "ssl", "subprocess", "tempfile", "tomllib", "uuid", "xml", "zipfile",
})  # fmt: skip
"""Modules of the standard library that a program of values alone should not pay for."""

MESSAGES = "channels channels.base channels.enums channels.rules channels.sms errors values"
WEBHOOKS = (
    "errors values webhooks webhooks.content webhooks.decoding webhooks.envelope webhooks.inbound webhooks.parse "
    "webhooks.reading webhooks.status"
)
SEND_NOTHING = "Sms(to='447700900000', from_='Acme', text='Hello')"


def loaded(program: str) -> set[str]:
    """Run *program* in an interpreter of its own, and give what it has loaded beyond the interpreter itself."""
    listing = f"import sys\nbefore = {{*sys.modules}}\n{program}\nafter = {{*sys.modules}}\n"
    command = [sys.executable, "-c", f"{listing}import json\nprint(json.dumps([*(after - before)]))"]
    finished = subprocess.run(command, check=True, capture_output=True, text=True, timeout=300)  # noqa: S603  our own interpreter
    return set(json.loads(finished.stdout))


def ours(modules: set[str]) -> set[str]:
    """Our modules by their names below the package, without the package and what stands at its door."""
    below = {name.removeprefix("vonage_messages.") for name in modules if name.startswith("vonage_messages.")}
    return below - {"lazy_names", "name_guard"}


def libraries(modules: set[str]) -> set[str]:
    """What others have written, by the names of the packages."""
    roots = {name.partition(".")[0] for name in modules} - sys.stdlib_module_names - {"vonage_messages"}
    return {name for name in roots if not name.startswith(("_", "cython_runtime"))}


@pytest.mark.parametrize(
    ("program", "wanted", "wanted_libraries"),
    [
        ("import vonage_messages", "", set()),
        (f"from vonage_messages import Sms; {SEND_NOTHING}", MESSAGES, {"attr", "attrs"}),
        (
            "from vonage_messages.webhooks import parse_inbound; parse_inbound('{}')",
            WEBHOOKS,
            {"attr", "attrs"} | FASTER,
        ),
    ],
    ids=["package", "message", "webhook"],
)
def test_values_load_their_own_modules_and_nothing_that_waits(
    program: str, wanted: str, wanted_libraries: set[str]
) -> None:
    modules = loaded(program)

    assert ours(modules) == set(wanted.split())
    assert libraries(modules) == wanted_libraries
    bearable = {"json"} | (loaded("import orjson") if FASTER else set()) if "webhooks" in program else set()
    assert modules & (SLOW - bearable) == set()


def test_the_client_loads_what_it_sends_with_and_no_cryptography() -> None:
    modules = loaded("from vonage_messages import Client")

    parts = {name.partition(".")[0] for name in ours(modules)}
    assert parts == {"auth", "channels", "clients", "errors", "guards", "logs", "observe", "values", "wire"}
    assert libraries(modules) <= AIOHTTP | FASTER | {"cattrs"}
    assert {"clients.download", "clients.management", "wire.migrate"} & ours(modules) == set()


def test_the_queue_loads_neither_a_store_nor_the_simulator() -> None:
    modules = loaded("from vonage_messages import SendQueue")

    assert "opentelemetry" not in libraries(modules)
    parts = {name.partition(".")[0] for name in ours(modules)}
    assert parts & {"bulk", "cli", "ledger", "onboarding", "simulator", "stores", "testing", "workers"} == set()
