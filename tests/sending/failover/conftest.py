"""A simulator that calls a receiver with a tracker, one that calls nobody back, and what sends to them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import attrs
import pytest
from aiohttp import web

from vonage_messages.adapters.aiohttp import add_webhooks
from vonage_messages.clients.client import Client
from vonage_messages.clients.retry import RetryPolicy
from vonage_messages.limits.levels import Limits
from vonage_messages.sending.failover import ReferenceTracker
from vonage_messages.sending.send_queue import SendQueue
from vonage_messages.simulator import Simulator
from vonage_messages.simulator.delivery import Delivery
from vonage_messages.webhooks.routing import Router
from vonage_messages.webhooks.signing import SignatureVerifier

from .between import serving
from .chains import Service

QUICK = Delivery(submitted_after=0.005, delivered_after=0.01, read_after=0.01)


@pytest.fixture(autouse=True)
async def nothing_is_left_behind() -> AsyncIterator[None]:
    """No test here leaves a task of a chain behind."""
    yield
    left = [task for task in asyncio.all_tasks() if "FailoverRun." in repr(task.get_coro())]
    assert left == []


@pytest.fixture
async def simulator() -> AsyncIterator[Simulator]:
    """It calls nobody back: statuses come by hand."""
    async with Simulator(rate=None) as running:
        yield running


@pytest.fixture
async def client(simulator: Simulator) -> AsyncIterator[Client]:
    async with simulator.client(retry=RetryPolicy(attempts=1)) as opened:
        yield opened


@pytest.fixture
async def service() -> AsyncIterator[Service]:
    simulator = Simulator(rate=None, delivery=QUICK)
    router = Router()
    tracker = ReferenceTracker(router)
    application = web.Application()
    add_webhooks(application, router, verifier=SignatureVerifier(simulator.signature_secret))
    async with serving(application) as url, simulator, simulator.client() as client:
        simulator.webhooks = attrs.evolve(simulator.webhooks, status_url=f"{url}/webhooks/message-status")
        yield Service(simulator, tracker, client)


@pytest.fixture
async def queue(client: Client) -> AsyncIterator[SendQueue]:
    async with SendQueue(client, limits=Limits.unlimited(), maxsize=2) as opened:
        yield opened
