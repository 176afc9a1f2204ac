"""The two files that are published: what the tools of the index say of them, and that the sources are all there."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import TYPE_CHECKING
from zipfile import ZipFile

import pytest

from .conftest import run

if TYPE_CHECKING:
    from .conftest import Build

ROOT = Path(__file__).parents[2]
OF_THE_REPOSITORY_ALONE = (".ci/", ".github/", ".editorconfig", ".pre-commit-config.yaml", ".readthedocs")
"""What a clone has beyond the sources: how the project is run."""


@pytest.fixture(scope="module")
def sdist(build: Build) -> Path:
    """Our source distribution, built from this tree."""
    return build("build_sdist", ROOT)


@pytest.fixture(scope="module")
def sources(sdist: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The one folder of our source distribution."""
    return unpacked(sdist, tmp_path_factory.mktemp("sources"))


def unpacked(archive: Path, folder: Path) -> Path:
    """Unpack file by file, for ``filter=`` came with Python 3.11.4 only."""
    with tarfile.open(archive) as sources:
        for member in sources:
            content = sources.extractfile(member)
            if content is not None:
                path = folder / member.name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content.read())
                path.chmod(member.mode)
    (source,) = folder.iterdir()
    return source


def contents_of(wheel: Path) -> dict[str, int]:
    """Each file of a wheel with the checksum of its content."""
    with ZipFile(wheel) as archive:
        return {entry.filename: entry.CRC for entry in archive.infolist()}


def files_of(folder: Path) -> dict[str, bytes]:
    """Each file below a folder with its content."""
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def tracked() -> set[str]:
    """The files of the repository that this tree is a clone of."""
    git = shutil.which("git")
    if git is None or not (ROOT / ".git").exists():
        pytest.skip("this tree is no clone")
    listed = subprocess.run([git, "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True, timeout=600).stdout  # noqa: S603  a clone's own list
    return {name for name in listed.decode().split("\0") if (ROOT / name).is_file()}


def test_both_are_fit_for_the_index_in_the_words_of_twine(wheel: Path, sdist: Path) -> None:
    finished = run([sys.executable, "-m", "twine", "check", "--strict", str(wheel), str(sdist)], wheel.parent)

    assert finished.returncode == 0, finished.stdout + finished.stderr
    assert finished.stdout.count("PASSED") == 2


def test_the_wheel_holds_nothing_that_a_wheel_should_not(wheel: Path) -> None:
    finished = run([sys.executable, "-m", "check_wheel_contents", str(wheel)], wheel.parent)

    assert (finished.returncode, finished.stdout) == (0, f"{wheel}: OK\n")


def test_the_source_distribution_builds_the_same_wheel(build: Build, wheel: Path, sources: Path) -> None:
    assert contents_of(build("build_wheel", sources)) == contents_of(wheel)


def test_a_source_distribution_of_the_source_distribution_is_the_same(
    build: Build, sources: Path, tmp_path: Path
) -> None:
    assert files_of(unpacked(build("build_sdist", sources), tmp_path)) == files_of(sources)


def test_the_source_distribution_holds_every_file_of_the_repository(sources: Path) -> None:
    wanted = {name for name in tracked() if not name.startswith(OF_THE_REPOSITORY_ALONE)}

    assert files_of(sources).keys() == wanted | {"PKG-INFO"}


def test_the_tests_of_the_source_distribution_can_be_run(sources: Path) -> None:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-k", "samples"]  # and all are collected
    finished = run(command, sources, PYTHONPATH=str(sources), PYTHONDONTWRITEBYTECODE="1")

    assert finished.returncode == 0, finished.stdout[-4_000:] + finished.stderr
    passed, _, _ = finished.stdout.splitlines()[-1].partition(" passed")
    assert int(passed) > 40
