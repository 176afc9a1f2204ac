"""
The sender of callbacks: signs each try, posts it, and repeats it as the platform does, on a clock that tests can move.

A callback that is answered 429 or 5xx, or not at all, comes again after 5 s, 10 s, … up to 15 minutes, for 24 hours;
every other answer ends it. Every try is signed anew. What a body says is none of its business.

Only loopback addresses are called, and hosts that were named: nothing that a message's ``webhook_url`` says can make
the simulator talk to the network.

Reference: Webhooks, sections 7 (answering and retries) and 8 (signed webhooks).
"""

from __future__ import annotations

import asyncio
import hashlib
import ipaddress
import json
import logging
import re
from collections import deque
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import aiohttp
import attrs

from vonage_messages.errors import ConfigurationError, SimulatorError
from vonage_messages.logs import LogEvent, about
from vonage_messages.simulator.delivery import retry_delays
from vonage_messages.simulator.faults import FaultKind, Moment, Target
from vonage_messages.simulator.state import instant
from vonage_messages.webhooks.signing import sign_webhook

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Coroutine
    from datetime import datetime

    from vonage_messages.clock import Clock
    from vonage_messages.simulator.faults import Faults
    from vonage_messages.simulator.schedule import Activity
    from vonage_messages.values import Seconds

_LOGGER = logging.getLogger(__name__)

CONNECT_WITHIN: Final[Seconds] = 3.0
ANSWER_WITHIN: Final[Seconds] = 15.0
"""Support article 226572227: the platform's time-outs for the connection and for the response."""

_UNSIGNED: Final = {"Content-Type": "application/json"}

_HOST: Final = re.compile(r"[\w-]+(?:\.[\w-]+)*\.?")
_LONGEST_HOST = 253

_AT_ONCE = 100
"""Callbacks that are on their way at a time; the others wait for a place."""


@attrs.frozen(kw_only=True)
class Callback:
    """One callback to send: where to, what, and as whom."""

    kind: str
    """``status`` or ``inbound``."""
    message_uuid: str
    url: str = attrs.field(repr=False)
    payload: dict[str, Any] = attrs.field(repr=False)
    signature_secret: str = attrs.field(repr=False)
    api_key: str = attrs.field(repr=False)
    application_id: str | None
    """Told in the signature where the webhook is the application's."""

    @property
    def target(self) -> Target:
        """What a fault sees of it."""
        to, from_ = self.payload.get("to"), self.payload.get("from")
        channel = self.payload.get("channel") or _member(to, "type")
        return Target(
            path=urlsplit(self.url).path,
            channel="viber_service" if channel == "viber_service_msg" else channel,
            to=_member(to, "number", "id"),
            from_=_member(from_, "number", "id"),
        )


@attrs.frozen(kw_only=True)
class CallbackTry:
    """One try to hand a callback over, and its answer."""

    kind: str
    """``status`` or ``inbound``."""
    message_uuid: str
    url: str
    number: int
    """1 for the first try."""
    payload: dict[str, Any] = attrs.field(repr=False)
    """What was sent."""
    headers: dict[str, str] = attrs.field(repr=False)
    """What was sent beside it, with the signature; empty where nothing was sent."""
    status: int | None
    """The HTTP status of the answer; ``None`` where there was none."""
    error: str
    """Why there was no answer; empty where there was one."""
    sent_at: datetime
    """An aware instant in UTC, on the simulator's clock."""

    @property
    def accepted(self) -> bool:
        """The answer was 2xx."""
        return self.status is not None and HTTPStatus.OK <= self.status < HTTPStatus.MULTIPLE_CHOICES

    @property
    def comes_again(self) -> bool:
        """The platform repeats such a try: it was answered 429 or 5xx, or not at all."""
        if self.status is None:
            return bool(self.headers)  # without headers nothing was sent, and nothing will be
        return self.status == HTTPStatus.TOO_MANY_REQUESTS or self.status >= HTTPStatus.INTERNAL_SERVER_ERROR


