"""What random histories share: how many are played, what is counted of them, and the clocks that jump."""

from __future__ import annotations

import asyncio
import gc
import json
import os
from collections import Counter
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any

import attrs
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

EXAMPLES = int(os.environ.get("SHUTDOWN_EXAMPLES", "0"))
"""How many histories of each kind the campaign plays; in ``make test`` each kind has a few, the same each time."""

LONGEST_WAIT = 1_000_000.0
"""Whatever has not ended after so many virtual seconds never will."""


@attrs.define
class Clocks:
    """
    The time that passes, and what the machine says of it: a clock that never runs backwards, but jumps, and one of the
    wall that does as it likes. Each life of a process has a loop of its own.
    """

    loop: Any
    new_loop: Callable[[], Any]
    apart: float = 1_700_000_000.0
    """What the wall says, less what the loop says."""
    passed: float = 0.0
    """When the loop began, in seconds that have really passed."""

    def now(self) -> float:
        """How much time has really passed."""
        return self.passed + float(self.loop.time()) - 1000.0

    def wall(self) -> float:
        return self.apart + float(self.loop.time())

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        """Do something to its end, and let all that follows from it at once happen."""
        return self.loop.run_until_complete(self._with_consequences(work))

    def let_pass(self, seconds: float) -> None:
        self.run(asyncio.sleep(seconds))

    def sleep_through(self, seconds: float) -> None:
        """Let the machine stand still: what should have happened meanwhile happens late, and all at once."""
        self.loop._virtual.now += seconds
        self.run(asyncio.sleep(0))

    def begin_again(self) -> None:
        """Have a new loop, whose clock has begun anew, as after a reboot."""
        self.passed = self.now()
        self.apart += float(self.loop.time()) - 1000.0
        self.close()
        self.loop = self.new_loop()

    def end_all_tasks(self) -> None:
        """Do what ``asyncio.run`` does at its end."""
        tasks = asyncio.all_tasks(self.loop)
        for task in tasks:
            task.cancel()
        if tasks:
            self.loop.run_until_complete(asyncio.wait(tasks))

    def close(self) -> None:
        self.end_all_tasks()
        self.loop.run_until_complete(self.loop.shutdown_asyncgens())
        self.loop.close()

    @staticmethod
    async def _with_consequences(work: Coroutine[Any, Any, Any]) -> Any:
        result = await asyncio.wait_for(work, LONGEST_WAIT)
        for _ in range(5):
            await asyncio.sleep(0)
        return result


class Histories:
    """What a module of random histories takes from here."""

    def __init__(self, tools: Any, counted: Counter[str]) -> None:
        self._tools = tools
        self.counted = counted
        self.heard: list[dict[str, Any]] = []
        """What loops have complained about: that nobody has looked at an error, say."""

    def clocks(self) -> Clocks:
        return Clocks(self._new_loop(), self._new_loop)

    def play(self, history: Callable[..., Any], setting: Any, actions: Any, *, examples: int, steps: int) -> None:
        """
        Play random histories: a few that are the same each time, or as many others as the campaign asks for.

        *setting* draws what a history is made with, *actions* draws names of its methods, with arguments.
        """

        @settings(
            max_examples=EXAMPLES or examples,
            derandomize=not EXAMPLES,
            database=None,
            phases=[Phase.generate] if os.environ.get("SHUTDOWN_AT_ONCE") else tuple(Phase),
            deadline=None,
            suppress_health_check=list(HealthCheck),
        )
        @given(setting=setting, actions=st.lists(actions, min_size=steps // 2, max_size=steps))
        def play_one(setting: dict[str, Any], actions: list[tuple[Any, ...]]) -> None:
            self.heard.clear()
            played = history(self, **setting)
            try:
                for name, *arguments in actions:
                    getattr(played, name)(*arguments)
                    self.counted["steps"] += 1
                played.finish()
            finally:
                played.close()
                del played
            gc.collect(0)
            assert self.heard == []

        play_one()

    def _new_loop(self) -> Any:
        loop = self._tools.VirtualLoop()
        loop.set_exception_handler(lambda _loop, context: self.heard.append(context))
        return loop


@pytest.fixture(scope="session")
def counted() -> Iterator[Counter[str]]:
    """What has happened in all histories; the campaign reads it."""
    counter: Counter[str] = Counter()
    yield counter
    folder = os.environ.get("SHUTDOWN_COUNTED")
    if folder:
        Path(folder, f"{os.getpid()}.json").write_text(json.dumps(counter), encoding="utf-8")


@pytest.fixture
def histories(tools: Any, counted: Counter[str]) -> Histories:
    return Histories(tools, counted)
