"""
What sending costs, beside aiohttp by hand and beside others: you will see messages per second, CPU and memory of each.

Each row sends the same messages to one server on the loopback, from a process of its own, in rounds whose order is
shuffled; ``benchmarks/README.md`` says how and why. The rows stand in ``send_rows.py``. Peers are installed once into
environments of their own below ``build/benchmarks``; what cannot be installed is named and left out.

Run: ``python benchmarks/send_throughput.py``; ``--list`` shows the rows, ``--rows "raw;client"``
chooses among them.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
import statistics
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import attrs
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from send_rows import ROWS

HERE = Path(__file__).parent
PROJECT = HERE.parent
BASELINE = "raw aiohttp @32"
CONTROL = "raw aiohttp @32, again"
OURS = ("aiohttp", "attrs", "cattrs", "pyjwt", "cryptography")
ENVIRONMENTS = {
    "ours": ("orjson==3.13.0", "uvloop==0.23.0"),
    "vonage": ("vonage==4.9.1",),
    "twilio": ("twilio==9.13.0",),
    "httpx": ("httpx==0.28.1",),
}
"""What is installed where. ``ours`` has our dependencies beside it, in the versions that run this program."""

PATIENCE = 300.0
"""How many seconds one row of one round may take."""


class Failed(Exception):  # noqa: N818  the end of the program, with a sentence
    """What was measured cannot be believed, or could not be measured."""


@attrs.frozen(kw_only=True)
class Sample:
    """One row of one round."""

    messages: int
    seconds: float
    cpu_seconds: float
    peak_bytes: int

    @property
    def rate(self) -> float:
        """Messages per second."""
        return self.messages / self.seconds

    @property
    def cpu(self) -> float:
        """Microseconds of CPU per message, of the sending process."""
        return self.cpu_seconds / self.messages * 1e6


@attrs.frozen(kw_only=True)
class Pair:
    """One row of one round, and the baseline that ran just before it."""

    row: Sample
    baseline: Sample


@attrs.frozen(kw_only=True)
class Server:
    """The server that every row sends to, and what it has counted."""

    url: str

    def count(self) -> int:
        """Ask how many messages have arrived."""
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(f"{self.url}/count", timeout=10) as answer:
            return int(answer.read())


@contextmanager
def loopback_server(python: Path) -> Iterator[Server]:
    """Run the server in a process of its own; it ends when its standard input does."""
    command = [str(python), str(HERE / "loopback_server.py")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603  our own file
        if process.stdin is None or process.stdout is None:
            raise Failed("the server has no pipes")
        try:
            yield Server(url=f"http://127.0.0.1:{int(process.stdout.readline())}")
        finally:
            process.stdin.close()
            process.wait(10)


def environment(name: str, cache: Path, *, install: bool) -> Path | str:
    """Give the interpreter of an environment, made and filled where it is not there; or say why there is none."""
    folder = cache / name
    python = folder / "bin" / "python"
    filled = folder / "filled"
    wanted = [*ENVIRONMENTS[name], *([f"{each}=={version(each)}" for each in OURS] if name == "ours" else [])]
    if filled.exists() and filled.read_text().split() == wanted:
        return python
    if not install:
        return f"the environment of {name} is not there, and is not made with --no-install"
    print(f"Installing {' '.join(wanted)} into {folder}", file=sys.stderr)
    try:
        run_quietly(sys.executable, "-m", "venv", "--clear", str(folder))
        run_quietly(str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *wanted)
    except (subprocess.SubprocessError, OSError) as error:
        return f"{name} could not be installed: {last_line(error)}"
    filled.write_text(" ".join(wanted))
    return python


def run_quietly(*command: str) -> None:
    """Run a command that may fail, and keep what it says."""
    subprocess.run(command, check=True, capture_output=True, text=True, timeout=600)  # noqa: S603  fixed words


def last_line(error: Exception) -> str:
    """Say shortly why a command failed."""
    said = getattr(error, "stderr", None) or str(error)
    return said.strip().splitlines()[-1] if said.strip() else type(error).__name__


def interpreters(rows: Sequence[str], cache: Path, *, install: bool) -> tuple[dict[str, Path], dict[str, str]]:
    """Find the interpreter of each environment; our own stands in for ``ours``. Beside them, why others are missing."""
    found: dict[str, Path] = {}
    missing: dict[str, str] = {}
    for name in dict.fromkeys(ROWS[row].environment for row in (BASELINE, *rows)):
        python = environment(name, cache, install=install)
        if isinstance(python, Path):
            found[name] = python
        elif name == "ours":
            found[name] = Path(sys.executable)
            missing[name] = f"{python}: its rows run with {sys.executable}"
        else:
            missing[name] = python
    return found, missing


def write_key(folder: Path) -> Path:
    """Make a private key for the rows that sign."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    file = folder / "private.key"
    file.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return file


