"""
Callbacks in an ASGI application: FastAPI, Starlette, or none. No framework is imported.

The ``Receiver`` does the work.

Reference: ASGI specification 3.0, HTTP connection scope and lifespan.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from typing import Any, TypeAlias, Unpack

import attrs

from vonage_messages.receiving.receiver import Answer, Receiver, ReceiverOptions
from vonage_messages.values import Seconds
from vonage_messages.webhooks.routing import Router

INBOUND_PATH = "/webhooks/inbound-message"
STATUS_PATH = "/webhooks/message-status"

Scope: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send: TypeAlias = Callable[[MutableMapping[str, Any]], Awaitable[None]]


class WebhookApplication:
    """
    An ASGI application that takes POST on the paths of both webhooks: run it alone, or mount it.

    Mounted, the path that counts is the whole one or the one behind the mount point. A mounted application gets no
    lifespan events: call ``close`` when the outer one shuts down.
    """

    def __init__(self, receiver: Receiver, paths: tuple[str, ...], close_timeout: Seconds) -> None:
        self.receiver = receiver
        self._paths = frozenset(paths)
        self._close_timeout = close_timeout

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection of any kind."""
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        elif scope["type"] == "http":
            await self._serve(scope, receive, send)
        else:
            await send({"type": f"{scope['type']}.close"})

    async def close(self) -> None:
        """Refuse callbacks from now on and let the handlers that run finish."""
        await self.receiver.close(self._close_timeout)

    async def _live(self, receive: Receive, send: Send) -> None:
        while True:
            event = (await receive())["type"]
            if event == "lifespan.shutdown":
                await self.close()
            await send({"type": f"{event}.complete"})
            if event == "lifespan.shutdown":
                return

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not self._paths & {scope["path"], *_behind_mount(scope)}:
            await _write(send, Answer(status=404))
        elif scope["method"] != "POST":
            await _write(send, Answer(status=405), (b"allow", b"POST"))
        else:
            try:
                answer = await self.receiver.receive_stream(_Headers(scope["headers"]), _chunks(receive))
            except ConnectionResetError:
                return
            await _write(send, answer)


@attrs.frozen
class _Headers:
    """The header pairs of a scope, as text; latin-1 keeps every byte."""

    pairs: list[tuple[bytes, bytes]]

    def items(self) -> list[tuple[str, str]]:
        return [(name.decode("latin-1"), value.decode("latin-1")) for name, value in self.pairs]


def webhook_application(
    router: Router,
    *,
    inbound_path: str = INBOUND_PATH,
    status_path: str = STATUS_PATH,
    close_timeout: Seconds = 10.0,
    **options: Unpack[ReceiverOptions],
) -> WebhookApplication:
    """
    Make an ASGI application of both webhooks.

    ::

        app.mount("/", webhook_application(router, verifier=verifier))

    *options* are those of ``Receiver``: ``verifier=`` (or ``insecure=True``), ``mode=``, ``seen=``, ``on_error=``, …
    *close_timeout* bounds what ``close`` waits for handlers, in seconds. Either path takes either event.

    Raises:
        ConfigurationError: see ``Receiver``.
    """
    return WebhookApplication(Receiver(router, **options), (inbound_path, status_path), close_timeout)


def _behind_mount(scope: Scope) -> tuple[str, ...]:
    """Give the path behind the mount point; some servers leave the mount point in ``path``, and some do not."""
    root = scope.get("root_path", "").rstrip("/")
    return (scope["path"].removeprefix(root), root + scope["path"]) if root else ()


async def _chunks(receive: Receive) -> AsyncIterator[bytes]:
    """Give the parts of a body; half a body is never taken for a whole one."""
    more = True
    while more:
        event = await receive()
        if event["type"] == "http.disconnect":
            raise ConnectionResetError("the sender hung up before the body was complete")
        yield event.get("body", b"")
        more = event.get("more_body", False)


async def _write(send: Send, answer: Answer, *headers: tuple[bytes, bytes]) -> None:
    content_type = [(b"content-type", answer.content_type.encode())] if answer.content_type else []
    length = (b"content-length", str(len(answer.body)).encode())
    await send({"type": "http.response.start", "status": answer.status, "headers": [length, *content_type, *headers]})
    await send({"type": "http.response.body", "body": answer.body})
