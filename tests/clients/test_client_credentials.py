"""With which credentials a client sends: a token that has expired is renewed once, and a function may give others."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import jwt
import pytest

from vonage_messages import errors
from vonage_messages.auth import ApplicationAuth, BasicAuth
from vonage_messages.channels.sms import Sms
from vonage_messages.clients.retry import RetryPolicy
from vonage_messages.clients.transport import Timeout

from .quick_client import BASIC, EXPIRED, client_of

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey


async def test_application_sends_a_token_that_its_key_verifies(
    tools: Any, sms: Sms, application: ApplicationAuth, private_key: RSAPrivateKey
) -> None:
    server = await tools.server(tools.accepted())
    async with client_of(server, application) as client:
        await client.send(sms)
    token = server.requests[0].headers["authorization"].removeprefix("Bearer ")
    claims = jwt.decode(token, private_key.public_key(), algorithms=["RS256"])
    assert claims["application_id"] == application.application_id


async def test_expired_token_is_renewed_once(tools: Any, sms: Sms, application: ApplicationAuth) -> None:
    server = await tools.server(tools.answer(401, EXPIRED), tools.accepted())
    async with client_of(server, application, retry=RetryPolicy(attempts=1)) as client:
        await client.send(sms)
    first, second = (request.headers["authorization"] for request in server.requests)
    assert first != second


async def test_token_that_stays_expired_is_raised(tools: Any, sms: Sms, application: ApplicationAuth) -> None:
    server = await tools.server(tools.answer(401, EXPIRED))
    async with client_of(server, application) as client:
        with pytest.raises(errors.AuthenticationError):
            await client.send(sms)
    assert len(server.requests) == 2


async def test_attempt_forgets_an_expired_token_and_does_not_repeat(
    tools: Any, sms: Sms, application: ApplicationAuth
) -> None:
    server = await tools.server(tools.answer(401, EXPIRED), tools.accepted())
    async with client_of(server, application) as client:
        with pytest.raises(errors.AuthenticationError):
            await client.attempt(sms)
        await client.attempt(sms)
    first, second = (request.headers["authorization"] for request in server.requests)
    assert first != second


async def test_basic_credentials_are_not_tried_again(tools: Any, sms: Sms) -> None:
    server = await tools.server(tools.answer(401, EXPIRED))
    async with client_of(server) as client:
        with pytest.raises(errors.AuthenticationError):
            await client.send(sms)
    assert len(server.requests) == 1


async def test_auth_may_be_a_function_for_keys_that_rotate(tools: Any, sms: Sms) -> None:
    secrets = iter(["first", "second"])

    async def current() -> BasicAuth:
        return BasicAuth("key", next(secrets))

    server = await tools.server(tools.accepted())
    async with client_of(server, current) as client:
        await client.send(sms)
        await client.send(sms)
    used = [request.headers["authorization"] for request in server.requests]
    assert used == [BasicAuth("key", secret).authorization() for secret in ("first", "second")]


async def test_function_that_gives_no_credentials_gets_a_sentence(tools: Any, sms: Sms) -> None:
    async def nothing() -> None:
        return None

    server = await tools.server(tools.accepted())
    async with client_of(server, nothing) as client:
        with pytest.raises(errors.ConfigurationError, match="not NoneType"):
            await client.send(sms)
    assert server.requests == []


async def test_function_that_takes_too_long_never_left(tools: Any, sms: Sms) -> None:
    async def forever() -> BasicAuth:
        await asyncio.sleep(60)
        return BASIC

    server = await tools.server(tools.accepted())
    async with client_of(server, forever, timeout=Timeout(total=0.1)) as client:
        with pytest.raises(errors.ConnectError, match="no credentials in time"):
            await client.send(sms)
    assert server.requests == []