class CallbackSender:
    """
    Sends callbacks and remembers the last *maximum* tries; *on_try* is told of each.

    *hosts* may be called beside loopback addresses. At most *maximum* pieces of work wait or run at a time; one more
    is left out with a warning. It belongs to one event loop from ``start`` to ``stop``.
    """

    def __init__(  # noqa: PLR0913  what it is built from, by name
        self,
        *,
        clock: Clock,
        credentials_clock: Callable[[], float],
        activity: Activity,
        faults: Faults,
        hosts: frozenset[str],
        maximum: int,
        on_try: Callable[[CallbackTry], object],
    ) -> None:
        self._clock = clock
        self._credentials_clock = credentials_clock
        self._faults = faults
        self._activity = activity
        self._hosts = hosts
        self._maximum = maximum
        self._on_try = on_try
        self._session: aiohttp.ClientSession | None = None
        self._places = asyncio.Semaphore(_AT_ONCE)
        self._tasks: set[asyncio.Task[object]] = set()
        self._tries: deque[CallbackTry] = deque()
        self._tries_of: dict[str, deque[CallbackTry]] = {}

    @property
    def tries(self) -> list[CallbackTry]:
        """Every try that is held, oldest first."""
        return list(self._tries)

    def tries_of(self, message_uuid: str) -> list[CallbackTry]:
        """Give the tries that tell of one message, oldest first."""
        return list(self._tries_of.get(message_uuid, ()))

    def clear(self) -> None:
        """Forget every try, and what is on its way or still to be repeated."""
        for task in self._tasks:
            task.cancel()
        self._tries.clear()
        self._tries_of.clear()

    def start(self) -> None:
        """Open the session. Needs a running loop."""
        self._session = aiohttp.ClientSession(
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=None, connect=CONNECT_WITHIN, sock_read=ANSWER_WITHIN),
        )
        self._places = asyncio.Semaphore(_AT_ONCE)

    async def stop(self) -> None:
        """End all work, also what waits for a repetition, and close the session."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    def run(self, work: Coroutine[Any, Any, object]) -> asyncio.Task[object] | None:
        """
        Begin a piece of work that sends callbacks, in the background. It ends when the sender stops.

        ``None`` where there is no room for it.
        """
        if len(self._tasks) >= self._maximum:
            work.close()
            _LOGGER.warning(
                "%d messages still have callbacks to come: one more gets none",
                self._maximum,
                extra=about(LogEvent.SIMULATOR_FULL),
            )
            return None
        self._activity.add(1)
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def begin(self, callback: Callback) -> asyncio.Future[CallbackTry]:
        """
        Send *callback* in the background; the future gives its first try.

        It is cancelled when the sender stops or is cleared.

        Raises:
            SimulatorError: there is no room for it.
        """
        first: asyncio.Future[CallbackTry] = asyncio.get_running_loop().create_future()
        task = self.run(self.send(callback, first))
        if task is None:
            raise SimulatorError("too many callbacks are still to come: none is added")
        task.add_done_callback(lambda _: first.cancel())
        return first

    async def send(self, callback: Callback, first: asyncio.Future[CallbackTry] | None = None) -> CallbackTry:
        """Send *callback*, repeat it while it must be, and give the last try. *first* is told the first one."""
        struck = self._faults.all(Moment.CALLBACK, callback.target) if self._faults else []
        await self._activity.sleep(sum(fault.span for fault in struck))
        for fault in struck:
            if fault.kind is FaultKind.CALLBACK_DUPLICATE:
                self.run(self._send(callback))
        return await self._send(callback, first)

    async def _send(self, callback: Callback, first: asyncio.Future[CallbackTry] | None = None) -> CallbackTry:
        delays = retry_delays()
        number, due = 1, self._clock()
        while True:  # ends: the delays do
            result = await self._try(callback, number)
            if first is not None and not first.done():
                first.set_result(result)
            delay = next(delays, None) if result.comes_again else None
            if delay is None:
                return result
            # Counted from when the try was due: neither a slow answer nor a clock moved in leaps shifts the schedule.
            due += delay
            await self._activity.sleep(due - self._clock())
            number += 1

    async def _try(self, callback: Callback, number: int) -> CallbackTry:
        body = json.dumps(callback.payload, separators=(",", ":")).encode()
        now = self._clock()
        result = CallbackTry(
            kind=callback.kind,
            message_uuid=callback.message_uuid,
            url=callback.url,
            number=number,
            payload=callback.payload,
            headers={},
            status=None,
            error="",
            sent_at=instant(now),
        )
        if not may_be_called(callback.url, self._hosts):
            result = attrs.evolve(result, error="not called: it is no loopback address, and not among callback_hosts")
        else:
            result = await self._post(attrs.evolve(result, headers=self._headers(callback, body)), body)
        self._remember(result)
        return result

    def _headers(self, callback: Callback, body: bytes) -> dict[str, str]:
        """Sign a try, unless a fault forbids it."""
        kinds = {fault.kind for fault in self._faults.all(Moment.TRY, callback.target)} if self._faults else set()
        if FaultKind.CALLBACK_UNSIGNED in kinds:
            return dict(_UNSIGNED)
        is_forged = FaultKind.CALLBACK_WRONG_SIGNATURE in kinds
        return sign_webhook(
            body,
            _sha256(callback.signature_secret) if is_forged else callback.signature_secret,
            api_key=callback.api_key,
            application_id=callback.application_id,
            issued_at=self._credentials_clock(),
        )

    def _remember(self, result: CallbackTry) -> None:
        self.restore(result)
        self._on_try(result)

    def restore(self, result: CallbackTry) -> None:
        """Remember a try of which nobody needs to hear any more."""
        if len(self._tries) >= self._maximum:
            self._forget_oldest()
        self._tries.append(result)
        self._tries_of.setdefault(result.message_uuid, deque()).append(result)

    def _forget_oldest(self) -> None:
        oldest = self._tries.popleft()
        of_message = self._tries_of[oldest.message_uuid]
        of_message.popleft()
        if not of_message:
            del self._tries_of[oldest.message_uuid]

    async def _post(self, result: CallbackTry, body: bytes) -> CallbackTry:
        if self._session is None:
            raise SimulatorError("the simulator is not running")
        try:
            async with (
                self._places,
                self._session.post(result.url, data=body, headers=result.headers, allow_redirects=False) as response,
            ):
                return attrs.evolve(result, status=response.status)
        except (aiohttp.ClientError, OSError, ValueError) as error:
            return attrs.evolve(result, error=f"no answer: {type(error).__name__}")

    def _ended(self, task: asyncio.Task[object]) -> None:
        self._tasks.discard(task)
        self._activity.add(-1)
        if not task.cancelled() and task.exception() is not None:
            _LOGGER.error(
                "the simulator failed to send a callback",
                exc_info=task.exception(),
                extra=about(LogEvent.SIMULATOR_FAILED),
            )


def _member(party: Any, *names: str) -> str | None:
    """Give who a side of a callback is: a text in v1, an object in v0.1."""
    if not isinstance(party, dict):
        return party if isinstance(party, str) else None
    return next((party[name] for name in names if name in party), None)


def _sha256(secret: str) -> str:
    """Make another secret of one, as long as a secret should be."""
    return hashlib.sha256(secret.encode()).hexdigest()


def may_be_called(url: str, hosts: frozenset[str]) -> bool:
    """Tell whether *url* is http(s) to a loopback address, to ``localhost``, or to one of *hosts*."""
    try:
        parts = urlsplit(url)
        host = (parts.hostname or "").lower()
        parts.port  # noqa: B018  raises where the port is none
    except ValueError:
        return False
    if parts.scheme not in {"http", "https"}:
        return False
    if host == "localhost" or host in hosts:
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def checked_hosts(names: Collection[str]) -> frozenset[str]:
    """
    Give *names* as they are compared with the hosts of addresses.

    Raises:
        ConfigurationError: one of them can be the host of none.
    """
    if isinstance(names, str):
        raise ConfigurationError("callback_hosts must be a list of names, not one text.")
    return frozenset(map(_checked_host, names))


def _checked_host(name: object) -> str:
    bare = name.lower() if isinstance(name, str) else ""
    if bare.startswith("[") and bare.endswith("]"):
        bare = bare[1:-1]
    if len(bare) > _LONGEST_HOST or not (_HOST.fullmatch(bare) or _is_ipv6(bare)):
        raise ConfigurationError(
            "callback_hosts must be names or addresses of machines, such as my-service or 192.0.2.7, without http://, "
            f"port and path, not {name!r}."
        )
    return bare


def _is_ipv6(host: str) -> bool:
    try:
        ipaddress.IPv6Address(host)
    except ValueError:
        return False
    return True


def checked_webhook_url(url: str | None, name: str, hosts: frozenset[str]) -> str | None:
    """
    Give *url* back.

    Raises:
        ConfigurationError: it names another machine, which must be said aloud.
    """
    if url is not None and not may_be_called(url, hosts):
        raise ConfigurationError(
            f"{name} must be an http(s) address on this machine (localhost, 127.0.0.1, ::1); name other hosts in "
            "callback_hosts"
        )
    return url
