"""The package as built: what the wheel holds, and that it works where only the wheel and its dependencies stand."""

from __future__ import annotations

import ast
from email.parser import Parser
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING
from zipfile import ZipFile

import pytest

if TYPE_CHECKING:
    from email.message import Message

    from .conftest import Environment

ROOT = Path(__file__).parents[2]
LARGEST_WHEEL = 900_000
"""
Bytes: what the parts of the package may have together, which leaves no room for samples, tests or recordings.

The goal of 400,000 is missed: it has some 880,000, of which the simulator takes a quarter. Without a single docstring
and comment it would still be some 600,000.
"""

USE_EVERY_NAME = """
import importlib.metadata, vonage_messages
for name in vonage_messages.__all__:
    getattr(vonage_messages, name)
print(len(vonage_messages.__all__), vonage_messages.__version__, importlib.metadata.version("vonage-messages-async"))
"""

NEED_AN_EXTRA = (
    "vonage_messages.cli.",
    "vonage_messages.stores.postgres",
    "vonage_messages.stores.redis",
    "vonage_messages.telemetry",
    "vonage_messages.workers",
    "vonage_messages.testing.plugin",
)
"""The last one is imported by pytest alone."""

IMPORT_EVERY_MODULE = f"""
import importlib, pkgutil, vonage_messages
def failed(name):
    if not name.startswith({NEED_AN_EXTRA}):
        raise
for module in pkgutil.walk_packages(vonage_messages.__path__, "vonage_messages.", failed):
    if not module.name.startswith({NEED_AN_EXTRA}):
        importlib.import_module(module.name)
        print(module.name)
"""

IMPORT_WHAT_NEEDS_AN_EXTRA = """
import importlib
from vonage_messages import MissingExtraError
for name in ("stores.postgres", "stores.redis", "telemetry", "workers"):
    try:
        importlib.import_module(f"vonage_messages.{name}")
    except MissingExtraError as error:
        print(error)
"""

SEND_TO_THE_SIMULATOR = """
import asyncio
from vonage_messages import InvalidMessageError, Sms
from vonage_messages.simulator import Simulator

async def main():
    async with Simulator() as simulator, simulator.client() as client:
        sent = await client.send(Sms(to="447700900000", from_="Acme", text="Hello"))
        print(len(simulator.messages), sent.message_uuid == simulator.messages[0].message_uuid)
    try:
        Sms(to="a name", from_="Acme", text="")
    except InvalidMessageError as error:
        print("refused", "to" in str(error), "text" in str(error))
    print("assertions", __debug__)

asyncio.run(main())
"""


@pytest.fixture(scope="module")
def names(wheel: Path) -> set[str]:
    """The name of each file in our wheel."""
    return names_in(wheel)


@pytest.fixture(scope="module")
def metadata(wheel: Path) -> Message:
    """The METADATA of our wheel."""
    with ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        return Parser().parsestr(archive.read(name).decode())


def names_in(wheel: Path) -> set[str]:
    with ZipFile(wheel) as archive:
        return set(archive.namelist())


def sources_in(folder: Path) -> set[str]:
    """The files of the package in a source tree, by their names below it."""
    files = (path.relative_to(folder) for path in (folder / "vonage_messages").rglob("*") if path.is_file())
    return {path.as_posix() for path in files if "__pycache__" not in path.parts}


def test_the_wheel_holds_every_file_of_the_package_and_nothing_else(names: set[str]) -> None:
    assert {name for name in names if ".dist-info/" not in name} == sources_in(ROOT)


def test_the_wheel_is_marked_as_typed(names: set[str]) -> None:
    assert "vonage_messages/py.typed" in names


@pytest.mark.parametrize("version", ["v1", "v0_1"])
def test_the_wheel_holds_the_rule_tables_of_the_simulator(names: set[str], version: str) -> None:
    assert f"vonage_messages/simulator/rules/{version}.json" in names


def test_the_wheel_holds_the_licence_of_the_tree(wheel: Path, names: set[str]) -> None:
    (name,) = (name for name in names if name.endswith(".dist-info/licenses/LICENSE"))
    with ZipFile(wheel) as archive:
        licence = archive.read(name)

    assert licence == (ROOT / "LICENSE").read_bytes()
    assert b"Apache License\n                           Version 2.0, January 2004" in licence


