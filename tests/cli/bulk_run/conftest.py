"""The command, and the simulator that it is pointed at."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from .campaign import Bulk, SimulatorThread


@pytest.fixture
def simulator() -> Iterator[SimulatorThread]:
    """Start a simulator without a rate."""
    with SimulatorThread() as started:
        yield started


@pytest.fixture
def bulk(simulator: SimulatorThread, tmp_path: Path) -> Bulk:
    """The command, pointed at the simulator."""
    return Bulk(tmp_path, simulator.environment)
