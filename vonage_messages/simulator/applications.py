"""
The Applications API v2 of the simulator, ``/v2/applications``: requests in, applications out.

The simulator's own application is one of them: its webhooks are those of ``simulator.webhooks``, and changing them here
changes where callbacks go. Tokens of the applications that are made here are good for every operation.

Reference: Application API, OpenAPI 2.1.
"""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final
from uuid import uuid4

import attrs
from aiohttp import web

from vonage_messages.simulator.application_book import Application, judge, read_page
from vonage_messages.simulator.dispatch import Webhooks
from vonage_messages.simulator.gate import RefusedError
from vonage_messages.simulator.keys import new_private_key, public_pem_of
from vonage_messages.simulator.problems import ProblemDocument
from vonage_messages.simulator.validate import InvalidParameter

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from vonage_messages.simulator.application_book import ApplicationBook
    from vonage_messages.simulator.gate import Gate

PATH: Final = "/v2/applications"

_ERRORS: Final = "https://developer.nexmo.com/api-errors"
_JSON: Final = "application/json"


@attrs.define(kw_only=True)
class OwnApplication:
    """The simulator's own application, and what else was said about it."""

    id: str
    public_key: str
    read: Callable[[], Webhooks]
    """Gives its webhooks as they are."""
    write: Callable[[Webhooks], object]
    """Lets callbacks go elsewhere."""
    name: str = "Simulated"
    others: Mapping[str, Any] = attrs.field(factory=dict)
    """Its capabilities beside messages."""
    settings: Mapping[str, Any] = attrs.field(factory=dict)
    """What is set for messages beside the webhooks and their version."""
    privacy: Mapping[str, Any] | None = None

    def described(self) -> Application:
        """Describe it as it is now."""
        webhooks = self.read()
        urls = {"inbound_url": webhooks.inbound_url, "status_url": webhooks.status_url}
        messages = {
            **self.settings,
            "version": webhooks.version,
            "webhooks": {
                name: {"address": url, "http_method": "POST"} for name, url in urls.items() if url is not None
            },
        }
        return Application(
            id=self.id,
            name=self.name,
            public_key=self.public_key,
            capabilities={**self.others, "messages": messages},
            privacy=self.privacy,
        )

    def change(self, body: Mapping[str, Any]) -> None:
        """Take over what a body says; without the Messages capability nobody is called any more."""
        capabilities = body.get("capabilities", {})
        messages = capabilities.get("messages", {})
        webhooks = messages.get("webhooks", {})
        addresses = {name: webhooks.get(name, {}).get("address") for name in ("inbound_url", "status_url")}
        self.write(Webhooks(**addresses, version=messages.get("version", "v1")))
        self.name, self.privacy = body["name"], body.get("privacy")
        self.others = {name: value for name, value in capabilities.items() if name != "messages"}
        self.settings = {name: value for name, value in messages.items() if name not in {"version", "webhooks"}}


def _invalid(problems: Sequence[InvalidParameter], slug: str = "payload-validation") -> ProblemDocument:
    return ProblemDocument(
        status=HTTPStatus.BAD_REQUEST,
        type=f"{_ERRORS}/application#{slug}",
        title="Bad Request",
        detail="The request failed due to validation errors",
        invalid_parameters=tuple(problems),
        content_type=_JSON,
    )


def _unreadable(reason: str) -> ProblemDocument:
    return ProblemDocument(
        status=HTTPStatus.BAD_REQUEST,
        type=f"{_ERRORS}/application#payload-validation",
        title="Bad Request",
        detail=reason,
        content_type=_JSON,
    )


def _unknown() -> ProblemDocument:
    return ProblemDocument(
        status=HTTPStatus.NOT_FOUND,
        type=f"{_ERRORS}#not-found",
        title="Not Found",
        detail="There is no application with this id",
        content_type=_JSON,
    )


