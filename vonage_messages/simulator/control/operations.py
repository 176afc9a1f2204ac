"""
What the control API does: one method for each operation of ``document.json``, named by its ``operationId``.

Paths, verbs, parameters and bodies are not known here; they are read from the document. Everything is done through the
handle, so that code and HTTP can do the same things.
"""

from __future__ import annotations

import asyncio
import base64
import json
import logging
from decimal import Decimal
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

import attrs
from aiohttp import web

from vonage_messages import __version__
from vonage_messages.clock import ManualClock
from vonage_messages.errors import ConfigurationError, SimulatorError
from vonage_messages.logs import LogEvent, about
from vonage_messages.simulator import journal
from vonage_messages.simulator.control import guards, listing, views, watching
from vonage_messages.simulator.control.asking import HEADERS, Asked, RefusedError, json_answer, read
from vonage_messages.simulator.control.schema import Mistake, document
from vonage_messages.simulator.habits import Habit
from vonage_messages.simulator.openapi import messages_document
from vonage_messages.simulator.relay import ReleaseRefusedError
from vonage_messages.simulator.state import ReceivedMessage

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Mapping

    from aiohttp.typedefs import Handler

    from vonage_messages.simulator.handle import Simulator
    from vonage_messages.simulator.relay import ReleaseDesk
    from vonage_messages.simulator.state import KnownInbound

_LOGGER = logging.getLogger(__name__)
_PREFIX: Final = "/_simulator"
_MOST_WATCHERS: Final = 200
"""Event streams and waits at a time."""
_BYTES: Final = "application/octet-stream"
_BESIDE_FIELDS: Final = frozenset({"channel", "from", "from_", "message_type", "message_uuid", "timestamp", "to"})
_NO_MEMBERS: Final = frozenset({"media", "media_name", "media_type", "reply_to", "self", "signature_secret", "version"})
_PIECE: Final = 500
"""Items of a snapshot that are written at once."""


