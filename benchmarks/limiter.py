"""
How exact and how cheap the limiter is, beside two others: you will see a table, and the same as JSON in a file.

So many tasks wait under one rate, far more than can leave while it is measured, and each notes when it was let go.
*granted* is how many were in the seconds that follow the first grant, as a part of what the rate allows; *worst 1 s*
and *worst 100 ms* are the fullest windows of that length over the whole run, as a part of what the rate allows in
them: one message more than that is no fault (``+1``). *CPU* is what the process used while they were let go, for each
of them; *join* is what it used for each before, to put it in line.

Each figure comes from a process of its own, the order is shuffled anew in each round, *granted* and the CPU are
medians of the rounds, and the windows are the worst of all rounds. *acquire* is ``Limiter.acquire`` in one task for
each message, *queue* a ``SendQueue`` that holds the same messages, whose client answers at once; the others have tasks
too. They live in an environment of their own below ``build/``, at pinned versions, and are reported as missing where
they cannot be installed. *Keys*: the memory that 100,000 pairs cost, each with a limit of its own that it has used.

Run: ``python benchmarks/limiter.py [--rounds 3] [--quick] [--json FILE]``.
"""

from __future__ import annotations

import argparse
import asyncio
import bisect
import gc
import importlib
import json
import os
import platform
import random
import statistics
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
PEERS = ROOT / "build" / "benchmarks" / "limiter-peers"
PINNED = ("aiolimiter==1.3.0", "pyrate-limiter==4.5.1")
OURS = ("acquire", "queue")
THEIRS = ("aiolimiter", "pyrate-limiter")
LOADS = ((30, 1_000), (1_000, 10_000), (1_000, 100_000), (20_000, 100_000))
"""Rate a second, and how many wait for it."""
QUICK = ((30, 300), (1_000, 5_000))
KEYS = {"acquire": 100_000, "aiolimiter": 100_000, "pyrate-limiter": 1_000}  # pyrate takes a minute for 100,000
MODULES = {
    "acquire": "vonage_messages.limiter",
    "queue": "vonage_messages.sending.send_queue",
    "aiolimiter": "aiolimiter",
    "pyrate-limiter": "pyrate_limiter",
}
LONGEST_MEASUREMENT = 180
JOINING_ROUNDS = 100_000


def seconds_for(rate: int) -> float:
    """Choose how long to measure: long enough that one message more or less does not matter."""
    return 5.0 if rate < 100 else 2.0  # noqa: PLR2004  150 messages at 30 a second


def fullest(instants: list[float], span: float) -> int:
    """Count the messages in the fullest window of *span* seconds."""
    return max(bisect.bisect_left(instants, begin + span) - place for place, begin in enumerate(instants))


def messages(count: int) -> Iterable[Any]:
    """Make messages to *count* different people."""
    from vonage_messages import Sms  # noqa: PLC0415  the others' environment has no such package

    return (Sms(to=str(447700000000 + number), from_="Acme", text=f"Hello {number}") for number in range(count))


async def join_acquire(rate: int, given: Sequence[Any], note: Callable[[], None]) -> list[Any]:
    """Let tasks wait in ``Limiter.acquire``."""
    from vonage_messages.limiter import Limiter  # noqa: PLC0415  see messages
    from vonage_messages.limits.levels import Limits  # noqa: PLC0415  see messages
    from vonage_messages.limits.rate import Rate  # noqa: PLC0415  see messages

    limiter = Limiter(Limits(account=Rate(rate)))
    return [limiter, *await joined((limiter.acquire(message) for message in given), note)]


async def join_queue(rate: int, given: Sequence[Any], note: Callable[[], None]) -> list[Any]:
    """Let messages wait in a queue whose client notes when it was called, and answers at once."""
    from vonage_messages.clients.retry import RetryPolicy  # noqa: PLC0415  see messages
    from vonage_messages.limits.levels import Limits  # noqa: PLC0415  see messages
    from vonage_messages.limits.rate import Rate  # noqa: PLC0415  see messages
    from vonage_messages.sending.send_queue import SendQueue  # noqa: PLC0415  see messages
    from vonage_messages.wire.rest import SentMessage  # noqa: PLC0415  see messages

    sent = SentMessage(message_uuid="d8f86df1-dec6-442f-870a-2241be27d721")

    class Client:
        limiter = None
        retry = RetryPolicy()

        async def attempt(self, _message: object, **_options: object) -> SentMessage:
            note()
            return sent

    queue = SendQueue(Client(), limits=Limits(account=Rate(rate)))  # type: ignore[arg-type]  # no socket: none is measured
    for message in given:
        await queue.put(message)
    return [queue]


async def join_aiolimiter(rate: int, given: Sequence[Any], note: Callable[[], None]) -> list[Any]:
    """Let tasks wait in aiolimiter, configured as its documentation does."""
    limiter = importlib.import_module("aiolimiter").AsyncLimiter(rate, 1)
    return [limiter, *await joined((limiter.acquire() for _ in given), note)]


