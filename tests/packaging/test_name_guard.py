"""
The import name, shared with Vonage's own SDK: both packages are really installed, in both orders, and removed again.

Both wheels come from the wheelhouse that ``make test`` fetches; nothing here reaches the network.
"""

from __future__ import annotations

import ast
import functools
import json
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from vonage_messages.name_guard import _other_distribution

if TYPE_CHECKING:
    from collections.abc import Callable

    from .conftest import Environment

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "vonage_messages"
GUARD = PACKAGE / "name_guard.py"
COMMANDS = [
    "pip uninstall -y vonage vonage-messages vonage-messages-async",
    "pip install --force-reinstall vonage-messages-async",
]


def doors() -> list[str]:
    """The modules that ask the guard before they go on."""
    return sorted(
        ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        for path in PACKAGE.rglob("*.py")
        if any(
            isinstance(node, ast.Expr) and ast.unparse(node.value) == "check_name()"
            for node in ast.parse(path.read_text("utf-8")).body
        )
    )


DOORS = doors()
DOORS_BESIDE_INIT = [door for door in DOORS if door != "vonage_messages"]


GO_THROUGH_DOORS = """
import json, os, runpy, sys

found = {}
for door in sys.argv[1:]:
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        os.dup2(writing, 1)
        os.dup2(writing, 2)
        if door.endswith(".__main__"):
            runpy.run_module("vonage_messages", run_name="__main__", alter_sys=True)
        else:
            __import__(door)
            print(sys.modules[door].__file__)
        sys.exit()
    os.close(writing)
    with open(reading) as output:
        text = output.read()
    found[door] = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), text]
print(json.dumps(found))
"""
"""Each door in a process of its own, which has imported nothing of ours: a fork takes a hundredth of a new start."""


@functools.cache
def behind_doors(environment: Environment) -> dict[str, tuple[int, str]]:
    """Go through every door of an environment; give the exit code and what was printed, on whichever stream."""
    finished = environment.python("-c", GO_THROUGH_DOORS, *DOORS)
    assert finished.stderr == ""
    return {door: (code, output) for door, (code, output) in json.loads(finished.stdout).items()}


def entered(environment: Environment, door: str) -> str:
    """Go through a door that must be shut, and give what was printed."""
    code, output = behind_doors(environment)[door]
    assert code == 1, output
    return output


def last_error(output: str) -> str:
    """The sentence of the exception that ended a program, without its traceback."""
    return output[output.index("\nImportError: ") :]


def assert_says_how_to_mend(output: str) -> None:
    sentence = last_error(output)
    assert "vonage-messages (Vonage's synchronous SDK)" in sentence
    assert "vonage-messages-async" in sentence.splitlines()[1]
    assert [line.strip() for line in sentence.splitlines() if line.startswith("    pip ")] == COMMANDS


def test_every_door_of_the_package_asks_the_guard() -> None:
    wanted = {"vonage_messages", "vonage_messages.clients", "vonage_messages.simulator", "vonage_messages.__main__"}
    if (PACKAGE / "webhooks").exists():
        wanted.add("vonage_messages.webhooks")
    assert wanted <= set(DOORS)


@pytest.mark.parametrize("door", DOORS)
def test_a_door_is_open_where_ours_stands_alone(ours_alone: Environment, door: str) -> None:
    code, output = behind_doors(ours_alone)[door]

    if door.endswith(".__main__"):  # past the guard, it misses its extra
        assert (code, "needs click and rich" in output) == (2, True), output
    else:
        assert code == 0, output
        assert Path(output.strip()).is_relative_to(ours_alone.root)


def test_where_theirs_came_last_the_package_itself_is_theirs(theirs_last: Environment) -> None:
    finished = theirs_last.python("-c", "import vonage_messages; print(vonage_messages.__all__)")

    assert finished.stdout.strip() == "['models', 'Messages', 'SendMessageResponse']"


@pytest.mark.parametrize("door", DOORS_BESIDE_INIT)
def test_a_door_is_shut_where_theirs_came_last(theirs_last: Environment, door: str) -> None:
    assert_says_how_to_mend(entered(theirs_last, door))


