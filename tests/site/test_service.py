"""The service of the README handles what is signed, and refuses what is not."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from _site.names import ROOT
from _site.programs import programs_of
from aiohttp.test_utils import TestClient, TestServer

from vonage_messages.webhooks import sign_webhook

SECRET = "signature-secret-of-the-readme"
INBOUND = {
    "channel": "whatsapp",
    "message_uuid": "3f0f7c3e-6a5f-4a7e-9a52-6a6f0f8f2d11",
    "to": "447700900001",
    "from": "447700900000",
    "timestamp": "2026-11-01T09:30:00Z",
    "message_type": "text",
    "text": "Hello",
    "context_status": "none",
    "profile": {"name": "Ada"},
}


async def test_the_service_of_the_readme_handles_what_is_signed_and_refuses_what_is_not(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VONAGE_SIGNATURE_SECRET", SECRET)
    (service,) = [program.parsed for program in programs_of(ROOT / "README.md") if "web.run_app" in program.parsed]
    namespace: dict[str, Any] = {"__name__": "readme"}
    exec(compile(service, "README.md", "exec"), namespace)  # noqa: S102  the README's own program
    body = json.dumps(INBOUND).encode()
    async with TestClient(TestServer(namespace["app"])) as client:
        for secret, status in ((SECRET, 200), ("another-secret", 401)):
            headers = sign_webhook(body, secret, api_key="abcd1234", issued_at=int(time.time()))
            answer = await client.post(
                "/webhooks/inbound-message", data=body, headers={**headers, "Content-Type": "application/json"}
            )
            assert answer.status == status
    assert capsys.readouterr().out == "Ada wrote: Hello\n"
