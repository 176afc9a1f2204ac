"""
The HTTP face of the simulator: two versions of the API, three operations, inbound media; and how a request is judged.

A request is asked, in this order: is the path known (404), the verb (405), the credentials (401), the rate (429), the
content type (415), the size (413), the JSON (422, v0.1: 400), the fields (422, v0.1: 400), the balance (402). The
reference does not give the order; docs/simulator-fidelity.md gives the reasons. Every answer carries ``X-Request-Id``.
What the rules are is not known here: see ``validate.py``, ``tokens.py``, ``rate.py`` and ``problems.py``; what is asked
of every operation stands in ``gate.py``.
"""

from __future__ import annotations

import logging
import secrets
from contextvars import ContextVar
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final
from uuid import uuid4

import attrs
from aiohttp import web
from aiohttp.web_exceptions import HTTPMethodNotAllowed, HTTPNotFound

from vonage_messages.logs import LogEvent, about
from vonage_messages.simulator import problems
from vonage_messages.simulator.exchanges import REQUEST_ID, Exchanges
from vonage_messages.simulator.gate import Gate, RefusedError
from vonage_messages.simulator.parts import parts_of
from vonage_messages.simulator.state import MessageUpdate, ReceivedMessage, Refusal, instant
from vonage_messages.simulator.validate import (
    InvalidParameter,
    can_be_updated,
    validate_update,
    validate_v0_1,
    validate_v1,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from aiohttp.typedefs import Handler

    from vonage_messages.simulator.balance import Balance
    from vonage_messages.simulator.injection import Injection
    from vonage_messages.simulator.problems import ProblemDocument
    from vonage_messages.simulator.state import KnownInbound, SimulatorState
    from vonage_messages.values import JSONObject

_LOGGER = logging.getLogger(__name__)
BESIDE: Final = ("/_simulator", "/inbox")
"""What begins like this belongs to the simulator itself, and not to the API that it simulates."""
BESIDE_AT: Final = frozenset({"/", "/openapi.json"})
"""Single addresses that a neighbour may serve; without one they are unknown, like any other path."""
_MEDIA_STAY: Final = 48 * 60 * 60
"""In seconds."""

# aiohttp's own place for such a value differs between the versions that this package supports.
_request_id: ContextVar[str] = ContextVar("request_id")


@attrs.frozen(kw_only=True)
class _Envelope:
    """What every message has, whichever version wrote it."""

    channel: str
    message_type: str
    to: str
    from_: str


@attrs.frozen(kw_only=True)
class _Version:
    """How one version of the API reads a body and words its refusals."""

    name: str
    validate: Callable[[Mapping[str, Any]], list[InvalidParameter]]
    envelope: Callable[[Mapping[str, Any]], _Envelope]
    refuse_fields: Callable[[Sequence[InvalidParameter]], ProblemDocument]
    refuse_body: Callable[[str], ProblemDocument]


def _v1_envelope(payload: Mapping[str, Any]) -> _Envelope:
    return _Envelope(
        channel=payload["channel"],
        message_type=payload["message_type"],
        to=payload["to"],
        from_=payload["from"],
    )


def _v0_1_envelope(payload: Mapping[str, Any]) -> _Envelope:
    return _Envelope(
        channel=payload["to"]["type"],
        message_type=payload["message"]["content"]["type"],
        to=_number_or_id(payload["to"]),
        from_=_number_or_id(payload["from"]),
    )


def _number_or_id(side: Mapping[str, str]) -> str:
    return side["number"] if "number" in side else side["id"]


_V1 = _Version(
    name="v1",
    validate=validate_v1,
    envelope=_v1_envelope,
    refuse_fields=problems.invalid_parameters,
    refuse_body=problems.invalid_json,
)
_V0_1 = _Version(
    name="v0.1",
    validate=validate_v0_1,
    envelope=_v0_1_envelope,
    refuse_fields=problems.v0_1_problems,
    refuse_body=problems.v0_1_invalid_parameters,
)


@attrs.frozen(kw_only=True)
class MessagesAPI:
    """The operations of the Messages API over one account and one memory."""

    gate: Gate
    state: SimulatorState
    balance: Balance
    on_accepted: Callable[[ReceivedMessage], object]
    """Is told of every message after it was accepted, before it is answered."""
    secure_media: bool
    """"Secure Inbound Media": a file is given only to a JWT of the application (Webhooks, section 5)."""
    _exchanges: Exchanges = attrs.field(init=False, factory=Exchanges)

    @property
    def clock(self) -> Callable[[], float]:
        """Unix seconds."""
        return self.gate.clock

    @property
    def injection(self) -> Injection:
        """Lets faults strike."""
        return self.gate.injection

    def application(self, *neighbours: Callable[[web.Application], object]) -> web.Application:
        """
        Build the aiohttp application; an application serves one start only, so each start asks for a new one.

        Each of *neighbours* may add routes of its own. What is asked for below the paths of ``BESIDE`` and at those of
        ``BESIDE_AT`` is no business of the simulated API, which neither judges it nor notes it down; routes elsewhere
        are further operations of the platform, and refuse with ``RefusedError``.
        """
        application = web.Application(middlewares=[self._answer], client_max_size=self.gate.body_limit)
        application.on_response_prepare.append(self._note)
        application.router.add_post("/v1/messages", self._send_v1)
        application.router.add_patch("/v1/messages/{message_uuid}", self._update)
        application.router.add_post("/v0.1/messages", self._send_v0_1)
        application.router.add_get("/v3/media/{message_uuid}", self._give_media, allow_head=False)
        for add_routes in neighbours:
            add_routes(application)
        return application

    @web.middleware
    async def _answer(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Give every answer its ``X-Request-Id``, whichever way the request ended."""
        if _is_beside(request):
            return await handler(request)
        request_id = str(uuid4())
        _request_id.set(request_id)
        self.injection.begin()
        response = await self._judged(request, handler)
        response.headers[REQUEST_ID] = request_id
        response = await self.injection.after(request, response)
        response.headers[REQUEST_ID] = request_id  # where another answer leaves instead
        return response

    async def _judged(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Turn a refusal into its answer; what aiohttp itself answers to broken HTTP goes through as it is."""
        try:
            return await handler(request)
        except RefusedError as refused:
            return self._refuse(request, refused)
        except (HTTPNotFound, HTTPMethodNotAllowed) as error:
            return self._refuse(request, RefusedError(_unrouted(request, error)))
        except web.HTTPException:
            raise
        except ConnectionError:
            # The caller hung up before its body had come: nobody is left to read an answer, and nothing to keep.
            return web.Response(status=HTTPStatus.BAD_REQUEST)
        except Exception:
            _LOGGER.exception(
                "the simulator failed on %s %s", request.method, request.path, extra=about(LogEvent.SIMULATOR_FAILED)
            )
            return self._refuse(request, RefusedError(problems.internal_error()))

    def _refuse(self, request: web.Request, refused: RefusedError) -> web.Response:
        problem = refused.problem
        document = dict(problem.body())
        self.state.add_refusal(
            Refusal(
                status=int(problem.status),
                problem=document,
                method=request.method,
                path=request.path,
                request_id=_request_id.get(),
                payload=refused.payload,
                raw_body=refused.raw_body,
                received_at=instant(self.clock()),
            )
        )
        if not document:
            return web.Response(status=problem.status, headers=problem.headers)
        return web.json_response(
            document, status=problem.status, content_type=problem.content_type, headers=problem.headers
        )

    async def _send_v1(self, request: web.Request) -> web.Response:
        return await self._send(request, _V1)

    async def _send_v0_1(self, request: web.Request) -> web.Response:
        return await self._send(request, _V0_1)

    async def _send(self, request: web.Request, version: _Version) -> web.Response:
        """Accept a message or refuse it, and note when it came and what became of it."""
        arrived = self.gate.monotonic()
        number = self.state.arrivals.begin(arrived)
        try:
            message = await self._accept(request, version, arrived)
        except RefusedError as refused:
            self.state.arrivals.end(number, refused.problem.status)
            raise
        self.state.arrivals.end(
            number, HTTPStatus.ACCEPTED, channel=message.channel, from_=message.from_, to=message.to
        )
        answer = {"message_uuid": message.message_uuid}
        if message.workflow_id is not None:
            answer["workflow_id"] = message.workflow_id
        return web.json_response(answer, status=HTTPStatus.ACCEPTED)

    async def _accept(self, request: web.Request, version: _Version, arrived: float) -> ReceivedMessage:
        self.gate.admit(request, arrived)
        payload = await self.gate.read_object(request, version.refuse_body)
        found = version.validate(payload)
        if found:
            raise RefusedError(version.refuse_fields(found), payload)
        message = self._received(version, payload, request)
        self._strike_known(request, payload, message)
        if self.injection.unpaid(request) or not self.balance.charge(parts_of(payload)):
            raise RefusedError(problems.low_balance(), payload)
        self.state.add_message(message)
        self.on_accepted(message)
        return message

    async def _update(self, request: web.Request) -> web.Response:
        """``PATCH``: mark an inbound message as read, or revoke an outbound RCS message (section 13)."""
        self.gate.admit(request, bearer_only=True)
        payload = await self.gate.read_object(request, _V1.refuse_body)
        message_uuid = request.match_info["message_uuid"]
        channel, status = self._updatable(message_uuid, payload)
        found = validate_update(channel, payload)
        if found:
            raise RefusedError(problems.invalid_parameters(found), payload)
        if payload["status"] != status:
            raise RefusedError(problems.unsupported_operation(), payload)
        self._strike_known(
            request, payload, self.state.message(message_uuid) or self.state.inbound_message(message_uuid)
        )
        self.state.add_update(
            message_uuid,
            MessageUpdate(status=status, payload=payload, received_at=instant(self.clock())),
        )
        return web.Response(status=HTTPStatus.ACCEPTED)

    def _updatable(self, message_uuid: str, payload: JSONObject) -> tuple[str, str]:
        """Give the channel of a message and the one status that it can be given."""
        inbound = self.state.inbound_message(message_uuid)
        if inbound is not None and can_be_updated(inbound.channel):
            return inbound.channel, "read"
        outbound = self.state.message(message_uuid)
        if outbound is not None and outbound.channel == "rcs":
            return outbound.channel, "revoked"
        if inbound is None and outbound is None:
            raise RefusedError(problems.unknown_message(message_uuid), payload)
        raise RefusedError(problems.unsupported_operation(), payload)

    def _strike_known(
        self, request: web.Request, payload: JSONObject, message: ReceivedMessage | KnownInbound | None
    ) -> None:
        """Let faults strike what could be accepted now."""
        if message is not None:
            known = self.injection.known(
                request, self.clock(), channel=message.channel, to=message.to, from_=message.from_
            )
            self.gate.strike(known, payload)

    def _received(self, version: _Version, payload: JSONObject, request: web.Request) -> ReceivedMessage:
        envelope = version.envelope(payload)
        return ReceivedMessage(
            message_uuid=str(uuid4()),
            version=version.name,
            channel=envelope.channel,
            message_type=envelope.message_type,
            to=envelope.to,
            from_=envelope.from_,
            client_ref=payload.get("client_ref"),
            payload=payload,
            # Opaque in the reference; the sample is some forty letters and digits.
            workflow_id=secrets.token_hex(20) if "failover" in payload else None,
            request_id=_request_id.get(),
            received_at=instant(self.clock()),
            sent_by="account" if _is_basic(request) else "application",
        )

    async def _note(self, request: web.Request, response: web.StreamResponse) -> None:
        """
        Keep a request and its answer, just before the answer leaves.

        Answers that aiohttp gives before or beside the middleware, such as 417, get their ``X-Request-Id`` here.
        """
        if _is_beside(request):
            return
        if REQUEST_ID not in response.headers:
            response.headers[REQUEST_ID] = str(uuid4())
        request_id = response.headers[REQUEST_ID]
        self.state.add_exchange(request_id, self._exchanges.made_of(request, response, request_id))

    async def _give_media(self, request: web.Request) -> web.Response:
        """Give the file of an inbound message: for 48 hours, then it is unknown (Webhooks, section 5)."""
        if self.secure_media:
            self.gate.identify(request, bearer_only=True)
        self.gate.strike(self.injection.before(request, self.clock()))
        media = self.state.media(request.match_info["message_uuid"])
        if media is None or (instant(self.clock()) - media.sent_at).total_seconds() > _MEDIA_STAY:
            raise RefusedError(problems.unknown_path())
        return web.Response(body=media.content, content_type=media.content_type)


def _is_basic(request: web.Request) -> bool:
    """Tell which credentials an admitted request has: one header, of one of two schemes."""
    return request.headers.get("Authorization", "").strip().lower().startswith("basic")


def _unrouted(request: web.Request, error: HTTPNotFound | HTTPMethodNotAllowed) -> ProblemDocument:
    """Say what is wrong with a path, or with the verb that it was asked with."""
    if isinstance(error, HTTPNotFound) or request.path in BESIDE_AT:
        return problems.unknown_path()
    return problems.wrong_verb(", ".join(sorted(error.allowed_methods)))


def _is_beside(request: web.Request) -> bool:
    """Tell whether a request is for a neighbour: for one of its paths, and at a single address for a route there."""
    path = request.path
    if path in BESIDE_AT:
        return request.match_info.http_exception is None
    return path.startswith(BESIDE)