class ControlAPI:
    """The control API of one simulator that is running; *listens_on* is the address that it was told to listen on."""

    def __init__(self, simulator: Simulator, listens_on: str) -> None:
        self._simulator = simulator
        self._listens_on = listens_on
        self._stopped = asyncio.Event()
        self._watchers = 0
        self.heartbeat = watching.HEARTBEAT
        """Seconds between two comments on a quiet stream."""
        self.longest_wait = 60.0
        """Seconds that a caller may wait for messages, whatever it asks for."""

    def add_to(self, application: web.Application) -> None:
        """Add every operation of the document to *application*, which serves one start of the simulator."""
        self._stopped = asyncio.Event()
        inner = web.Application(middlewares=[self._answer])
        for path, operations in document()["paths"].items():
            for method, operation in operations.items():
                act = partial(self._act, operation, getattr(self, f"_{operation['operationId']}"))
                if path.startswith(_PREFIX):
                    inner.router.add_route(method, path.removeprefix(_PREFIX), act)
                else:
                    application.router.add_route(method, path, partial(self._answer, handler=act))
        application.add_subapp(_PREFIX, inner)
        application.on_shutdown.append(self._stop)

    async def _stop(self, _: web.Application) -> None:
        self._stopped.set()

    @web.middleware
    async def _answer(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            self._guard(request)
            return await handler(request)
        except RefusedError as refused:
            return refused.response()
        except (ConfigurationError, SimulatorError) as error:
            status = error.status if isinstance(error, ReleaseRefusedError) else HTTPStatus.BAD_REQUEST
            return RefusedError(status, f"{error}").response()
        except web.HTTPException as error:
            return _refusal_of(error)
        except ConnectionError:  # the caller left before its body had come
            return web.Response(status=HTTPStatus.BAD_REQUEST)
        except Exception:
            _LOGGER.exception(
                "the simulator failed on %s %s", request.method, request.path, extra=about(LogEvent.SIMULATOR_FAILED)
            )
            return RefusedError(HTTPStatus.INTERNAL_SERVER_ERROR, "The simulator failed: see its log.").response()

    def _guard(self, request: web.Request) -> None:
        reason = guards.host_reason(request.headers.get("Host"), self._listens_on)
        reason = reason or guards.origin_reason(request.headers) or guards.fetch_reason(request.headers)
        if reason is not None:
            raise RefusedError(HTTPStatus.FORBIDDEN, reason)

    async def _act(
        self,
        operation: Mapping[str, Any],
        act: Callable[[Asked], Awaitable[web.StreamResponse]],
        request: web.Request,
    ) -> web.StreamResponse:
        # Not before the route is known: what has no route is unknown, whatever it says that it is.
        reason = guards.content_type_reason(request.method, request.content_type, has_body=request.body_exists)
        if reason is not None:
            raise RefusedError(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, reason)
        return await act(await read(request, operation))

    # Messages.

    async def _list_messages(self, asked: Asked) -> web.Response:
        found = await listing.messages(self._simulator.state, listing.Filter.of(asked.values))
        return _page(found, listing.instant_of, asked, self._message)

    async def _get_message(self, asked: Asked) -> web.Response:
        message_uuid = asked.values["message_uuid"]
        state = self._simulator.state
        message = state.message(message_uuid) or state.inbound_message(message_uuid)
        if message is None:
            raise RefusedError(HTTPStatus.NOT_FOUND, "No message has this id, or it was forgotten.")
        exchange = state.exchange(message.request_id) if isinstance(message, ReceivedMessage) else None
        return json_answer(
            {
                "message": self._message(message),
                "exchange": views.exchange(exchange),
                "callbacks": [views.callback(each) for each in self._simulator.callbacks_of(message_uuid)],
            }
        )

    async def _wait_for_messages(self, asked: Asked) -> web.Response:
        wanted = listing.Filter.of(asked.body)
        count, timeout = asked.body["count"], min(asked.body["timeout"], self.longest_wait)
        self._admit_watcher()
        try:
            found = await watching.wait_for(
                self._simulator.state, wanted, count=count, patience=timeout, stopped=self._stopped
            )
        finally:
            self._watchers -= 1
        if len(found) < count and self._stopped.is_set():
            sentence = f"The simulator stops: {len(found)} of {count} such messages had come."
            raise RefusedError(HTTPStatus.SERVICE_UNAVAILABLE, sentence)
        if len(found) < count:
            sentence = f"{len(found)} of {count} such messages came within {timeout:g} seconds."
            raise RefusedError(HTTPStatus.REQUEST_TIMEOUT, sentence)
        return json_answer({"items": [self._message(each) for each in found]})

    async def _write_inbound(self, asked: Asked) -> web.Response:
        body = asked.body
        media = body.get("media")
        fields = dict(body.get("fields", {}))
        _refuse_envelope(fields)
        written, tried = await self._simulator.written(
            channel=body.get("channel"),
            message_type=body["message_type"],
            from_=body.get("from"),
            to=body.get("to"),
            reply_to=body.get("reply_to"),
            media=None if media is None else base64.b64decode(media["content_base64"]),
            media_type=(media or {}).get("content_type", _BYTES),
            media_name=(media or {}).get("name"),
            version=body.get("version"),
            signature_secret=body.get("signature_secret"),
            **fields,
        )
        return json_answer(
            {"message_uuid": written.message_uuid, "callback": views.callback(tried)}, HTTPStatus.CREATED
        )

    # Release.

    async def _get_releases(self, asked: Asked) -> web.Response:
        message_uuid, desk = asked.values["message_uuid"], self._simulator.releases
        if self._simulator.state.message(message_uuid) is None:
            raise RefusedError(HTTPStatus.NOT_FOUND, "No message that was sent has this id, or it was forgotten.")
        return json_answer(
            {
                "enabled": desk is not None,
                "destination": None if desk is None else desk.destination,
                "under_way": desk is not None and desk.is_under_way(message_uuid),
                "released": [] if desk is None else [views.release(each) for each in desk.released(message_uuid)],
            }
        )

    async def _quote_release(self, asked: Asked) -> web.Response:
        return json_answer(views.quote(self._desk().quote(asked.values["message_uuid"])))

    async def _release_message(self, asked: Asked) -> web.Response:
        body = asked.body
        # Not broken off where the caller leaves: whether it went could not be told then.
        work = self._desk().release(asked.values["message_uuid"], body["token"], again=body["again"])
        return json_answer(views.release(await asyncio.shield(work)))

    def _desk(self) -> ReleaseDesk:
        desk = self._simulator.releases
        if desk is None:
            raise RefusedError(
                HTTPStatus.FORBIDDEN, "Nothing is sent for real: start the simulator with --relay and --relay-to."
            )
        return desk

    # Faults and failures.

    async def _list_faults(self, _: Asked) -> web.Response:
        return json_answer(views.faults(self._simulator.faults))

    async def _add_fault(self, asked: Asked) -> web.Response:
        options = {("from_" if name == "from" else name): value for name, value in asked.body.items()}
        kind = options.pop("kind")
        return json_answer(views.placed(self._simulator.faults.add(kind, **options)), HTTPStatus.CREATED)

    async def _clear_faults(self, _: Asked) -> web.Response:
        self._simulator.faults.clear()
        return _nothing()

    async def _remove_fault(self, asked: Asked) -> web.Response:
        if not self._simulator.faults.remove(asked.values["number"]):
            raise RefusedError(HTTPStatus.NOT_FOUND, "No fault has this number.")
        return _nothing()

    async def _list_failures(self, _: Asked) -> web.Response:
        return json_answer(self._failures())

    async def _add_failure(self, asked: Asked) -> web.Response:
        body = asked.body
        self._simulator.fail(body["code"], to=body.get("to"), channel=body.get("channel"), status=body["status"])
        return json_answer(self._failures(), HTTPStatus.CREATED)

    async def _clear_failures(self, _: Asked) -> web.Response:
        self._simulator.recover()
        return _nothing()

    # Settings.

    async def _get_settings(self, _: Asked) -> web.Response:
        return json_answer(self._settings())

    async def _change_settings(self, asked: Asked) -> web.Response:
        body, simulator = asked.body, self._simulator
        # Everything is made before anything is set: a change that is refused changes nothing.
        webhooks = attrs.evolve(simulator.webhooks, **body.get("webhooks", {}))
        delivery = attrs.evolve(simulator.delivery, **body.get("delivery", {}))
        if body.get("burst") is not None and body.get("rate") is None:
            raise RefusedError(HTTPStatus.BAD_REQUEST, "burst belongs to a rate: give both.")
        if "webhooks" in body:
            simulator.webhooks = webhooks  # may be refused; nothing below is
        if "rate" in body:
            simulator.limit(body["rate"], body.get("burst"))
        if "delivery" in body:
            simulator.delivery = delivery
        if "balance" in body:
            simulator.balance.amount = None if body["balance"] is None else Decimal(body["balance"])
            simulator.state.journal.note(journal.SETTINGS)
        return json_answer(self._settings())

    async def _list_habits(self, _: Asked) -> web.Response:
        return json_answer({"items": [habit.to_mapping() for habit in self._simulator.people]})

    async def _add_habit(self, asked: Asked) -> web.Response:
        habit = self._simulator.people.add(Habit.from_mapping(asked.body))
        self._simulator.state.journal.note(journal.SETTINGS)
        return json_answer(habit.to_mapping(), HTTPStatus.CREATED)

    async def _clear_habits(self, _: Asked) -> web.Response:
        self._simulator.people.clear()
        self._simulator.state.journal.note(journal.SETTINGS)
        return _nothing()

    async def _reset(self, _: Asked) -> web.Response:
        self._simulator.faults.clear()
        self._simulator.recover()
        self._simulator.people.clear()
        self._simulator.clear()
        return _nothing()

    async def _get_clock(self, _: Asked) -> web.Response:
        return json_answer(self._clock())

    async def _advance_clock(self, asked: Asked) -> web.Response:
        clock = self._simulator.clock
        if not isinstance(clock, ManualClock):
            raise RefusedError(
                HTTPStatus.CONFLICT, "This clock moves by itself: start the simulator with a manual one."
            )
        await self._simulator.advance(asked.body["seconds"])
        return json_answer(self._clock())

    # Watching.

    async def _list_callbacks(self, asked: Asked) -> web.Response:
        message_uuid, kind = asked.values.get("message_uuid"), asked.values.get("kind")
        simulator = self._simulator
        tries = simulator.callbacks if message_uuid is None else simulator.callbacks_of(message_uuid)
        if kind is not None:
            tries = [each for each in tries if each.kind == kind]
        tries.sort(key=lambda each: each.sent_at)
        return _page(tries, lambda each: each.sent_at, asked, views.callback)

    async def _list_refusals(self, asked: Asked) -> web.Response:
        refusals = sorted(self._simulator.refusals, key=lambda each: each.received_at)
        return _page(refusals, lambda each: each.received_at, asked, views.refusal)

    async def _watch_events(self, asked: Asked) -> web.StreamResponse:
        entries = self._simulator.state.journal
        after = asked.values.get("Last-Event-ID") or asked.values.get("after", entries.last)
        self._admit_watcher()
        try:
            return await watching.stream(asked.request, entries, int(after), self._stopped, self.heartbeat)
        finally:
            self._watchers -= 1

    async def _take_snapshot(self, asked: Asked) -> web.StreamResponse:
        simulator = self._simulator
        parts: dict[str, Any] = {
            "number": simulator.state.journal.last,
            "settings": self._settings(),
            "faults": views.faults(simulator.faults),
            "failures": self._failures(),
        }
        found = await listing.messages(simulator.state, listing.Filter())
        lists: dict[str, Iterable[Any]] = {
            "messages": map(self._message, found),
            "callbacks": map(views.callback, simulator.callbacks),
            "refusals": map(views.refusal, simulator.refusals),
        }
        response = web.StreamResponse(headers={"Content-Type": "application/json", **HEADERS})
        await response.prepare(asked.request)
        try:
            await response.write(json.dumps(parts)[:-1].encode())
            for name, items in lists.items():
                await response.write(f', "{name}": ['.encode())
                for piece in _pieces(items):
                    await response.write(piece)
                await response.write(b"]")
            await response.write(b"}")
        except ConnectionError:  # the caller left
            return response
        await response.write_eof()
        return response

    async def _describe_control(self, _: Asked) -> web.Response:
        return json_answer(dict(document()))

    async def _describe_messages_api(self, _: Asked) -> web.Response:
        return json_answer(messages_document(self._simulator.url, __version__))

    def _message(self, message: ReceivedMessage | KnownInbound) -> dict[str, Any]:
        return views.message(message, self._simulator.state.statuses(message.message_uuid))

    def _failures(self) -> dict[str, Any]:
        failures = self._simulator.failures.items()
        return {"items": [views.failure(failure, to, channel) for (to, channel), failure in failures]}

    def _settings(self) -> dict[str, Any]:
        simulator = self._simulator
        return {
            "webhooks": views.webhooks(simulator.webhooks),
            "account_webhooks": views.webhooks(simulator.account_webhooks),
            "rate": simulator.rate,
            "burst": simulator.burst,
            "balance": views.money(simulator.balance.amount),
            "price": views.money(simulator.balance.price),
            "delivery": attrs.asdict(simulator.delivery),
            "url": simulator.url,
            "api_key": simulator.api_key,
            "application_id": simulator.application_id,
        }

    def _clock(self) -> dict[str, Any]:
        clock = self._simulator.clock
        return {
            "now": views.moment(self._simulator.now),
            "manual": isinstance(clock, ManualClock),
            "speed": None if isinstance(clock, ManualClock) else getattr(clock, "speed", 1.0),
        }

    def _admit_watcher(self) -> None:
        if self._watchers >= _MOST_WATCHERS:
            sentence = f"{_MOST_WATCHERS} callers wait or watch already."
            raise RefusedError(HTTPStatus.SERVICE_UNAVAILABLE, sentence)
        self._watchers += 1


def _page(items: Any, instant_of: Any, asked: Asked, view: Any) -> web.Response:
    values = asked.values
    page = listing.page(
        items, instant_of, order=values["order"], limit=values["limit"], cursor=values.get("cursor"), view=view
    )
    return json_answer(page._asdict())


def _refuse_envelope(fields: Mapping[str, Any]) -> None:
    """Refuse as fields what is given beside them, and what no message has."""
    found = [
        Mistake(f"fields.{name}", "is given beside fields, or not at all") for name in _BESIDE_FIELDS & set(fields)
    ]
    found += [Mistake(f"fields.{name}", "is no member of any message") for name in _NO_MEMBERS & set(fields)]
    if found:
        raise RefusedError(HTTPStatus.BAD_REQUEST, "fields has what is not a field of the message.", sorted(found))


def _pieces(items: Iterable[Any]) -> Iterable[bytes]:
    """Write the items of a list, some at a time."""
    piece: list[str] = []
    before = ""
    for item in items:
        piece.append(json.dumps(item))
        if len(piece) == _PIECE:
            yield (before + ", ".join(piece)).encode()
            before, piece = ", ", []
    if piece:
        yield (before + ", ".join(piece)).encode()


def _nothing() -> web.Response:
    return web.Response(status=HTTPStatus.NO_CONTENT)


def _refusal_of(error: web.HTTPException) -> web.Response:
    """Answer what aiohttp refuses by itself as everything else is answered."""
    if isinstance(error, web.HTTPMethodNotAllowed):
        allowed = ", ".join(sorted(error.allowed_methods))
        return RefusedError(error.status, f"This path takes {allowed}.", headers={"Allow": allowed}).response()
    if isinstance(error, web.HTTPNotFound):
        return RefusedError(error.status, "There is nothing at this path: see /_simulator/openapi.json.").response()
    if isinstance(error, web.HTTPRequestEntityTooLarge):
        return RefusedError(error.status, "The body is larger than the simulator takes.").response()
    return RefusedError(error.status, error.reason).response()