@pytest.mark.parametrize("door", DOORS)
def test_a_door_is_shut_where_ours_came_last(ours_last: Environment, door: str) -> None:
    output = entered(ours_last, door)

    assert_says_how_to_mend(output)
    assert "is installed here too" in last_error(output)
    assert str(ours_last.site_packages) in last_error(output)


def test_the_installed_command_is_shut_where_theirs_came_last(theirs_last: Environment) -> None:
    finished = theirs_last.script("vonage-messages", "--help")

    assert finished.returncode == 1
    assert_says_how_to_mend(finished.stderr)


@pytest.mark.parametrize("door", DOORS_BESIDE_INIT)
def test_a_door_tells_that_removing_theirs_deleted_ours(bereft: Environment, door: str) -> None:
    output = entered(bereft, door)

    assert_says_how_to_mend(output)
    assert "has lost its __init__.py" in last_error(output)


def test_removing_theirs_leaves_no_public_name_behind(bereft: Environment) -> None:
    finished = bereft.python("-c", "from vonage_messages import Client")

    assert finished.returncode == 1
    assert "ImportError: cannot import name 'Client'" in finished.stderr


@pytest.mark.parametrize("state", ["theirs_last", "ours_last"])
def test_the_first_command_of_the_sentence_clears_a_mixed_folder(
    request: pytest.FixtureRequest, theirs_alone: Environment, state: str
) -> None:
    assert_cleared(cleared(request.getfixturevalue(state)), theirs_alone)


def test_the_first_command_of_the_sentence_clears_what_the_removal_of_theirs_left(
    bereft: Environment, theirs_alone: Environment
) -> None:
    assert_cleared(cleared(bereft), theirs_alone)


def test_the_second_command_of_the_sentence_installs_ours(theirs_last: Environment) -> None:
    environment = cleared(theirs_last)
    _, install = commands_of(theirs_last)
    environment.pip(*install)

    program = "import vonage_messages; print(vonage_messages.Client.__module__, vonage_messages.Sms.__module__)"
    finished = environment.python("-c", program)
    assert finished.stdout.split() == ["vonage_messages.clients.client", "vonage_messages.channels.sms"]
    assert not (environment.site_packages / "vonage_messages" / "models").exists()


def commands_of(broken: Environment) -> list[list[str]]:
    """The arguments of the very commands that the ImportError of an environment gives."""
    lines = last_error(entered(broken, "vonage_messages.clients")).splitlines()
    return [shlex.split(line)[1:] for line in lines if line.startswith("    pip ")]


def cleared(broken: Environment) -> Environment:
    """A copy of an environment, after the first command."""
    environment = broken.copy()
    uninstall, _ = commands_of(broken)
    environment.pip(*uninstall)
    return environment


def assert_cleared(environment: Environment, theirs_alone: Environment) -> None:
    """Nothing of either package is left, and all else: whatever was before, the second command begins with the same."""
    others = {name for name in files_of(theirs_alone) if not name.startswith(("vonage_messages/", "vonage_messages-"))}
    assert files_of(environment) == others
    assert not (environment.root / "bin" / "vonage-messages").exists()


def files_of(environment: Environment) -> set[str]:
    """What is installed, without what Python keeps of it when it is imported."""
    folder = environment.site_packages
    inside = (path.relative_to(folder) for path in folder.rglob("*"))
    return {path.as_posix() for path in inside if path.suffix and "__pycache__" not in path.parts}


def test_theirs_is_noticed_in_another_folder_of_the_import_path(
    ours_alone: Environment, theirs_alone: Environment
) -> None:
    finished = theirs_alone.python("-c", "import vonage_messages", PYTHONPATH=str(ours_alone.site_packages))

    assert finished.returncode == 1
    assert_says_how_to_mend(finished.stderr)


def test_a_program_inside_a_checkout_notices_theirs(beside_a_checkout: Environment) -> None:
    finished = beside_a_checkout.python("-c", "import vonage_messages", PYTHONPATH=str(ROOT))

    assert finished.returncode == 1
    assert_says_how_to_mend(finished.stderr)


def test_a_checkout_outlives_the_removal_of_theirs(beside_a_checkout: Environment) -> None:
    beside_a_checkout.pip("uninstall", "-y", "vonage-messages")

    finished = beside_a_checkout.python("-c", "import vonage_messages; print(vonage_messages.__file__)")

    assert finished.stdout.strip() == str(PACKAGE / "__init__.py")