def test_the_wheel_is_small(wheel: Path) -> None:
    assert wheel.stat().st_size < LARGEST_WHEEL


def test_the_wheel_needs_five_libraries_beside_its_extras(metadata: Message) -> None:
    required = [line for line in metadata.get_all("Requires-Dist", []) if "extra ==" not in line]

    names_alone = sorted(line.partition(">=")[0] for line in required)
    assert names_alone == ["aiohttp", "attrs", "cattrs", "cryptography", "pyjwt"]


def test_the_wheel_tells_its_licence_and_the_oldest_python(metadata: Message) -> None:
    assert (metadata["License-Expression"], metadata["Requires-Python"]) == ("Apache-2.0", ">=3.11")


def test_the_package_states_nothing_by_assert(wheel: Path, names: set[str]) -> None:
    with ZipFile(wheel) as archive:
        trees = {name: ast.parse(archive.read(name)) for name in names if name.endswith(".py")}

    assert [name for name, tree in trees.items() if any(isinstance(node, ast.Assert) for node in ast.walk(tree))] == []


def test_no_file_but_init_is_in_the_wheel_of_the_official_package_too(names: set[str], official_wheel: Path) -> None:
    assert names & names_in(official_wheel) == {"vonage_messages/__init__.py"}


def test_no_module_is_called_like_one_of_the_official_package(names: set[str], official_wheel: Path) -> None:
    assert modules_of(names) & modules_of(names_in(official_wheel)) == {"__init__"}


def modules_of(names: set[str]) -> set[str]:
    """What can be imported right below the package: modules and folders, by name."""
    below = (
        PurePosixPath(name).relative_to("vonage_messages") for name in names if name.startswith("vonage_messages/")
    )
    return {path.parts[0].removesuffix(".py") for path in below}


@pytest.mark.parametrize("optimised", [[], ["-O"]], ids=["plain", "python -O"])
def test_every_public_name_of_the_installed_wheel_imports(ours_alone: Environment, optimised: list[str]) -> None:
    finished = ours_alone.python("-I", *optimised, "-W", "error", "-c", USE_EVERY_NAME)

    assert finished.stderr == ""
    count, version, of_metadata = finished.stdout.split()
    assert int(count) > 100
    assert version == of_metadata


def test_every_module_of_the_installed_wheel_imports_without_an_extra(ours_alone: Environment, names: set[str]) -> None:
    finished = ours_alone.python("-I", "-W", "error", "-c", IMPORT_EVERY_MODULE)

    assert finished.stderr == ""
    inside = (PurePosixPath(name).with_suffix("") for name in names if name.endswith(".py"))
    modules = {".".join(path.parts).removesuffix(".__init__") for path in inside} - {"vonage_messages"}
    assert set(finished.stdout.split()) == {name for name in modules if not name.startswith(NEED_AN_EXTRA)}


def test_what_needs_an_extra_says_which(ours_alone: Environment) -> None:
    finished = ours_alone.python("-I", "-W", "error", "-c", IMPORT_WHAT_NEEDS_AN_EXTRA)

    assert finished.stderr == ""
    assert finished.stdout.splitlines() == [
        'PostgreSQL needs psycopg and psycopg-pool: pip install "vonage-messages-async[workers]"',
        'Redis needs the package redis: pip install "vonage-messages-async[redis]"',
        'Telemetry needs the API of OpenTelemetry: pip install "vonage-messages-async[otel]"',
        'Workers need procrastinate and psycopg: pip install "vonage-messages-async[workers]"',
    ]


@pytest.mark.parametrize("optimised", [[], ["-O"]], ids=["plain", "python -O"])
def test_the_installed_wheel_sends_to_its_own_simulator(ours_alone: Environment, optimised: list[str]) -> None:
    finished = ours_alone.python("-I", *optimised, "-W", "error", "-c", SEND_TO_THE_SIMULATOR)

    assert finished.stderr == ""
    assert finished.stdout.splitlines() == ["1 True", "refused True True", f"assertions {not optimised}"]


def test_the_installed_command_says_which_extra_it_needs(ours_alone: Environment) -> None:
    finished = ours_alone.script("vonage-messages", "demo")

    assert finished.returncode == 2
    assert finished.stderr.splitlines() == [
        'The command vonage-messages needs click and rich: pip install "vonage-messages-async[cli]"'
    ]
