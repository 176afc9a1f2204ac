"""
The simulator and a webhook service beside a test: both run in the thread of a ``LoopThread``.

They are used from outside. Every call goes into that thread and comes back with its result, so a test may use them from
a plain function, from a coroutine on its own loop, or from a thread of its own.
"""

from __future__ import annotations

import asyncio
import inspect
from typing import TYPE_CHECKING, Any, TypeVar

import attrs
from aiohttp import web

from vonage_messages.adapters.aiohttp import INBOUND_PATH, STATUS_PATH, add_webhooks
from vonage_messages.errors import WaitTimeoutError
from vonage_messages.receiving.tracker import Tracker
from vonage_messages.simulator import Simulator
from vonage_messages.simulator.stopping import stop_serving
from vonage_messages.webhooks.inbound import InboundMessage
from vonage_messages.webhooks.routing import Router
from vonage_messages.webhooks.signing import SignatureVerifier
from vonage_messages.webhooks.status import MessageStatus

if TYPE_CHECKING:
    from collections.abc import Callable

    from vonage_messages.receiving.tracker import Sent
    from vonage_messages.simulator import CallbackTry
    from vonage_messages.testing.loop_thread import LoopThread, Pending
    from vonage_messages.values import Seconds
    from vonage_messages.webhooks.routing import Event

T = TypeVar("T")

_PARTS = frozenset({"balance", "clock", "faults", "journal", "people", "releases", "state"})
"""What a simulator has that is no value but goes on living in its thread."""
_WITHIN: Seconds = 30.0
"""How long a wait for an event takes at most, where a test does not say: more than on a busy machine."""


class _InThread:
    """
    Stands for an object that lives in the thread of a loop.

    Attributes are read there, methods run there. What is a coroutine there gives a ``Pending`` here, which is under
    way at once.
    """

    __slots__ = ("_loop", "_object")

    def __init__(self, loop: LoopThread, living: object) -> None:
        object.__setattr__(self, "_loop", loop)
        object.__setattr__(self, "_object", living)

    def __repr__(self) -> str:
        return repr(self._object)

    def __dir__(self) -> list[str]:
        return sorted({*object.__dir__(self), *dir(self._object)})

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(f"{type(self._object).__name__} has no public attribute {name!r}")
        value = self._loop.call(lambda: getattr(self._object, name))
        if name in _PARTS and value is not None:
            return _InThread(self._loop, value)
        if inspect.ismethod(value):
            return self._method(value)
        return value

    def __setattr__(self, name: str, value: object) -> None:
        if not hasattr(self._object, name):
            raise AttributeError(f"{type(self._object).__name__} has no attribute {name!r}")
        self._loop.call(lambda: setattr(self._object, name, value))

    def __call__(self, *arguments: Any) -> Any:
        return self._loop.call(lambda: self._object(*arguments))

    def __iter__(self) -> Any:
        return iter(self._loop.call(lambda: list(self._object)))

    def __len__(self) -> int:
        count: int = self._loop.call(lambda: len(self._object))
        return count

    def _method(self, method: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **named: Any) -> Any:
            if inspect.iscoroutinefunction(method):
                return self._loop.submit(method(*arguments, **named))
            return self._loop.call(lambda: method(*arguments, **named))

        return call


if TYPE_CHECKING:

    class RunningSimulator(Simulator):
        """To a type checker: a ``Simulator`` whose coroutines need not be awaited at once."""

        def __init__(self, loop: LoopThread, living: Simulator) -> None: ...
        def call(self, function: Callable[[Simulator], T]) -> T:
            """See below."""

        def advance(self, seconds: Seconds) -> Pending[None]:  # type: ignore[override]
            """See ``Simulator``."""

        def inbound(self, **arguments: Any) -> Pending[CallbackTry]:  # type: ignore[override]
            """See ``Simulator``."""

        def settle(self, timeout: Seconds = 30.0) -> Pending[None]:  # type: ignore[override]
            """See ``Simulator``."""

else:

    class RunningSimulator(_InThread):
        """
        A ``Simulator`` that runs in another thread: it has all that a ``Simulator`` has.

        ::

            vonage_simulator.messages                                   # as there
            await vonage_simulator.inbound(text="Hello")                # in a coroutine
            vonage_simulator.inbound(text="Hello").result()             # in a plain function
            vonage_simulator.call(lambda simulator: simulator.state...)   # several things at one moment
        """

        __slots__ = ()

        def call(self, function: Callable[[Simulator], T]) -> T:
            """Call *function* with the simulator itself, in its thread, and give what it gives."""
            return self._loop.call(lambda: function(self._object))


