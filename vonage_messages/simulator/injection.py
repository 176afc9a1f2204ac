"""
How a fault strikes a request of the simulated API: another answer, a late one, half of one, or none at all.

``app.py`` asks here at four moments. Which request is struck is decided in ``faults.py``. A connection is broken on its
socket, so that a caller sees what a broken network would show: a reset (RST), or an end that comes too early (FIN).
"""

from __future__ import annotations

import asyncio
import socket
import struct
from contextvars import ContextVar
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

import attrs
from aiohttp import web

from vonage_messages.simulator import problems
from vonage_messages.simulator.faults import FaultKind, Moment, Target, whole_seconds

if TYPE_CHECKING:
    from vonage_messages.simulator.faults import Fault, Faults
    from vonage_messages.simulator.problems import ProblemDocument
    from vonage_messages.values import Seconds

_LIMIT: Final = 30
"""What ``X-RateLimit-Limit`` says where the simulator itself limits nothing: the account's published rate."""
_LOOKS_EVERY: Seconds = 0.05
"""How often a late answer looks whether anybody still waits for it."""

# Not kept on the request: see app.py.
_target: ContextVar[Target | None] = ContextVar("target", default=None)


class ConnectionBrokenError(ConnectionError):
    """The connection of the request was broken on purpose: nobody is left to be answered."""


@attrs.frozen(kw_only=True)
class Injection:
    """Lets the faults of a simulator strike the requests that it is sent."""

    faults: Faults

    def begin(self) -> None:
        """Note that a request came: nothing is known of it yet, and the one before on its connection is over."""
        _target.set(None)

    def before(self, request: web.Request, now: float) -> ProblemDocument | None:
        """
        Strike a request whose body is not read yet; gives the answer that it gets instead. *now* is in unix seconds.

        Raises:
            ConnectionBrokenError: nobody is left to be answered.
        """
        if not self.faults:
            return None
        return self._refusal(request, self.faults.first(Moment.REQUEST, _target_of(request)), now)

    def known(
        self, request: web.Request, now: float, *, channel: str, to: str | None, from_: str | None
    ) -> ProblemDocument | None:
        """
        Strike a message or update that is right and not accepted yet; gives the answer that it gets instead.

        *channel* is that of either version.

        Raises:
            ConnectionBrokenError: nobody is left to be answered.
        """
        target = Target(
            path=request.path,
            channel="viber_service" if channel == "viber_service_msg" else channel,
            to=to,
            from_=from_,
        )
        _target.set(target)
        return self._refusal(request, self.faults.first(Moment.MESSAGE, target), now)

    def unpaid(self, request: web.Request) -> bool:
        """Tell whether the balance is to fall short of the message that was made known."""
        return bool(self.faults) and self.faults.first(Moment.PAYMENT, _target_of(request)) is not None

    async def after(self, request: web.Request, response: web.StreamResponse) -> web.StreamResponse:
        """Strike an answer that is about to leave; gives what leaves instead."""
        if not self.faults or _is_gone(request) or not isinstance(response, web.Response):
            return response
        target = _target_of(request)
        if response.status == HTTPStatus.ACCEPTED:
            fault = self.faults.first(Moment.ACCEPTED, target)
            if fault is not None and fault.kind == FaultKind.RESET_AFTER_ACCEPTING:
                _break(request, clean=fault.clean)
                return response
            if fault is not None:
                response = _answer(_server_error(fault))
        faults = {fault.kind: fault for fault in self.faults.all(Moment.ANSWER, target)}
        return await _spoilt(request, response, faults)

    def _refusal(self, request: web.Request, fault: Fault | None, now: float) -> ProblemDocument | None:
        if fault is None:
            return None
        if fault.kind == FaultKind.RESET_BEFORE_READING:
            _break(request, clean=fault.clean)
            raise ConnectionBrokenError
        if fault.kind == FaultKind.THROTTLE:
            return problems.throttled(
                limit=_LIMIT, remaining=0, retry_after=whole_seconds(fault.span), reset=now + fault.span
            )
        return _server_error(fault)


async def _spoilt(request: web.Request, response: web.Response, faults: dict[FaultKind, Fault]) -> web.StreamResponse:
    """Let everything that strikes an answer strike it: they go together."""
    if FaultKind.SLOW in faults:
        await _let_wait(request, faults[FaultKind.SLOW].span)
    if FaultKind.WRONG_CONTENT_TYPE in faults:
        response.headers["Content-Type"] = "text/html; charset=utf-8"
    if FaultKind.TRUNCATED_JSON in faults:
        body = _body(response)
        response.body = body[: len(body) // 2]
    if FaultKind.RESET_IN_ANSWER in faults:
        return await _half(request, response, clean=faults[FaultKind.RESET_IN_ANSWER].clean)
    return response


async def _let_wait(request: web.Request, span: Seconds) -> None:
    """Let the caller wait, in real time: it is the caller's own patience that is tried. Whoever leaves ends it."""
    loop = asyncio.get_running_loop()
    end = loop.time() + span
    # aiohttp tells a handler only by cancelling it that its caller left, and here it is told not to do that.
    while (left := end - loop.time()) > 0 and not _is_gone(request):  # noqa: ASYNC110  see above; ends: time passes
        await asyncio.sleep(min(left, _LOOKS_EVERY))


async def _half(request: web.Request, response: web.Response, *, clean: bool) -> web.StreamResponse:
    """Begin the answer as if all of it were to come, and break off in the middle of its body."""
    body = _body(response)
    begun = web.StreamResponse(status=response.status, headers=response.headers)
    begun.content_length = len(body) or 1
    await begun.prepare(request)
    await begun.write(body[: len(body) // 2])
    _break(request, clean=clean)
    return begun


def _break(request: web.Request, *, clean: bool) -> None:
    """Close the connection, or reset it: with no time to linger, the system sends RST instead of FIN."""
    transport = request.transport
    if transport is None:
        return
    if clean:
        transport.close()
        return
    with socket.fromfd(transport.get_extra_info("socket").fileno(), socket.AF_INET, socket.SOCK_STREAM) as same:
        same.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()


def _target_of(request: web.Request) -> Target:
    """Give what is known of a request: at least its path."""
    return _target.get() or Target(path=request.path)


def _is_gone(request: web.Request) -> bool:
    return request.transport is None or request.transport.is_closing()


def _body(response: web.Response) -> bytes:
    return response.body if isinstance(response.body, bytes) else b""


def _server_error(fault: Fault) -> ProblemDocument:
    document = problems.internal_error()
    if fault.status in {None, document.status}:
        return document
    status = fault.status or document.status
    return attrs.evolve(document, status=status, title=_phrase(status))


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Server error"


def _answer(problem: ProblemDocument) -> web.Response:
    return web.json_response(
        problem.body(), status=problem.status, content_type=problem.content_type, headers=problem.headers
    )
