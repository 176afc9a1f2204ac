"""Which handlers an event is for. The router only matches; ``vonage_messages.receiving`` runs what it finds."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Iterable
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

import attrs

from vonage_messages.errors import ConfigurationError
from vonage_messages.webhooks.status import MessageStatus

if TYPE_CHECKING:
    from vonage_messages.webhooks.inbound import InboundMessage

    Event: TypeAlias = InboundMessage | MessageStatus
    InboundHandler: TypeAlias = Callable[[InboundMessage], Awaitable[object]]
    StatusHandler: TypeAlias = Callable[[MessageStatus], Awaitable[object]]
    EventHandler: TypeAlias = Callable[[Event], Awaitable[object]]

Handler: TypeAlias = Callable[[Any], Awaitable[object]]
"""An async function that takes one event. What it returns is ignored."""

Condition: TypeAlias = Callable[[Any], object]
"""A ``Filter``, or any function of the event; what it returns is taken as true or false."""

Names: TypeAlias = str | Iterable[str] | None
"""One name, several of which any will do, or ``None`` for every one."""

InboundHandlerT = TypeVar("InboundHandlerT", bound="InboundHandler")
StatusHandlerT = TypeVar("StatusHandlerT", bound="StatusHandler")
EventHandlerT = TypeVar("EventHandlerT", bound="EventHandler")


@attrs.frozen
class Filter:
    """
    A condition on an event, made of any function; conditions combine with ``&``, ``|`` and ``~``.

    ::

        is_reply = Filter(lambda event: event.context is not None)

        @router.inbound(channel="whatsapp", where=is_reply & ~sent_to("447700900000"))
        async def on_reply(event: InboundMessage) -> None: ...
    """

    condition: Callable[[Any], object]
    """Takes the event; what it returns is taken as true or false."""

    def __call__(self, event: Event) -> bool:
        """Tell whether the condition holds for *event*."""
        return bool(self.condition(event))

    def __and__(self, other: Callable[[Any], object]) -> Filter:
        return Filter(lambda event: self.condition(event) and other(event))

    def __or__(self, other: Callable[[Any], object]) -> Filter:
        return Filter(lambda event: self.condition(event) or other(event))

    def __invert__(self) -> Filter:
        return Filter(lambda event: not self.condition(event))


def sent_to(*recipients: str) -> Filter:
    """Match what was sent to one of these: your own numbers or ids for inbound, the user's for statuses."""
    wanted = frozenset(recipients)
    return Filter(lambda event: event.to in wanted)


def sent_from(*senders: str) -> Filter:
    """Match what was sent from one of these: the user's numbers or ids for inbound, your own for statuses."""
    wanted = frozenset(senders)
    return Filter(lambda event: event.from_ in wanted)


