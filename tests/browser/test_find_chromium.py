"""The script that finds a Chromium, with stand-ins for what it calls: this machine is left as it is."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

FINDER = Path(__file__).parent / "find-chromium.sh"
STAND_INS = {
    "id": "echo 0",
    "sleep": ":",
    "apt-get": """
echo "$*" >> "$FOLDER/asked"
[ "$(grep -c install "$FOLDER/asked")" -le "$FAILS" ] && exit 100
case "$*" in *install*) cp "$FOLDER/id" "$FOLDER/chromium" ;; esac
""",
}


def found(folder: Path, fails: int) -> subprocess.CompletedProcess[str]:
    """Run it where only the stand-ins are, and the first *fails* times of installing fail."""
    for name, text in STAND_INS.items():
        (folder / name).write_text(f"#!/bin/sh\n{text}\n", encoding="utf-8")
        (folder / name).chmod(0o755)
    for name in ("grep", "cp"):
        (folder / name).symlink_to(shutil.which(name) or name)
    environment = {"PATH": str(folder), "FOLDER": str(folder), "FAILS": str(fails)}
    return subprocess.run(  # noqa: S603  our own
        [str(FINDER)], env=environment, capture_output=True, text=True, timeout=600, check=False
    )


@pytest.mark.parametrize("fails", [0, 1, 2])
def test_an_index_that_fails_is_asked_again(tmp_path: Path, fails: int) -> None:
    finished = found(tmp_path, fails)

    assert (finished.returncode, finished.stdout) == (0, f"{tmp_path}/chromium\n")
    asked = (tmp_path / "asked").read_text(encoding="utf-8").splitlines()
    assert len(asked) == 2 * (fails + 1)


def test_an_index_that_goes_on_failing_is_a_failure(tmp_path: Path) -> None:
    finished = found(tmp_path, 3)

    assert finished.returncode != 0
    assert len((tmp_path / "asked").read_text(encoding="utf-8").splitlines()) == 6
