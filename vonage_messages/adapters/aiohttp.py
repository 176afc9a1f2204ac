"""
Callbacks in an aiohttp application: the routes, and nothing that decides. The ``Receiver`` does the work.

Graceful shutdown: aiohttp itself waits for requests that are being answered, and so for handlers in the mode
``run_first``. ``WebhookRoutes.close`` also waits for handlers that run in the background (``acknowledge_first``) and
refuses new callbacks while it waits; ``add_webhooks`` arranges for it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Unpack, overload

from aiohttp import web

from vonage_messages.receiving.receiver import Receiver, ReceiverOptions
from vonage_messages.values import Seconds
from vonage_messages.webhooks.routing import Router

INBOUND_PATH = "/webhooks/inbound-message"
STATUS_PATH = "/webhooks/message-status"


class WebhookRoutes(Sequence[web.AbstractRouteDef]):
    """The routes of one receiver, for ``app.add_routes``."""

    def __init__(self, receiver: Receiver, paths: Sequence[str], close_timeout: Seconds) -> None:
        self.receiver = receiver
        self._close_timeout = close_timeout
        self._routes = tuple(web.post(path, self._answer) for path in dict.fromkeys(paths))

    @overload
    def __getitem__(self, index: int) -> web.AbstractRouteDef: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[web.AbstractRouteDef]: ...
    def __getitem__(self, index: int | slice) -> web.AbstractRouteDef | Sequence[web.AbstractRouteDef]:
        return self._routes[index]

    def __iter__(self) -> Iterator[web.AbstractRouteDef]:
        return iter(self._routes)

    def __len__(self) -> int:
        return len(self._routes)

    async def close(self, _app: web.Application | None = None) -> None:
        """Refuse callbacks from now on and let handlers finish: ``app.on_shutdown.append(routes.close)``."""
        await self.receiver.close(self._close_timeout)

    async def _answer(self, request: web.Request) -> web.Response:
        try:
            answer = await self.receiver.receive_stream(request.headers, request.content.iter_any())
        except ConnectionError:  # the sender hung up: nobody reads the answer, and a traceback would be noise
            return web.Response(status=400)
        return web.Response(status=answer.status, body=answer.body or None, content_type=answer.content_type)


def webhook_routes(
    router: Router,
    *,
    inbound_path: str = INBOUND_PATH,
    status_path: str = STATUS_PATH,
    close_timeout: Seconds = 10.0,
    **options: Unpack[ReceiverOptions],
) -> WebhookRoutes:
    """
    Make the routes of both webhooks: ``app.add_routes(webhook_routes(router, verifier=verifier))``.

    *options* are those of ``Receiver``: ``verifier=`` (or ``insecure=True``), ``mode=``, ``seen=``, ``on_error=``, …
    *close_timeout* bounds what ``close`` waits for handlers, in seconds. Either path takes either event.

    Raises:
        ConfigurationError: see ``Receiver``.
    """
    return WebhookRoutes(Receiver(router, **options), (inbound_path, status_path), close_timeout)


def add_webhooks(
    app: web.Application,
    router: Router,
    *,
    inbound_path: str = INBOUND_PATH,
    status_path: str = STATUS_PATH,
    close_timeout: Seconds = 10.0,
    **options: Unpack[ReceiverOptions],
) -> WebhookRoutes:
    """
    Add the routes of both webhooks to *app*, and close them when it shuts down.

    The options are those of ``webhook_routes``.

    Raises:
        ConfigurationError: see ``Receiver``.
    """
    routes = webhook_routes(
        router, inbound_path=inbound_path, status_path=status_path, close_timeout=close_timeout, **options
    )
    app.add_routes(routes)
    app.on_shutdown.append(routes.close)
    return routes
