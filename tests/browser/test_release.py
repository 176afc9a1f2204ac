"""Release, by hand: the page tells what it means, and one confirmation sends once, to a second simulator."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import expect

from vonage_messages import PriceTable, Sms
from vonage_messages.cli.relay import real_relay
from vonage_messages.simulator import Simulator

if TYPE_CHECKING:
    from vonage_messages.testing import LoopThread

    from .conftest import Send
    from .watching import Watched

ALLOWED = "447700900000"


@pytest.fixture
def platform(vonage_loop: LoopThread) -> Iterator[Simulator]:
    """What stands for the real platform."""
    simulator = Simulator()
    vonage_loop.submit(simulator.start()).result()
    yield simulator
    vonage_loop.submit(simulator.stop()).result()


@pytest.fixture
def vonage_simulator_options(platform: Simulator, vonage_loop: LoopThread) -> Iterator[dict[str, Any]]:
    environ = {name.replace("VONAGE_", "VONAGE_RELAY_"): value for name, value in platform.environment().items()}
    prices = PriceTable(currency="EUR", prices={"sms": {"default": "0.04"}})
    client, relay = real_relay(environ, [ALLOWED], prices)
    yield {"relay": relay}
    vonage_loop.submit(client.close()).result()


def test_a_person_sends_a_captured_message_for_real(inbox: Watched, send: Send, platform: Simulator) -> None:
    inbox.open("/")
    expect(inbox.page.get_by_test_id("empty")).to_contain_text("leaves this machine only if somebody confirms it here")
    sent = send(Sms(to=ALLOWED, from_="Acme", text="Hello"))
    inbox.open(f"/?m={sent.message_uuid}")
    button, dialog = inbox.page.get_by_test_id("release"), inbox.page.get_by_test_id("release-dialog")

    button.click()
    expect(dialog).to_contain_text(ALLOWED)
    expect(dialog).to_contain_text("0.04 EUR")
    expect(dialog).to_contain_text(f"{platform.url}, application {platform.application_id}")
    inbox.check_accessible("asked whether to send for real")
    dialog.get_by_role("button", name="Cancel").click()
    expect(dialog).not_to_be_visible()
    assert platform.messages == []

    button.click()
    dialog.get_by_test_id("release-confirm").click()
    expect(inbox.page.get_by_test_id("releases")).to_contain_text("The platform has accepted it.")
    inbox.check_accessible("sent for real")
    assert [message.payload["text"] for message in platform.messages] == ["Hello"]

    button.click()
    dialog.get_by_test_id("release-confirm").click()
    expect(dialog).to_be_visible()  # a second time needs a tick of its own
    dialog.get_by_role("checkbox").check()
    inbox.check_accessible("asked whether to send again")
    dialog.get_by_test_id("release-confirm").click()
    expect(inbox.page.get_by_test_id("releases").locator("li")).to_have_count(2)
    assert len(platform.messages) == 2


def test_nobody_else_can_be_sent_to(inbox: Watched, send: Send, platform: Simulator) -> None:
    sent = send(Sms(to="447700900009", from_="Acme", text="Hello"))
    inbox.open(f"/?m={sent.message_uuid}")
    inbox.expected.append("403")

    inbox.page.get_by_test_id("release").click()

    expect(inbox.page.locator("#toast")).to_contain_text("may not be sent to")
    expect(inbox.page.get_by_test_id("release-dialog")).not_to_be_visible()
    assert platform.messages == []
