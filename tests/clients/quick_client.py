"""A client of the server of a test, which waits little before it tries again, and who watches it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from vonage_messages.auth import BasicAuth
from vonage_messages.clients.client import Client
from vonage_messages.clients.retry import RetryPolicy

if TYPE_CHECKING:
    from vonage_messages.observe import AttemptFinished, AttemptStarted

UUID = "d8f86df1-dec6-442f-870a-2241be27d721"
BASIC = BasicAuth("abcd1234", "topsecret")
QUICK = RetryPolicy(base_delay=0.01)
LONG = 60
"""Seconds within which whatever does not hang has ended, on any machine."""
EXPIRED = json.dumps({"type": "https://developer.vonage.com/api-errors#jwt-expired", "title": "Expired"}).encode()


def client_of(server: Any, auth: Any = BASIC, **options: Any) -> Client:
    return Client(auth, base_url=server.url, **{"retry": QUICK, **options})


class Recorder:
    def __init__(self) -> None:
        self.started: list[AttemptStarted] = []
        self.finished: list[AttemptFinished] = []

    def before_attempt(self, event: AttemptStarted) -> None:
        self.started.append(event)

    def after_attempt(self, event: AttemptFinished) -> None:
        self.finished.append(event)
