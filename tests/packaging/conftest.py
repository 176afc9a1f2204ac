"""
What the tests of the built package share: the wheel, the wheelhouse, and environments to install into.

Each environment is a copy of one that pip has filled, and pip fills it as seldom as can be: a start of pip takes a
second, a copy of links a tenth of that. pip runs outside of them (``pip --python``), so they hold what a user's program
would see and no pip.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import attrs
import pytest

ROOT = Path(__file__).parents[2]
THEIRS = "vonage-messages"
CORE = ("aiohttp", "attrs", "cattrs", "pyjwt", "cryptography")
_WITHIN = 600
"""Seconds that one subprocess may take. The slowest takes ten, and more on a busy machine with a cold disk."""

Build = Callable[[str, Path], Path]


def run(command: list[str], cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a program that sees nothing of the environment the tests run in: no settings of Python, pip or coverage."""
    inherited = {
        name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "PIP_", "COV", "VONAGE_"))
    }
    return subprocess.run(  # noqa: S603  the tests' own commands
        command,
        cwd=cwd,
        env={**inherited, "PIP_CONFIG_FILE": os.devnull, **environment},
        capture_output=True,
        encoding="utf-8",
        timeout=_WITHIN,
        check=False,
    )


@attrs.frozen
class Environment:
    """A virtual environment, and an empty folder beside it to run programs in."""

    root: Path
    find_links: tuple[Path, ...]

    @property
    def home(self) -> Path:
        return self.root.with_name("home")

    @property
    def site_packages(self) -> Path:
        (folder,) = (self.root / "lib").glob("python*/site-packages")
        return folder

    def copy(self) -> Environment:
        """The same again, in a new folder beside this one."""
        other = attrs.evolve(self, root=Path(tempfile.mkdtemp(dir=self.root.parent.parent)) / "environment")
        # The files are shared: pip and Python put a new file in the place of an old one, and never write into it.
        shutil.copytree(self.root, other.root, symlinks=True, copy_function=os.link)
        other.home.mkdir()
        return other

    def python(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return run([str(self.root / "bin" / "python"), *arguments], self.home, **environment)

    def script(self, name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run an installed command as the shell would, through the Python of this environment."""
        return self.python(str(self.root / "bin" / name), *arguments)

    def pip(self, *arguments: str) -> None:
        """
        Run ``pip`` with these arguments on this environment, with the wheelhouse in the place of an index.

        What is installed is compiled when it is imported first: most of it never is.
        """
        links = [f"--find-links={folder}" for folder in self.find_links]
        offline = ["--no-index", "--no-compile", *links] if arguments[0] == "install" else []
        command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--python", str(self.root)]
        finished = run([*command, *arguments, *offline], self.home)
        if finished.returncode != 0:
            pytest.fail(f"pip {' '.join(arguments)}: {finished.stdout}{finished.stderr}")


@pytest.fixture(scope="session")
def wheelhouse() -> Path:
    """The folder of wheels that ``make test-packaging`` fetches: Vonage's own SDK package and our dependencies."""
    named = os.environ.get("VONAGE_WHEELHOUSE")
    folder = Path(named) if named is not None else ROOT / ".wheelhouse"
    if any(folder.glob("vonage_messages-*.whl")):
        return folder
    if named is not None:
        pytest.fail(f"VONAGE_WHEELHOUSE names {folder}, which holds no vonage-messages: `make test-packaging` fills it")
    pytest.skip("the wheelhouse is made by `make test-packaging`")


@pytest.fixture(scope="session")
def official_wheel(wheelhouse: Path) -> Path:
    """The wheel of Vonage's own synchronous SDK package."""
    (wheel,) = wheelhouse.glob("vonage_messages-*.whl")
    return wheel


@pytest.fixture(scope="session")
def build(tmp_path_factory: pytest.TempPathFactory) -> Build:
    """Build a source tree with a hook of the build backend (PEP 517), as pip does it, into a new folder."""

    def built(hook: str, source: Path) -> Path:
        target = tmp_path_factory.mktemp(hook)
        program = f"import sys; from hatchling.build import {hook} as build; sys.stdout.write(build(sys.argv[1]))"
        finished = run([sys.executable, "-c", program, str(target)], source)
        if finished.returncode != 0:
            pytest.fail(f"{hook} of {source}: {finished.stderr}")
        return target / finished.stdout

    return built


@pytest.fixture(scope="session")
def wheel(build: Build) -> Path:
    """Our wheel, built from this tree."""
    return build("build_wheel", ROOT)


@pytest.fixture(scope="session")
def dependencies_only(wheelhouse: Path, wheel: Path) -> Iterator[Environment]:
    """An environment with our core dependencies and nothing else. Not to be changed: copy it."""
    # Not in pytest's own temporary folder, which outlives the session: a dozen environments take half a gigabyte.
    with tempfile.TemporaryDirectory(prefix="environments-", ignore_cleanup_errors=True) as folder:
        environment = Environment(Path(folder).resolve() / "core" / "environment", (wheelhouse, wheel.parent))
        environment.home.mkdir(parents=True)
        run([sys.executable, "-m", "venv", "--without-pip", str(environment.root)], environment.home).check_returncode()
        environment.pip("install", *CORE)
        yield environment


@pytest.fixture(scope="session")
def ours_alone(dependencies_only: Environment, wheel: Path) -> Environment:
    """Our wheel and its dependencies, as a user has them. Not to be changed: copy it."""
    environment = dependencies_only.copy()
    environment.pip("install", "--no-deps", str(wheel))
    return environment


@pytest.fixture(scope="session")
def theirs_alone(dependencies_only: Environment) -> Environment:
    """Vonage's package with its dependencies, and our dependencies, but not our package. Not to be changed: copy it."""
    environment = dependencies_only.copy()
    environment.pip("install", THEIRS)
    return environment


@pytest.fixture(scope="session")
def theirs_last(ours_alone: Environment) -> Environment:
    """Our package, then Vonage's over it. Not to be changed: copy it."""
    environment = ours_alone.copy()
    environment.pip("install", THEIRS)
    return environment


@pytest.fixture(scope="session")
def ours_last(theirs_alone: Environment, wheel: Path) -> Environment:
    """Vonage's package, then ours over it. Not to be changed: copy it."""
    environment = theirs_alone.copy()
    environment.pip("install", "--no-deps", str(wheel))
    return environment


@pytest.fixture(scope="session", params=["theirs_last", "ours_last"])
def bereft(request: pytest.FixtureRequest) -> Environment:
    """Both were installed, then Vonage's was removed: our ``__init__.py`` is gone. Not to be changed: copy it."""
    mixed: Environment = request.getfixturevalue(request.param)
    environment = mixed.copy()
    environment.pip("uninstall", "-y", THEIRS)
    return environment