async def join_pyrate(rate: int, given: Sequence[Any], note: Callable[[], None]) -> list[Any]:
    """Let tasks wait in pyrate-limiter."""
    library = importlib.import_module("pyrate_limiter")
    limiter = library.Limiter(library.Rate(rate, library.Duration.SECOND))
    return [limiter, *await joined((limiter.try_acquire_async("all") for _ in given), note)]


async def joined(acquiring: Iterable[Awaitable[object]], note: Callable[[], None]) -> list[asyncio.Task[None]]:
    """Make a task for each, and wait until all have begun to wait; the tasks are to be kept."""
    begun = 0

    async def wait(turn: Awaitable[object]) -> None:
        nonlocal begun
        begun += 1
        await turn
        note()

    tasks = [asyncio.create_task(wait(turn)) for turn in acquiring]
    for _ in range(JOINING_ROUNDS):
        if begun == len(tasks):
            return tasks
        await asyncio.sleep(0)
    raise RuntimeError("the tasks did not begin")


JOIN = {
    "acquire": join_acquire,
    "queue": join_queue,
    "aiolimiter": join_aiolimiter,
    "pyrate-limiter": join_pyrate,
}


async def measure(subject: str, rate: int, waiters: int) -> dict[str, float]:
    """Measure one limiter in this process."""
    clock, seconds = time.monotonic, seconds_for(rate)
    instants: list[float] = []
    importlib.import_module(MODULES[subject])  # not to be measured
    given = list(messages(waiters)) if subject in OURS else range(waiters)
    began = time.process_time()
    kept = await JOIN[subject](rate, given, lambda: instants.append(clock()))
    joined_after = time.process_time() - began
    gc.collect()
    gc.freeze()  # a collection of 100,000 tasks would be measured as the work of the limiter
    before, used = len(instants), time.process_time()
    await asyncio.sleep(seconds + 0.1)
    processor = time.process_time() - used
    granted = len(instants) - before
    del kept
    if granted < 1 or len(instants) >= waiters:
        return {"left_too_early": len(instants)}
    first = instants[before]
    in_time = bisect.bisect_left(instants, first + seconds) - before
    return {
        "granted": in_time / (rate * seconds),
        "worst_second": fullest(instants, 1.0),
        "worst_tenth": fullest(instants, 0.1),
        "processor_us": processor / granted * 1e6,
        "join_us": joined_after / waiters * 1e6,
    }


def resident() -> int:
    """Give the memory of this process in bytes."""
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    raise RuntimeError("this system does not tell how much memory a process has")


async def use_keys(subject: str, count: int) -> object:
    """Use *count* limits once each; give what must be kept for that."""
    if subject == "acquire":
        from vonage_messages import WhatsappText  # noqa: PLC0415  see messages
        from vonage_messages.limiter import Limiter, turns_of  # noqa: PLC0415  see messages
        from vonage_messages.limits.levels import Limits  # noqa: PLC0415  see messages

        limiter = Limiter(Limits(pairs=Limits.published().pairs))
        for number in range(count):
            await limiter.acquire(WhatsappText(to=str(447700000000 + number), from_="14155550100", text="Hello"))
        if count > 1 and len(turns_of(limiter).state) < count:
            raise RuntimeError("limits were forgotten while they were counted")
        return limiter
    if subject == "aiolimiter":
        library = importlib.import_module("aiolimiter")
        limiters = {str(447700000000 + number): library.AsyncLimiter(1, 6) for number in range(count)}
        for each in limiters.values():
            await each.acquire()
        return limiters
    library = importlib.import_module("pyrate_limiter")
    many = {}
    for number in range(count):
        limiter = many[str(447700000000 + number)] = library.Limiter(library.Rate(1, 6 * library.Duration.SECOND))
        await limiter.try_acquire_async("all")
    return many


async def measure_keys(subject: str, count: int) -> dict[str, float]:
    """Measure the memory of *count* limits in this process."""
    warm = await use_keys(subject, 1)
    gc.collect()
    before = resident()
    kept = await use_keys(subject, count)
    gc.collect()
    used = resident() - before
    del warm, kept
    return {"bytes": used / count}


def run(python: Path, *arguments: str) -> dict[str, float]:
    """Measure in a process of its own."""
    done = subprocess.run(  # noqa: S603  this file
        [python, __file__, *arguments], capture_output=True, text=True, timeout=LONGEST_MEASUREMENT, check=False
    )
    if done.returncode:
        raise RuntimeError(f"{' '.join(arguments)} failed:\n{done.stderr}")
    return {name: float(value) for name, value in json.loads(done.stdout).items()}


