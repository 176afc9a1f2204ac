"""What a type checker says of the fixtures and of what they give. Never run."""

from __future__ import annotations

from typing import assert_type

from vonage_messages.simulator import CallbackTry, ReceivedMessage, Simulator
from vonage_messages.testing import (
    Pending,
    RunningSimulator,
    RunningWebhooks,
    SignedCallback,
    assert_sent,
    inbound_event,
    signed_callback,
    status_event,
)
from vonage_messages.webhooks import InboundMessage, MessageStatus


async def coroutine(simulator: RunningSimulator, webhooks: RunningWebhooks) -> None:
    assert_type(simulator.messages, list[ReceivedMessage])
    assert_type(await simulator.inbound(text="Hello"), CallbackTry)
    assert_type(simulator.inbound(text="Hello"), Pending[CallbackTry])
    assert_type(simulator.call(lambda living: len(living.refusals)), int)
    assert_type(await webhooks.wait_for("an id"), MessageStatus)
    assert_type(webhooks.wait_for_reply("an id").result(), InboundMessage)
    assert_type(assert_sent(simulator, text="Hello"), ReceivedMessage)
    of_their_own: Simulator = simulator
    assert_sent(of_their_own, text="Hello")


def made_up() -> None:
    assert_type(inbound_event(text="Hello"), InboundMessage)
    assert_type(status_event("read"), MessageStatus)
    assert_type(signed_callback(status_event(), "secret"), SignedCallback)