class Router:
    """
    Keeps handlers and tells which of them an event is for.

    Every handler that matches is called, one after another in the order in which they were added. A handler stands
    under several conditions when it is decorated several times, and is still called once for an event.

    ::

        router = Router()

        @router.inbound(channel="whatsapp", message_type="text")
        async def on_text(event: InboundMessage) -> None: ...

        @router.status("delivered", "read")
        async def on_receipt(event: MessageStatus) -> None: ...
    """

    __slots__ = ("_routes",)

    def __init__(self) -> None:
        self._routes: list[_Route | _Included] = []

    def inbound(
        self,
        channel: Names = None,
        message_type: Names = None,
        *,
        where: Callable[[InboundMessage], object] | None = None,
    ) -> Callable[[InboundHandlerT], InboundHandlerT]:
        """
        Add a handler for inbound messages: all of them, or those of a channel, of a type, or that *where* is true for.

        Raises:
            ConfigurationError: an argument is no name, or the handler is no async function.
        """
        route = _Route(
            kind="inbound",
            channels=_names(channel, "channel"),
            names=_names(message_type, "message_type"),
            where=_checked_condition(where),
        )
        return self._adder(route)

    def status(
        self,
        *statuses: str,
        channel: Names = None,
        where: Callable[[MessageStatus], object] | None = None,
    ) -> Callable[[StatusHandlerT], StatusHandlerT]:
        """
        Add a handler for message statuses: all of them, or the *statuses* named, or those of a channel.

        Raises:
            ConfigurationError: an argument is no name, or the handler is no async function.
        """
        route = _Route(
            kind="status",
            channels=_names(channel, "channel"),
            names=_names(statuses, "status") if statuses else None,
            where=_checked_condition(where),
        )
        return self._adder(route)

    def event(self, *, where: Callable[[Event], object] | None = None) -> Callable[[EventHandlerT], EventHandlerT]:
        """
        Add a handler for both kinds of event: all of them, or those that *where* is true for.

        It watches beside the others: it does not keep those of ``otherwise`` from being called.

        Raises:
            ConfigurationError: the handler is no async function.
        """
        return self._adder(_Route(where=_checked_condition(where)))

    def otherwise(self) -> Callable[[EventHandlerT], EventHandlerT]:
        """
        Add a handler for every event that no handler of ``inbound`` or ``status`` matches.

        Raises:
            ConfigurationError: the handler is no async function.
        """
        return self._adder(_Route(fallback=True))

    def include(self, other: Router, *, where: Callable[[Event], object] | None = None) -> None:
        """
        Take in the handlers of another router, also those that are added to it later, behind what is here by now.

        Raises:
            ConfigurationError: *other* is no router, or it contains this one.
        """
        if not isinstance(other, Router):
            raise ConfigurationError(f"include takes a Router, not {type(other).__name__}.")
        if other._contains(self):
            raise ConfigurationError("a router cannot include itself, nor one that includes it.")
        self._routes.append(_Included(other, _checked_condition(where)))

    def match(self, event: Event) -> list[Handler]:
        """List the handlers that *event* is for, each once, in the order in which they were added."""
        routes = self._matching(event, _kind_of(event))
        if any(route.kind is not None for route in routes):
            routes = [route for route in routes if not route.fallback]
        return list(dict.fromkeys(route.handler for route in routes))

    def _matching(self, event: Event, kind: str) -> list[_Route]:
        found: list[_Route] = []
        for route in self._routes:
            if isinstance(route, _Route):
                if route.matches(event, kind):
                    found.append(route)
            elif route.where is None or route.where(event):
                found += route.router._matching(event, kind)  # noqa: SLF001  another router, the same class
        return found

    def _contains(self, other: Router) -> bool:
        included = (route.router for route in self._routes if isinstance(route, _Included))
        return self is other or any(router._contains(other) for router in included)  # noqa: SLF001  see _matching

    def _adder(self, route: _Route) -> Callable[[Any], Any]:
        def add(handler: Any) -> Any:
            self._routes.append(attrs.evolve(route, handler=_checked_handler(handler)))
            return handler

        return add


async def _no_handler(_event: object) -> None:
    """Stand where a decorator has not yet got its handler."""


@attrs.frozen(kw_only=True)
class _Route:
    """One handler and its conditions; ``None`` is no condition."""

    kind: str | None = None
    channels: frozenset[str] | None = None
    names: frozenset[str] | None = None
    """The message types of an inbound route, the statuses of a status route."""

    where: Condition | None = None
    fallback: bool = False
    handler: Handler = _no_handler

    def matches(self, event: Any, kind: str) -> bool:
        if self.kind is not None and self.kind != kind:
            return False
        if self.channels is not None and event.channel not in self.channels:
            return False
        if self.names is not None and _name_of(event, kind) not in self.names:
            return False
        return self.where is None or bool(self.where(event))


@attrs.frozen
class _Included:
    router: Router
    where: Condition | None


def _kind_of(event: Event) -> str:
    return "status" if isinstance(event, MessageStatus) else "inbound"


def _name_of(event: Any, kind: str) -> object:
    return event.status if kind == "status" else event.message_type


def _names(given: Names, argument: str) -> frozenset[str] | None:
    """Check the names of a condition; ``None`` is none."""
    if given is None:
        return None
    if callable(given):
        raise ConfigurationError("call the decorator: @router.inbound() or @router.status(), with its brackets.")
    names: frozenset[object] = frozenset((given,) if isinstance(given, str) else given)
    strings = frozenset(name for name in names if isinstance(name, str) and name)
    if not strings or strings != names:
        raise ConfigurationError(f"{argument} must be a name or several, such as 'whatsapp', not {given!r}.")
    # A member of an enum is a str that hashes alike: what the platform sends is found either way.
    return strings


def _checked_condition(where: Condition | None) -> Condition | None:
    if where is not None and not callable(where):
        raise ConfigurationError(f"where must be a Filter or a function, not {type(where).__name__}.")
    return where


def _checked_handler(handler: Any) -> Handler:
    """Refuse what cannot be awaited now, rather than at the first event."""
    called = getattr(handler, "__call__", None)  # noqa: B004  the method itself: an object may be called with await
    if not inspect.iscoroutinefunction(handler) and not inspect.iscoroutinefunction(called):
        name = getattr(handler, "__name__", type(handler).__name__)
        raise ConfigurationError(f"a handler must be an async function: write `async def {name}(event)`.")
    return handler  # type: ignore[no-any-return]
