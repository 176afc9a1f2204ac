"""Programs that begin with everything imported behave, to whoever starts them, as programs of Python."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

PYTHON = [sys.executable, "-IS", str(Path(__file__).parent / "forked.py")]
pytestmark = pytest.mark.usefixtures("forked")
WAIT = """
import time
print('begun', flush=True)
for _ in range(6000):  # a signal that comes right before a call that blocks is not seen before that returns
    time.sleep(0.01)
"""


def run(*arguments: str, **changes: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603  our own program
        [*PYTHON, *arguments],
        input="said",
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={**os.environ, **changes},
    )


def test_it_has_the_arguments_the_files_the_folder_and_the_environment_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    program = (
        "import os, sys\n"
        "print(sys.argv[1:], sys.stdin.read(), os.getcwd(), os.environ['A'], 'aiohttp' in sys.modules)\n"
        "print('error', file=sys.stderr)\n"
        "sys.exit(7)"
    )
    ended = run("-c", program, "x", "y", A="ä")
    assert ended.stdout == f"['x', 'y'] said {tmp_path} ä True\n"
    assert (ended.returncode, ended.stderr) == (7, "error\n")


def test_it_ends_as_python_does() -> None:
    assert run("-c", "import atexit\natexit.register(print, 'last')").stdout == "last\n"
    assert run("-c", "1 / 0").stderr.endswith("\nZeroDivisionError: division by zero\n")
    assert "UserWarning: old" in run("-W", "error", "-c", "import warnings\nwarnings.warn('old')").stderr
    assert run("-c", "import os\nos.abort()").returncode == -signal.SIGABRT


def test_modules_and_files_are_the_main_program(tmp_path: Path) -> None:
    assert run("-m", "vonage_messages", "--version").stdout.startswith("vonage-messages, version ")
    file = tmp_path / "program.py"
    file.write_text("import beside\nprint(__name__, __file__, beside.A)", encoding="utf-8")
    (tmp_path / "beside.py").write_text("A = 1", encoding="utf-8")
    assert run(str(file)).stdout == f"__main__ {file} 1\n"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_signal_ends_it(number: signal.Signals) -> None:
    with subprocess.Popen([*PYTHON, "-c", WAIT], stdin=-1, stdout=-1, stderr=subprocess.DEVNULL) as process:  # noqa: S603  ours
        assert process.stdout is not None
        assert process.stdout.readline() == b"begun\n"
        process.send_signal(number)
        try:
            assert process.wait(timeout=60) == -number
            assert process.stdout.read() == b""  # ends when nobody has it open
        finally:
            process.kill()


def test_other_variables_of_python_need_python_itself() -> None:
    ended = run("-c", "import sys\nprint('aiohttp' in sys.modules, sys.flags.hash_randomization)", PYTHONHASHSEED="0")
    assert ended.stdout == "False 0\n"


def test_nobody_who_waits_is_python_itself() -> None:
    assert run("-c", "import sys\nprint('aiohttp' in sys.modules)", FORKED_AT="/nowhere").stdout == "False\n"
