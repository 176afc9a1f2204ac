"""The installing snippets, run as users copy them, in an environment where only the wheelhouse stands for the index."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from vonage_messages import __version__

from .conftest import run

if TYPE_CHECKING:
    from subprocess import CompletedProcess

    from .conftest import Environment

SNIPPETS = Path(__file__).parents[2] / "examples" / "snippets"
NAMES = ["install_server_sdk.sh", "install_cli.sh"]


@pytest.fixture(scope="module")
def finished(dependencies_only: Environment, tmp_path_factory: pytest.TempPathFactory) -> list[CompletedProcess[str]]:
    """Both, one after the other, with a ``pip`` that installs into the environment without standing in it."""
    environment = dependencies_only.copy()
    folder = tmp_path_factory.mktemp("bin")
    pip = folder / "pip"
    pip.write_text(
        f'#!/bin/sh\nexec "{sys.executable}" -m pip --disable-pip-version-check --python "{environment.root}" "$@"\n',
        encoding="utf-8",
    )
    pip.chmod(0o755)
    variables = {
        "PATH": os.pathsep.join([str(folder), str(environment.root / "bin"), os.environ["PATH"]]),
        "PIP_NO_INDEX": "1",
        "PIP_NO_COMPILE": "1",
        "PIP_FIND_LINKS": " ".join(str(each) for each in environment.find_links),
    }
    return [run(["sh", str(SNIPPETS / name)], environment.home, **variables) for name in NAMES]


def test_what_is_installed_says_its_version(finished: list[CompletedProcess[str]]) -> None:
    assert [(each.returncode, each.stderr) for each in finished] == [(0, ""), (0, "")]
    assert [each.stdout for each in finished] == [
        f"vonage-messages-async {__version__}\n",
        f"vonage-messages, version {__version__}\n",
    ]


@pytest.mark.parametrize("name", NAMES)
def test_a_script_says_first_what_you_will_see(name: str) -> None:
    first, second, *_ = (SNIPPETS / name).read_text(encoding="utf-8").splitlines()
    assert first == "#!/bin/sh"
    assert second.startswith("# You will see: ")
