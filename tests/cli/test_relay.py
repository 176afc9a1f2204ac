"""
``simulator --relay``: a captured message goes to a second simulator, which stands for the platform, and not to others.

The first one is a real process; what a person does on its page is done by plain HTTP.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from click.testing import CliRunner

from vonage_messages import ConfigurationError, PriceTable, Sms, WhatsappText, to_payload
from vonage_messages.cli.application import application
from vonage_messages.cli.relay import real_relay
from vonage_messages.simulator import Simulator
from vonage_messages.simulator.relay import Cost

from .test_simulator import running

ALLOWED = "447700900000"
HELLO = Sms(to=ALLOWED, from_="Acme", text="Hello")
PRICES = 'currency = "EUR"\n[sms]\ndefault = "0.05"\n44 = "0.04"\n[whatsapp]\ndefault = "0.01"\n'


@pytest.fixture
async def platform() -> AsyncIterator[Simulator]:
    async with Simulator() as simulator:
        yield simulator


def credentials(platform: Simulator) -> dict[str, str]:
    return {name.replace("VONAGE_", "VONAGE_RELAY_"): value for name, value in platform.environment().items()}


async def post(url: str, body: dict[str, Any] | None = None) -> tuple[int, dict[str, Any]]:
    async with aiohttp.ClientSession() as session, session.post(url, json=body or {}) as answer:
        return answer.status, await answer.json(content_type=None)


async def test_a_person_quotes_confirms_and_confirms_again(
    platform: Simulator, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name, value in credentials(platform).items():
        monkeypatch.setenv(name, value)
    prices = tmp_path / "prices.toml"
    prices.write_text(PRICES, encoding="utf-8")
    options = ("--relay", "--relay-to", "+44 7700 900000", "--relay-prices", str(prices))

    async with running(*options) as simulated, simulated.client() as client:
        assert await simulated.line() == (
            "A message may be sent for real, by a person who confirms it: "
            f"{platform.url}, application {platform.application_id}."
        )
        sent = await client.send(HELLO)
        stranger = await client.send(Sms(to="447700900009", from_="Acme", text="Hello"))
        base = f"{simulated.environment['VONAGE_BASE_URL']}/_simulator/messages"
        release = f"{base}/{sent.message_uuid}/release"

        status, problem = await post(f"{base}/{stranger.message_uuid}/release/quote")
        assert status == 403
        assert "447700900009" not in json.dumps(problem)

        status, quote = await post(f"{release}/quote")
        assert status == 200
        assert quote["recipients"] == [ALLOWED]
        assert quote["cost"] == {"amount": "0.04", "currency": "EUR", "at_most": False}
        assert platform.messages == []

        status, released = await post(release, {"token": quote["token"]})
        assert (status, released["accepted"], released["status"]) == (200, True, 202)
        assert released["message_uuid"] == platform.messages[0].message_uuid
        assert platform.messages[0].payload == to_payload(HELLO)

        assert (await post(release, {"token": quote["token"], "again": True}))[0] == 409
        _, second = await post(f"{release}/quote")
        assert second["released"] == [released]
        assert (await post(release, {"token": second["token"]}))[0] == 409
        assert (await post(release, {"token": second["token"], "again": True}))[0] == 200
        assert len(platform.messages) == 2

        async with aiohttp.ClientSession() as session, session.get(release) as answer:
            assert [each["accepted"] for each in (await answer.json())["released"]] == [True, True]
        code, _ = await simulated.stop()
        assert code == 0


async def test_a_refusal_of_the_platform_is_shown_and_nothing_is_repeated(platform: Simulator) -> None:
    platform.balance.amount = Decimal(0)
    client, relay = real_relay(credentials(platform), [ALLOWED])

    async with client:
        answer = await relay.send("v1", to_payload(HELLO))

    assert (answer.accepted, answer.status, answer.maybe_sent) == (False, 402, False)
    assert "402" in answer.said
    assert len(platform.refusals) == 1


async def test_a_platform_that_is_not_there_is_told_in_words(platform: Simulator) -> None:
    client, relay = real_relay(credentials(platform), [ALLOWED])
    await platform.stop()

    async with client:
        answer = await relay.send("v0.1", to_payload(HELLO, "v0.1"))

    assert (answer.accepted, answer.status, answer.maybe_sent) == (False, None, False)
    assert "refused the connection" in answer.said


@pytest.mark.parametrize(
    ("message", "cost"),
    [
        (HELLO, Cost(amount=Decimal("0.04"), currency="EUR")),
        (Sms(to=ALLOWED, from_="Acme", text="x" * 161), Cost(amount=Decimal("0.08"), currency="EUR")),
        (
            WhatsappText(to=ALLOWED, from_="447700900001", text="Hi", failover=[HELLO]),
            Cost(amount=Decimal("0.04"), currency="EUR", at_most=True),
        ),
    ],
    ids=["one part", "two parts", "failover"],
)
def test_the_cost_is_that_of_the_price_table(platform: Simulator, message: Sms, cost: Cost) -> None:
    _, relay = real_relay(credentials(platform), [ALLOWED], PriceTable.from_toml(PRICES))

    assert relay.cost("v1", to_payload(message)) == cost


def test_without_a_price_the_cost_is_unknown(platform: Simulator) -> None:
    only_sms = PriceTable(currency="EUR", prices={"sms": {"default": "0.05"}})
    chain = to_payload(WhatsappText(to=ALLOWED, from_="447700900001", text="Hi", failover=[HELLO]))

    assert real_relay(credentials(platform), [ALLOWED])[1].cost("v1", to_payload(HELLO)) is None
    assert real_relay(credentials(platform), [ALLOWED], only_sms)[1].cost("v1", chain) is None


@pytest.mark.parametrize(
    ("environ", "sentence"),
    [
        ({}, "set VONAGE_RELAY_APPLICATION_ID and VONAGE_RELAY_PRIVATE_KEY, or VONAGE_RELAY_API_KEY"),
        ({"VONAGE_RELAY_API_KEY": "abcd1234"}, "VONAGE_RELAY_API_SECRET is not set"),
        ({"VONAGE_API_KEY": "abcd1234", "VONAGE_API_SECRET": "of the simulator"}, "no credentials"),
    ],
)
def test_credentials_that_are_missing_are_named(environ: dict[str, str], sentence: str) -> None:
    with pytest.raises(ConfigurationError, match=sentence):
        real_relay(environ, [ALLOWED])


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--relay"], "--relay needs --relay-to"),
        (["--relay-to", ALLOWED], "belong to --relay"),
        (["--relay", "--relay-to", ALLOWED], "VONAGE_RELAY_APPLICATION_ID"),
    ],
)
def test_an_incomplete_relay_starts_nothing(options: list[str], sentence: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("API_KEY", "API_SECRET", "APPLICATION_ID", "PRIVATE_KEY", "BASE_URL"):
        monkeypatch.delenv(f"VONAGE_RELAY_{name}", raising=False)

    result = CliRunner().invoke(application, ["simulator", *options])

    assert result.exit_code == 2
    assert sentence in " ".join(result.output.split())


@pytest.mark.parametrize("name", ["prices.toml", "prices.csv"])
def test_prices_that_cannot_be_read_are_one_sentence(name: str, tmp_path: Path) -> None:
    prices = tmp_path / name
    prices.write_bytes(b"\xff\xfe")
    options = ["simulator", "--relay", "--relay-to", ALLOWED, "--relay-prices", str(prices)]

    result = CliRunner().invoke(application, options)

    assert (result.exit_code, result.output) == (2, f"{prices} is not UTF-8 text.\n")