@attrs.frozen(kw_only=True)
class ApplicationsAPI:
    """The operations of the Applications API over one book of applications."""

    gate: Gate
    book: ApplicationBook
    own: OwnApplication

    def add_routes(self, application: web.Application) -> None:
        """Add the operations, as further ones of the platform."""
        router = application.router
        router.add_get(PATH, self._list, allow_head=False)
        router.add_post(PATH, self._create)
        one = f"{PATH}/{{application_id}}"
        router.add_get(one, self._get, allow_head=False)
        router.add_put(one, self._update)
        router.add_delete(one, self._delete)

    def takes_messages(self, application_id: str) -> bool:
        """Tell whether there is such an application, and whether it has the Messages capability."""
        found = self._find(application_id)
        return found is not None and "messages" in found.capabilities

    async def _list(self, request: web.Request) -> web.Response:
        self.gate.admit(request, basic_only=True)
        wanted = read_page(request.query)
        if isinstance(wanted, list):
            raise RefusedError(_invalid(wanted, "list-validation"))
        page, size = wanted
        held = [self.own.described(), *self.book]
        document = {
            "page_size": size,
            "page": page,
            "total_items": len(held),
            "total_pages": -(-len(held) // size),
            "_embedded": {"applications": [each.body() for each in held[(page - 1) * size : page * size]]},
        }
        return web.json_response(document)

    async def _get(self, request: web.Request) -> web.Response:
        self.gate.admit(request, basic_only=True)
        return web.json_response(self._found(request).body())

    async def _create(self, request: web.Request) -> web.Response:
        body = await self._body(request)
        public_key = body.get("keys", {}).get("public_key")
        answered = {}
        if public_key is None:
            # It takes a tenth of a second: too long to hold up everything else on this loop.
            private_key = await asyncio.to_thread(new_private_key)
            public_key = public_pem_of(private_key)
            answered = {"keys": {"public_key": public_key, "private_key": private_key}}
        made = _made(str(uuid4()), public_key, body)
        self.book.put(made)
        return web.json_response(made.body() | answered, status=HTTPStatus.CREATED)

    async def _update(self, request: web.Request) -> web.Response:
        body = await self._body(request)
        standing = self._found(request)
        public_key = body.get("keys", {}).get("public_key", standing.public_key)
        if standing.id != self.own.id:
            changed = _made(standing.id, public_key, body)
            self.book.put(changed)
            return web.json_response(changed.body())
        if public_key.split() != self.own.public_key.split():
            reason = "the key of the simulator's own application stays: start it with another private_key"
            raise RefusedError(_invalid([InvalidParameter("keys.public_key", reason)]), _kept(body))
        self.own.change(body)
        return web.json_response(self.own.described().body())

    async def _delete(self, request: web.Request) -> web.Response:
        self.gate.admit(request, basic_only=True)
        application_id = request.match_info["application_id"]
        if application_id == self.own.id:
            reason = "the simulator's own application cannot be deleted"
            raise RefusedError(_invalid([InvalidParameter("id", reason)]))
        if not self.book.remove(application_id):
            raise RefusedError(_unknown())
        return web.Response(status=HTTPStatus.NO_CONTENT)

    async def _body(self, request: web.Request) -> dict[str, Any]:
        self.gate.admit(request, basic_only=True)
        body = await self.gate.read_object(request, _unreadable, may_be_kept=False)
        problems = judge(body)
        if problems:
            raise RefusedError(_invalid(problems), _kept(body))
        return body

    def _found(self, request: web.Request) -> Application:
        found = self._find(request.match_info["application_id"])
        if found is None:
            raise RefusedError(_unknown())
        return found

    def _find(self, application_id: str) -> Application | None:
        return self.own.described() if application_id == self.own.id else self.book.get(application_id)


def _made(application_id: str, public_key: str, body: Mapping[str, Any]) -> Application:
    return Application(
        id=application_id,
        name=body["name"],
        public_key=public_key,
        capabilities=body.get("capabilities", {}),
        privacy=body.get("privacy"),
    )


def _kept(body: Mapping[str, Any]) -> dict[str, Any]:
    """Give what of a refused body is kept: whatever was sent as a key may be a private one."""
    return {name: "***" if name == "keys" else value for name, value in body.items()}
