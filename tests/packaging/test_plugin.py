"""The built wheel in an environment with pytest and nothing else: pytest finds the plugin, and it works."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from .conftest import Environment

TESTS = """
import asyncio

from vonage_messages import Sms
from vonage_messages.testing import assert_sent


def test_round_trip(vonage_client, vonage_simulator, vonage_webhooks):
    sent = asyncio.run(vonage_client.send(Sms(to="447700900000", from_="Acme", text="Hello")))
    assert vonage_webhooks.wait_for(sent, "delivered").result().message_uuid == sent.message_uuid
    assert_sent(vonage_simulator, text="Hello")
"""


@pytest.fixture(scope="module")
def with_pytest(ours_alone: Environment) -> Environment:
    """Our wheel and pytest: no plugin for coroutines. Not to be changed."""
    environment = ours_alone.copy()
    environment.pip("install", "pytest")
    return environment


def test_the_installed_plugin_is_found_by_pytest_and_works(with_pytest: Environment) -> None:
    (with_pytest.home / "test_ours.py").write_text(TESTS, encoding="utf-8")

    finished = with_pytest.python("-m", "pytest", "-q", "-W", "error", "--strict-markers", "-p", "no:cacheprovider")

    assert finished.stdout.splitlines()[-1].startswith("1 passed"), finished.stdout
    assert finished.stderr == ""


def test_the_plugin_can_be_left_out(with_pytest: Environment) -> None:
    (with_pytest.home / "test_ours.py").write_text(TESTS, encoding="utf-8")

    finished = with_pytest.python("-m", "pytest", "-q", "-p", "no:vonage_messages", "-p", "no:cacheprovider")

    assert "fixture 'vonage_client' not found" in finished.stdout
