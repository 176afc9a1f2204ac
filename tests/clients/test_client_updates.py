"""What a client changes about a message: marked as read, or taken back."""

from __future__ import annotations

from typing import Any

import attrs
import pytest

from vonage_messages import errors
from vonage_messages.auth import ApplicationAuth, BasicAuth

from .quick_client import BASIC, UUID, client_of


@attrs.frozen
class Inbound:
    message_uuid: str


@pytest.mark.parametrize("inbound", [UUID, Inbound(UUID)])
async def test_inbound_message_is_marked_as_read(tools: Any, application: ApplicationAuth, inbound: Any) -> None:
    server = await tools.server(tools.answer(202))
    async with client_of(server, application) as client:
        await client.mark_read(inbound)
        await client.mark_read(inbound, typing_indicator=True)
    assert {(request.method, request.path) for request in server.requests} == {("PATCH", f"/v1/messages/{UUID}")}
    assert [request.json for request in server.requests] == [
        {"status": "read"},
        {"status": "read", "replying_indicator": {"show": True, "type": "text"}},
    ]


async def test_message_is_revoked(tools: Any, application: ApplicationAuth) -> None:
    server = await tools.server(tools.answer(202))
    async with client_of(server, application) as client:
        await client.revoke(UUID)
    assert server.requests[0].json == {"status": "revoked"}


async def test_update_that_is_refused_raises(tools: Any, application: ApplicationAuth) -> None:
    server = await tools.server(tools.answer(404, b"{}"))
    async with client_of(server, application) as client:
        with pytest.raises(errors.NotFoundError):
            await client.revoke(UUID)


async def test_update_with_basic_credentials_is_refused_before_anything_is_sent(tools: Any) -> None:
    async def basic() -> BasicAuth:
        return BASIC

    server = await tools.server(tools.answer(202))
    for auth in (BASIC, basic):
        async with client_of(server, auth) as client:
            with pytest.raises(errors.ConfigurationError, match="need ApplicationAuth"):
                await client.mark_read(UUID)
            with pytest.raises(errors.ConfigurationError, match="need ApplicationAuth"):
                await client.revoke(UUID)
    assert server.requests == []


async def test_update_of_what_is_no_id_is_refused(tools: Any, application: ApplicationAuth) -> None:
    server = await tools.server(tools.answer(202))
    async with client_of(server, application) as client:
        with pytest.raises(errors.InvalidMessageError):
            await client.revoke("../v1/messages")
    assert server.requests == []
