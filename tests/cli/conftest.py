"""A simulator in a thread, for commands that have an event loop of their own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from vonage_messages.simulator import Simulator
from vonage_messages.testing.loop_thread import LoopThread
from vonage_messages.testing.running import RunningSimulator

APPLICATION = "aaaaaaaa-bbbb-cccc-dddd-0123456789ab"


@pytest.fixture(scope="module")
def loop() -> Iterator[LoopThread]:
    with LoopThread() as running:
        yield running


@pytest.fixture
def running(loop: LoopThread) -> Iterator[RunningSimulator]:
    """Run a simulator whose ids are those of the documentation."""
    simulator = Simulator(api_key="abcd1234", application_id=APPLICATION, rate=None)
    loop.submit(simulator.start()).result()
    try:
        yield RunningSimulator(loop, simulator)
    finally:
        loop.submit(simulator.stop()).result()