@pytest.fixture
def beside_a_checkout(theirs_alone: Environment) -> Environment:
    """Vonage's package, and this tree on the import path as an editable install puts it there: by a ``.pth`` file."""
    environment = theirs_alone.copy()
    (environment.site_packages / "checkout.pth").write_text(f"{ROOT}\n", "utf-8")
    return environment


def test_the_guard_loads_no_module_to_look_the_name_up(
    ours_alone: Environment, capsys: pytest.CaptureFixture[str]
) -> None:
    program = (
        "import sys, time; before = set(sys.modules); guard = {}; "
        "exec(compile(open(sys.argv[1], encoding='utf-8').read(), sys.argv[1], 'exec'), guard); "
        "began = time.perf_counter(); guard['check_name'](); took = time.perf_counter() - began; "
        "print(took); print(sorted(set(sys.modules) - before))"
    )
    finished = ours_alone.python("-c", program, str(GUARD))
    cost, loaded = finished.stdout.splitlines()

    with capsys.disabled():
        sys.stdout.write(f"\n  the import-name guard takes {float(cost) * 1e6:.0f} µs ")
    assert loaded == "['__future__']"


def test_importing_the_package_does_not_load_the_machinery_of_metadata(ours_alone: Environment) -> None:
    program = "import sys, vonage_messages; print([name for name in sys.modules if 'metadata' in name])"

    assert ours_alone.python("-I", "-c", program).stdout.strip() == "[]"


def test_the_import_path_is_read_once_in_a_process(ours_alone: Environment) -> None:
    program = (
        "import os, vonage_messages; read = []; listdir = os.listdir; "
        "os.listdir = lambda *folder: read.append(folder) or listdir(*folder); "
        "from vonage_messages.name_guard import check_name; check_name(); check_name(); print(read)"
    )

    assert ours_alone.python("-c", program).stdout.strip() == "[]"


@pytest.mark.parametrize(
    "name",
    [
        "vonage_messages-1.8.1.dist-info",
        "vonage-messages-1.8.1.dist-info",
        "Vonage.Messages-1.8.1.dist-info",
        "vonage_messages-2.0rc1.dist-info",
        "vonage_messages-1.8.1-py3.11.egg-info",
        "vonage_messages.egg-info",
    ],
)
def test_theirs_is_known_in_every_spelling(lonely_path: Callable[..., list[str]], name: str) -> None:
    (folder,) = lonely_path(name)

    assert _other_distribution() == folder


@pytest.mark.parametrize(
    "name",
    [
        "vonage_messages_async-0.1.0.dist-info",
        "vonage_messages_async.egg-info",
        "vonage_messages_extra-1.0.dist-info",
        "vonage_messages2-1.0.dist-info",
        "vonage-4.0.0.dist-info",
        "vonage_messages",
        "vonage_messages-1.8.1",
        "~onage_messages-1.8.1.dist-info",
    ],
)
def test_another_folder_is_not_taken_for_theirs(lonely_path: Callable[..., list[str]], name: str) -> None:
    lonely_path(name)

    assert _other_distribution() is None


def test_an_entry_of_the_import_path_that_is_no_folder_is_passed_over(
    lonely_path: Callable[..., list[str]], tmp_path: Path
) -> None:
    (folder,) = lonely_path("vonage_messages-1.8.1.dist-info")
    archive = tmp_path / "library.zip"
    archive.write_bytes(b"PK")
    sys.path[:0] = [str(tmp_path / "absent"), str(archive)]

    assert _other_distribution() == folder


def test_an_empty_entry_of_the_import_path_is_the_working_folder(
    lonely_path: Callable[..., list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder,) = lonely_path("vonage_messages-1.8.1.dist-info")
    monkeypatch.chdir(Path(folder).parent)
    sys.path[:] = [""]

    assert _other_distribution() == Path(folder).name


@pytest.fixture
def lonely_path(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., list[str]]:
    """Make folders of these names in a folder that is the only one on the import path."""

    def made(*names: str) -> list[str]:
        site_packages = tmp_path / "site-packages"
        folders = [site_packages / name for name in names]
        for folder in folders:
            folder.mkdir(parents=True)
        monkeypatch.setattr(sys, "path", [str(site_packages)])
        return [str(folder) for folder in folders]

    return made
