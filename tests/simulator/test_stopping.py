"""A server that stops while somebody connects leaves nothing open: a warning would be an error here."""

from __future__ import annotations

import asyncio
import gc
import socket
from urllib.parse import urlsplit

import pytest

from vonage_messages.simulator import Simulator


def received(connection: socket.socket) -> bytes:
    """What comes of a connection that was closed, in either way."""
    try:
        return connection.recv(1)
    except ConnectionError:
        return b""


@pytest.mark.parametrize("turns", range(6))
async def test_a_connection_of_the_last_moment_is_closed(turns: int) -> None:
    async with Simulator() as simulator:
        address = urlsplit(simulator.url)
        # The kernel has answered before the loop has had a turn; *turns* later it is stopped.
        with socket.create_connection((address.hostname, address.port)) as connection:
            for _ in range(turns):
                await asyncio.sleep(0)
            await simulator.stop()

            connection.settimeout(60)
            assert await asyncio.to_thread(received, connection) == b""
    gc.collect()  # what is still open warns now