def run_row(name: str, python: Path, server: Server, key: Path, given: argparse.Namespace) -> Sample | str:
    """
    Run one row of one round; give what it took, or why it cannot be run here.

    Raises:
        Failed: it ended with an error, or the server counted other than was sent.
    """
    row = ROWS[name]
    count = max(int(given.count * row.share), row.connections)
    warm_up = max(int(given.warm_up * row.share), row.connections)
    command = [str(python), str(HERE / "send_rows.py"), name, "--url", server.url, "--private-key", str(key)]
    command += ["--count", str(count), "--warm-up", str(warm_up)]
    before = server.count()
    try:
        ended = subprocess.run(  # noqa: S603  our own file
            command, capture_output=True, text=True, timeout=PATIENCE, check=False, env=variables(row.environment)
        )
    except subprocess.TimeoutExpired as error:
        raise Failed(f"{name}: took longer than {PATIENCE:g} seconds") from error
    if ended.returncode != 0:
        raise Failed(f"{name}: {ended.stderr.strip()[-2000:]}")
    told = json.loads(ended.stdout)
    if "missing" in told:
        return str(told["missing"])
    counted = server.count() - before
    if counted != told["sent"]:
        raise Failed(f"{name}: sent {told['sent']} messages, but the server counted {counted}")
    return Sample(**{field.name: told[field.name] for field in attrs.fields(Sample)})


def variables(environment_name: str) -> dict[str, str]:
    """Give the environment variables of a row: only ours finds this project (the official package has its name)."""
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    return {**kept, "PYTHONPATH": str(PROJECT)} if environment_name == "ours" else kept


def measure(rows: Sequence[str], given: argparse.Namespace) -> tuple[dict[str, list[Pair]], dict[str, str]]:
    """Run every row in every round, each behind the baseline; give the pairs by row, and why other rows have none."""
    found, missing = interpreters(rows, given.cache, install=given.install)
    skipped = {row: missing[ROWS[row].environment] for row in rows if ROWS[row].environment not in found}
    if "ours" in missing:
        print(missing["ours"], file=sys.stderr)
    running = [row for row in rows if row not in skipped]
    pairs: dict[str, list[Pair]] = {row: [] for row in running}
    order = list(running)
    shuffle = random.Random(given.seed).shuffle  # noqa: S311  an order, not a secret
    with tempfile.TemporaryDirectory() as folder, loopback_server(found["ours"]) as server:
        key = write_key(Path(folder))
        for number in range(given.rounds):
            shuffle(order)
            for row in [each for each in order if each not in skipped]:
                print(f"\rround {number + 1}/{given.rounds}: {row:45}", end="", file=sys.stderr, flush=True)
                baseline = run_row(BASELINE, found["ours"], server, key, given)
                if isinstance(baseline, str):
                    raise Failed(f"{BASELINE}: {baseline}")
                taken = run_row(row, found[ROWS[row].environment], server, key, given)
                if isinstance(taken, str):
                    skipped[row] = taken
                else:
                    pairs[row].append(Pair(row=taken, baseline=baseline))
    print(file=sys.stderr)
    return {row: each for row, each in pairs.items() if each}, skipped


def summary(pairs: dict[str, list[Pair]]) -> dict[str, dict[str, Any]]:
    """Work the medians and spreads out, row by row."""
    return {
        row: {
            "connections": ROWS[row].connections,
            "messages_per_round": taken[0].row.messages,
            "messages_per_second": spread([each.row.rate for each in taken]),
            "throughput_ratio": spread([each.row.rate / each.baseline.rate for each in taken]),
            "cpu_microseconds_per_message": spread([each.row.cpu for each in taken]),
            "cpu_ratio": spread([each.row.cpu / each.baseline.cpu for each in taken]),
            "peak_megabytes": max(each.row.peak_bytes for each in taken) / 2**20,
        }
        for row, taken in pairs.items()
    }