def pythons() -> dict[str, Path]:
    """Give the interpreter for each subject; those that cannot be installed are missing."""
    found = dict.fromkeys(OURS, Path(sys.executable))
    theirs = PEERS / "bin" / "python"
    try:
        if not theirs.exists():
            print("Setting up an environment for the others (once)", flush=True)
            subprocess.run([sys.executable, "-m", "venv", PEERS], check=True, timeout=120)  # noqa: S603  our own words
        command = [str(theirs), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *PINNED]
        subprocess.run(command, check=True, capture_output=True, timeout=300)  # noqa: S603  our own words
    except (OSError, subprocess.SubprocessError):
        print(f"missing: {', '.join(PINNED)} could not be installed")
        return found
    return found | dict.fromkeys(THEIRS, theirs)


def measure_all(python_of: dict[str, Path], loads: Iterable[tuple[int, int]], rounds: int) -> dict[str, Any]:
    """Run every measurement *rounds* times, in a new order each time."""
    jobs = [(subject, rate, waiters) for rate, waiters in loads for subject in python_of]
    results: dict[tuple[str, int, int], list[dict[str, float]]] = {job: [] for job in jobs}
    for number in range(rounds):
        random.shuffle(jobs)
        for job in jobs:
            subject, rate, waiters = job
            results[job].append(run(python_of[subject], "measure", subject, str(rate), str(waiters)))
        print(f"round {number + 1} of {rounds} done", flush=True)
    rows = [row_of(job, figures) for job, figures in sorted(results.items(), key=lambda each: each[0][1:])]
    keys = {
        subject: run(python_of[subject], "keys", subject, str(count))["bytes"]
        for subject, count in KEYS.items()
        if subject in python_of
    }
    return {"rows": rows, "bytes_per_key": keys}


def row_of(job: tuple[str, int, int], figures: list[dict[str, float]]) -> dict[str, Any]:
    """Sum the rounds of one job up."""
    subject, rate, waiters = job
    missed = [each for each in figures if "left_too_early" in each]
    if missed:
        return {"subject": subject, "rate": rate, "waiters": waiters, "left_too_early": len(missed)}
    second = max(each["worst_second"] for each in figures)
    tenth = max(each["worst_tenth"] for each in figures)
    return {
        "subject": subject,
        "rate": rate,
        "waiters": waiters,
        "granted": statistics.median(each["granted"] for each in figures),
        "granted_least": min(each["granted"] for each in figures),
        "worst_second": second,
        "worst_second_without_one": (second - 1) / rate,
        "worst_tenth": tenth,
        "worst_tenth_without_one": (tenth - 1) / (rate / 10),
        "processor_us": statistics.median(each["processor_us"] for each in figures),
        "join_us": statistics.median(each["join_us"] for each in figures),
    }


def table(results: dict[str, Any]) -> str:
    """Write the figures for people."""
    head = ("rate/s", "waiting", "", "granted", "worst 1 s", "worst 100 ms", "CPU us", "join us")
    lines = ["{:>7}{:>9}  {:<16}{:>9}{:>14}{:>15}{:>9}{:>9}".format(*head)]
    for row in results["rows"]:
        if "left_too_early" in row:
            lines.append(
                f"{row['rate']:>7,}{row['waiters']:>9,}  {row['subject']:<16} all left while they were put in line"
            )
            continue
        second, tenth = f"{row['worst_second_without_one']:.3f} +1", f"{row['worst_tenth_without_one']:.2f} +1"
        lines.append(
            f"{row['rate']:>7,}{row['waiters']:>9,}  {row['subject']:<16}{row['granted']:>9.3f}{second:>14}{tenth:>15}"
            f"{row['processor_us']:>9.1f}{row['join_us']:>9.1f}"
        )
    lines.append("")
    for subject, figure in results["bytes_per_key"].items():
        lines.append(f"{figure:>9,.0f} bytes for each of {KEYS[subject]:,} limits: {subject}")
    return "\n".join(lines)


def main() -> None:
    """Measure everything, or one thing in this process."""
    if sys.argv[1:2] == ["measure"]:
        figures = asyncio.run(measured_alone(sys.argv[2], int(sys.argv[3]), int(sys.argv[4])))
    elif sys.argv[1:2] == ["keys"]:
        figures = asyncio.run(measure_keys(sys.argv[2], int(sys.argv[3])))
        print(json.dumps(figures))
        return
    parser = argparse.ArgumentParser(description="Measure the limiter beside others.")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="a few seconds instead of minutes")
    parser.add_argument("--json", type=Path, help="write the figures here, too")
    options = parser.parse_args()
    results = measure_all(pythons(), QUICK if options.quick else LOADS, options.rounds)
    machine = {"python": platform.python_version(), "system": platform.platform(), "processors": os.cpu_count()}
    results |= {"rounds": options.rounds, "machine": machine, "versions": list(PINNED)}
    print(table(results))
    if options.json:
        options.json.write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")


async def measured_alone(subject: str, rate: int, waiters: int) -> dict[str, float]:
    """Measure, print, and be gone: to cancel 100,000 tasks would take longer than all of it."""
    figures = await measure(subject, rate, waiters)
    print(json.dumps(figures), flush=True)
    os._exit(0)


if __name__ == "__main__":
    main()
