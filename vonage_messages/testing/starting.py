"""How the fixtures set a simulator up: options put together, and webhooks joined to it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

from vonage_messages.clock import ManualClock
from vonage_messages.errors import ConfigurationError
from vonage_messages.simulator import Simulator

if TYPE_CHECKING:
    from collections.abc import Mapping

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


def let_call(simulator: RunningSimulator, webhooks: RunningWebhooks) -> None:
    """Let *simulator* call *webhooks*, in the version that it is set to."""
    simulator.webhooks = attrs.evolve(
        simulator.webhooks, status_url=webhooks.status_url, inbound_url=webhooks.inbound_url
    )