def spread(values: Sequence[float]) -> dict[str, float]:
    """Give the median with the least and the greatest."""
    return {"median": statistics.median(values), "least": min(values), "greatest": max(values)}


def table(rows: dict[str, dict[str, Any]]) -> Iterator[str]:
    """Write the table, fastest first."""
    head = f"{'':42}{'msg/s':>8}{'ratio':>8}{'spread':>14}{'CPU µs':>9}{'ratio':>8}{'spread':>14}{'peak MB':>9}"
    yield head
    for row, told in sorted(rows.items(), key=lambda each: -each[1]["throughput_ratio"]["median"]):
        speed, cost = told["throughput_ratio"], told["cpu_ratio"]
        yield (
            f"{row:42}{told['messages_per_second']['median']:8.0f}{speed['median']:8.3f}{between(speed):>14}"
            f"{told['cpu_microseconds_per_message']['median']:9.1f}{cost['median']:8.3f}{between(cost):>14}"
            f"{told['peak_megabytes']:9.1f}"
        )


def between(told: dict[str, float]) -> str:
    """Write a spread."""
    return f"{told['least']:.2f}..{told['greatest']:.2f}"


def document(pairs: dict[str, list[Pair]], skipped: dict[str, str], given: argparse.Namespace) -> dict[str, Any]:
    """Put all that was measured, and where, into one JSON object."""
    return {
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": {"processors": os.cpu_count(), "kind": platform.machine(), "system": platform.platform()},
        "python": platform.python_version(),
        "versions": {**{name: version(name) for name in OURS}, "peers": ENVIRONMENTS},
        "rounds": given.rounds,
        "count": given.count,
        "seed": given.seed,
        "baseline": BASELINE,
        "rows": summary(pairs),
        "pairs": {row: [attrs.asdict(each) for each in taken] for row, taken in pairs.items()},
        "skipped": skipped,
    }


def chosen_rows(words: str) -> list[str]:
    """Choose the rows that contain a word of *words*, or that it names in full; always with the control."""
    wanted = [word.strip() for word in words.split(";") if word.strip()]
    rows = {row for word in wanted for row in ([word] if word in ROWS else [row for row in ROWS if word in row])}
    if wanted and not rows:
        raise Failed(f"no row contains one of: {', '.join(wanted)}")
    return [row for row in ROWS if not wanted or row in rows or row == CONTROL]


def options(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--rows", default="", help="words or names of rows, joined by semicolons: the rows that contain one of them"
    )
    parser.add_argument("--rounds", type=int, default=7, help="how often each row runs (7)")
    parser.add_argument(
        "--count", type=int, default=5000, help="messages per row and round (5000); slow rows send less"
    )
    parser.add_argument("--warm-up", type=int, default=500, help="messages before the clock starts (500)")
    parser.add_argument("--seed", type=int, default=None, help="of the order of the rows")
    parser.add_argument(
        "--cache", type=Path, default=PROJECT / "build" / "benchmarks", help="where peers are installed"
    )
    parser.add_argument("--no-install", dest="install", action="store_false", help="install nothing")
    parser.add_argument(
        "--results",
        type=Path,
        default=PROJECT / "build" / "benchmarks" / "results" / "send_throughput.json",
        help="the JSON file",
    )
    parser.add_argument("--list", action="store_true", help="show the rows and end")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print the table, and write the JSON file."""
    given = options(arguments)
    if given.list:
        print("\n".join(ROWS))
        return
    try:
        pairs, skipped = measure(chosen_rows(given.rows), given)
    except Failed as failed:
        sys.exit(f"\n{failed}")
    told = document(pairs, skipped, given)
    print("\n".join(table(told["rows"])))
    for row, reason in skipped.items():
        print(f"not measured: {row}: {reason}")
    given.results.parent.mkdir(parents=True, exist_ok=True)
    given.results.write_text(json.dumps(told, indent=1) + "\n")
    print(f"written to {given.results}")


if __name__ == "__main__":
    main()
