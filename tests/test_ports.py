"""The ports that tests are given: until a test listens there, nobody does."""

from __future__ import annotations

import errno
import socket
from collections.abc import Callable

import pytest


def check_that_it_is_held(port: int) -> None:
    """Nobody can take it who does not know of it; whoever does, can listen there."""
    with socket.socket() as stranger, pytest.raises(OSError, match=f"Errno {errno.EADDRINUSE}"):
        stranger.bind(("127.0.0.1", port))
    with socket.socket() as caller:
        assert caller.connect_ex(("127.0.0.1", port)) == errno.ECONNREFUSED
    with socket.create_server(("127.0.0.1", port)), socket.create_connection(("127.0.0.1", port), timeout=60):
        pass


def test_port_is_held_until_the_test_ends(unused_tcp_port: int) -> None:
    check_that_it_is_held(unused_tcp_port)


def test_every_port_is_held_until_the_test_ends(unused_tcp_port_factory: Callable[[], int]) -> None:
    ports = {unused_tcp_port_factory() for _ in range(3)}
    assert len(ports) == 3
    for port in ports:
        check_that_it_is_held(port)
