"""
How ``vonage-messages simulator --relay`` sends a captured message for real: credentials, prices, and one request.

The credentials have names of their own (``VONAGE_RELAY_…``), so that those of the simulator, which a shell may well
hold, are never taken for real ones, nor the other way round.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vonage_messages.auth import ApplicationAuth, BasicAuth
from vonage_messages.channels.raw import RawMessage
from vonage_messages.clients import Client
from vonage_messages.clients.environment import auth_from
from vonage_messages.errors import APIError, ConfigurationError, VonageMessagesError
from vonage_messages.simulator.relay import Cost, Relay, ReleaseAnswer

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from vonage_messages.pricing import PriceTable
    from vonage_messages.values import JSONObject

_PREFIX = "VONAGE_RELAY_"
_PLATFORM = "https://api.nexmo.com"
_VARIABLES = ("API_KEY", "API_SECRET", "APPLICATION_ID", "PRIVATE_KEY")


def real_relay(
    environ: Mapping[str, str], recipients: Collection[str], prices: PriceTable | None = None
) -> tuple[Client, Relay]:
    """
    Make the client that really sends, and the relay that sends through it to *recipients*.

    The credentials are ``VONAGE_RELAY_APPLICATION_ID`` and the others; ``VONAGE_RELAY_BASE_URL`` names another host
    than the platform's usual one, a regional one for instance.

    Raises:
        ConfigurationError: there are no such credentials, or they are half given (the sentence names the variable); or
            there is no recipient.
    """
    base_url = environ.get(f"{_PREFIX}BASE_URL") or _PLATFORM
    try:
        auth = auth_from({f"VONAGE_{name}": environ.get(_PREFIX + name, "") for name in _VARIABLES})
        client = Client(auth, base_url=base_url)
    except ConfigurationError as error:
        raise ConfigurationError(f"--relay: {str(error).replace('VONAGE_', _PREFIX)}") from None
    relay = Relay(
        send=_Sender(client).send,
        recipients=recipients,
        destination=f"{base_url.rstrip('/')}, {_account(auth)}",
        cost=_Pricing(prices).cost,
    )
    return client, relay


def _account(auth: ApplicationAuth | BasicAuth) -> str:
    """Tell who pays."""
    if isinstance(auth, ApplicationAuth):
        return f"application {auth.application_id}"
    return f"account {auth.api_key}"


class _Sender:
    """Makes one request for each release, whatever comes back: a person repeats, no program does."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def send(self, version: str, payload: JSONObject) -> ReleaseAnswer:
        chosen: Any = version
        try:
            sent = await self._client.attempt(RawMessage(payload), api_version=chosen)
        except VonageMessagesError as error:
            return ReleaseAnswer(
                accepted=False,
                status=error.status if isinstance(error, APIError) else None,
                message_uuid=None,
                said=str(error),
                maybe_sent=error.maybe_sent,
            )
        return ReleaseAnswer(
            accepted=True,
            status=202,
            message_uuid=sent.message_uuid,
            said="The platform has accepted it.",
            maybe_sent=True,
        )


class _Pricing:
    """Tells what a payload costs by the user's own table; without one nothing is known."""

    def __init__(self, prices: PriceTable | None) -> None:
        self._prices = prices

    def cost(self, _version: str, payload: JSONObject) -> Cost | None:
        if self._prices is None:
            return None
        chain = [RawMessage(item) for item in (payload, *payload.get("failover", ()))]
        costs = [self._prices.cost(each) for each in chain]
        known = [each for each in costs if each is not None]
        # Of a chain with an unknown price in it, not even the most is known.
        if len(known) != len(costs):
            return None
        return Cost(amount=max(known), currency=self._prices.currency, at_most=len(chain) > 1)
