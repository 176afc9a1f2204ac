"""
The pytest plugin: fixtures, and the marker ``vonage_simulator``. pytest finds it by its entry point.

It is loaded by every run of pytest where this package is installed, so nothing but pytest is imported before a fixture
is used. No fixture is a coroutine: the simulator runs in a thread of its own, and so serves plain tests and those of
pytest-asyncio (in either mode), anyio and others alike. ``docs/testing.md`` shows all of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from vonage_messages.clients import Client
    from vonage_messages.testing.loop_thread import LoopThread
    from vonage_messages.testing.running import RunningSimulator, RunningWebhooks

_MARKER = "vonage_simulator"


def pytest_configure(config: pytest.Config) -> None:
    """Make the marker known."""
    config.addinivalue_line(
        "markers",
        f"{_MARKER}(**options): options of the Simulator that the fixture vonage_simulator starts, such as rate=None",
    )


@pytest.fixture(scope="session")
def vonage_loop() -> Iterator[LoopThread]:
    """Run the event loop of the simulators in a thread, once for the session."""
    from vonage_messages.testing.loop_thread import LoopThread  # noqa: PLC0415  see the module's docstring

    with LoopThread() as loop:
        yield loop


@pytest.fixture
def vonage_simulator_options() -> Mapping[str, Any]:
    """
    Give the options of every ``Simulator``: override this fixture in a conftest.py or a module.

    Those of the marker come on top. ``clock="manual"`` gives each simulator a ``ManualClock`` of its own.
    """
    return {}


@pytest.fixture
def vonage_client_options() -> Mapping[str, Any]:
    """Give the options of every ``Client`` of ``vonage_client``: override this fixture."""
    return {}


@pytest.fixture
def vonage_simulator(
    vonage_loop: LoopThread, vonage_simulator_options: Mapping[str, Any], request: pytest.FixtureRequest
) -> Iterator[RunningSimulator]:
    """
    Run a fresh simulator on a free loopback port, for one test.

    ``@pytest.mark.vonage_simulator(rate=None)`` gives it options. It runs in a thread of its own: what is a coroutine
    of ``Simulator`` can be awaited, or asked for its ``result()``.
    """
    from vonage_messages.testing.running import RunningSimulator  # noqa: PLC0415  see the module's docstring
    from vonage_messages.testing.starting import made_simulator  # noqa: PLC0415  see the module's docstring

    if any(mark.args for mark in request.node.iter_markers(_MARKER)):
        raise pytest.UsageError(f"@pytest.mark.{_MARKER} takes options by name, such as rate=None")
    # The nearest marker comes last here: a test's own option beats that of its class, and that one the module's.
    marked = [mark.kwargs for mark in reversed(list(request.node.iter_markers(_MARKER)))]
    simulator = made_simulator(vonage_simulator_options, *marked)
    vonage_loop.submit(simulator.start()).result()
    try:
        yield RunningSimulator(vonage_loop, simulator)
    finally:
        vonage_loop.submit(simulator.stop()).result()


@pytest.fixture
def vonage_client(vonage_simulator: RunningSimulator, vonage_client_options: Mapping[str, Any]) -> Iterator[Client]:
    """
    Make a client of ``vonage_simulator``, with a JWT of its application.

    It runs on the loop of whoever uses it, and closes its connections with the test, or when that loop ends before.
    """
    from vonage_messages.testing.starting import close_everywhere  # noqa: PLC0415  see the module's docstring

    client = vonage_simulator.client(**vonage_client_options)
    yield client
    close_everywhere(client)


@pytest.fixture
def vonage_webhooks(vonage_loop: LoopThread, vonage_simulator: RunningSimulator) -> Iterator[RunningWebhooks]:
    """Run a webhook service that checks signatures and records events, and let ``vonage_simulator`` call it."""
    from vonage_messages.testing.running import RunningWebhooks  # noqa: PLC0415  see the module's docstring
    from vonage_messages.testing.starting import let_call  # noqa: PLC0415  see the module's docstring

    webhooks = RunningWebhooks(vonage_loop, vonage_simulator)
    try:
        let_call(vonage_simulator, webhooks)
        yield webhooks
    finally:
        webhooks.stop()