@attrs.define(eq=False)
class _Recorder:
    """The webhook service in the thread: it keeps what comes, and tells whoever waits."""

    router: Router = attrs.field(factory=Router)
    events: list[Event] = attrs.field(factory=list)
    tracker: Tracker = attrs.field(init=False)
    _forgotten: int = 0
    """How many events came before the first of ``events``."""
    _came: asyncio.Condition = attrs.field(factory=asyncio.Condition)
    _runner: web.AppRunner | None = None

    def __attrs_post_init__(self) -> None:
        # First, so that whoever has waited for an event finds it among the events.
        self.router.event()(self._keep)
        self.tracker = Tracker(self.router)

    async def start(self, signature_secret: str) -> str:
        """Listen on a free loopback port, and give the base URL."""
        application = web.Application()
        add_webhooks(application, self.router, verifier=SignatureVerifier(signature_secret))
        self._runner = web.AppRunner(application, access_log=None, handle_signals=False, shutdown_timeout=1.0)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        return f"http://127.0.0.1:{self._runner.addresses[0][1]}"

    async def stop(self) -> None:
        """Stop listening."""
        if self._runner is not None:
            await stop_serving(self._runner)

    async def wait(self, wanted: Callable[[Any], bool], timeout: Seconds, kind: type[T]) -> T:  # noqa: ASYNC109  an error of ours
        """Give the first event of *kind* that is *wanted*, which may be there already."""
        looked_at = self._forgotten
        try:
            async with asyncio.timeout(timeout), self._came:
                while True:  # ends: with the event, or with the time limit
                    for event in self.events[max(looked_at - self._forgotten, 0) :]:
                        if isinstance(event, kind) and wanted(event):
                            return event
                    looked_at = self._forgotten + len(self.events)
                    await self._came.wait()
        except TimeoutError:
            raise WaitTimeoutError(
                f"no such event came within {timeout:g} seconds; those that came: {len(self.events)}"
            ) from None

    def clear(self) -> None:
        """Forget the events so far; whoever waits goes on with the next one."""
        self._forgotten += len(self.events)
        self.events.clear()

    async def _keep(self, event: Event) -> None:
        self.events.append(event)
        async with self._came:
            self._came.notify_all()


def _any(_event: object) -> bool:
    return True


class RunningWebhooks:
    """
    A webhook service that records: a real aiohttp server on loopback, which checks signatures and keeps typed events.

    ::

        status = await vonage_webhooks.wait_for(sent, "delivered")
        reply = vonage_webhooks.wait_for_reply(sent).result()     # in a plain function
        vonage_webhooks.inbound[0].content

    What waits gives a ``Pending``. Handlers may be added to ``router``; they run in the thread of the simulator.
    """

    def __init__(self, loop: LoopThread, simulator: Simulator) -> None:
        self._loop = loop
        self._recorder: _Recorder = loop.call(_Recorder)
        self._url = loop.submit(self._recorder.start(simulator.signature_secret)).result()

    def __repr__(self) -> str:
        return f"<RunningWebhooks {self.url}: {len(self.events)} events>"

    @property
    def url(self) -> str:
        """The base URL, such as ``http://127.0.0.1:40123``."""
        return self._url

    @property
    def status_url(self) -> str:
        """Where statuses are sent to."""
        return self._url + STATUS_PATH

    @property
    def inbound_url(self) -> str:
        """Where inbound messages are sent to."""
        return self._url + INBOUND_PATH

    @property
    def router(self) -> Router:
        """The router: ``vonage_webhooks.router.inbound()(handler)``."""
        return self._recorder.router

    @property
    def tracker(self) -> Tracker:
        """The tracker. It belongs to the thread of the simulator: here ``wait_for`` and the others ask it."""
        return self._recorder.tracker

    @property
    def events(self) -> list[Event]:
        """Every event so far, in the order of arrival, each once."""
        return self._loop.call(lambda: list(self._recorder.events))

    @property
    def statuses(self) -> list[MessageStatus]:
        """Every status so far."""
        return [event for event in self.events if isinstance(event, MessageStatus)]

    @property
    def inbound(self) -> list[InboundMessage]:
        """Everything so far that people wrote."""
        return [event for event in self.events if isinstance(event, InboundMessage)]

    def wait_for(
        self, sent: Sent | str, status: str = "delivered", *, timeout: Seconds = _WITHIN
    ) -> Pending[MessageStatus]:
        """
        Wait until a message has come as far as *status*: see ``Tracker.wait_for``.

        Raises (at the end of the wait):
            NotDeliveredError: the message was rejected, or is undeliverable.
            WaitTimeoutError: it did not come in time.
        """
        return self._loop.submit(self.tracker.wait_for(sent, status, timeout=timeout))

    def wait_for_reply(self, sent: Sent | str, *, timeout: Seconds = _WITHIN) -> Pending[InboundMessage]:
        """
        Wait for the first inbound message that answers *sent*: see ``Tracker.wait_for_reply``.

        Raises (at the end of the wait):
            WaitTimeoutError: it did not come in time.
        """
        return self._loop.submit(self.tracker.wait_for_reply(sent, timeout=timeout))

    def wait_for_inbound(
        self, wanted: Callable[[InboundMessage], bool] = _any, *, timeout: Seconds = _WITHIN
    ) -> Pending[InboundMessage]:
        """
        Wait for the first inbound message that *wanted* is true for; one that has come already counts.

        Raises (at the end of the wait):
            WaitTimeoutError: it did not come in time.
        """
        return self._loop.submit(self._recorder.wait(wanted, timeout, InboundMessage))

    def wait_for_status(
        self, wanted: Callable[[MessageStatus], bool] = _any, *, timeout: Seconds = _WITHIN
    ) -> Pending[MessageStatus]:
        """
        Wait for the first status that *wanted* is true for; one that has come already counts.

        Raises (at the end of the wait):
            WaitTimeoutError: it did not come in time.
        """
        return self._loop.submit(self._recorder.wait(wanted, timeout, MessageStatus))

    def clear(self) -> None:
        """Forget the events so far. The tracker goes on knowing them."""
        self._loop.call(self._recorder.clear)

    def stop(self) -> None:
        """Stop listening."""
        self._loop.submit(self._recorder.stop()).result()
