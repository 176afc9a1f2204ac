"""How the fixtures set a simulator up: options put together, and webhooks joined to it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import attrs

from vonage_messages.clients.attempts import loops_of
from vonage_messages.clock import ManualClock
from vonage_messages.errors import ConfigurationError
from vonage_messages.simulator import Simulator

if TYPE_CHECKING:
    from collections.abc import Mapping

    from vonage_messages.clients import Client
    from vonage_messages.testing.running import RunningSimulator, RunningWebhooks


def made_simulator(*options: Mapping[str, Any]) -> Simulator:
    """
    Make a simulator with *options*, of which the later ones count.

    Raises:
        ConfigurationError: there is no such option, or it cannot work.
    """
    merged = {name: value for each in options for name, value in each.items()}
    if merged.get("clock") == "manual":
        merged["clock"] = ManualClock()
    try:
        return Simulator(**merged)
    except TypeError as error:
        raise ConfigurationError(f"vonage_simulator takes the options of Simulator, by name: {error}") from None


def close_everywhere(client: Client) -> None:
    """
    Close *client* on every loop that it was used on and that stands still now.

    A loop that has ended has closed it, and one that runs is somebody else's. What lasts longer than a test is the loop
    of a module or of the session: were the client dropped there, a loop that ends next had no turn left to close it.
    """
    if asyncio._get_running_loop() is not None:  # noqa: SLF001  the one way to ask that raises nothing
        return
    for loop in loops_of(client):
        if not loop.is_running() and not loop.is_closed():
            loop.run_until_complete(client.close())


def let_call(simulator: RunningSimulator, webhooks: RunningWebhooks) -> None:
    """Let *simulator* call *webhooks*, in the version that it is set to."""
    simulator.webhooks = attrs.evolve(
        simulator.webhooks, status_url=webhooks.status_url, inbound_url=webhooks.inbound_url
    )
