"""
The External Accounts API of the simulator, ``/beta/chatapp-accounts``: requests in, accounts and documents out.

The rules are in ``account_book.py``; what is asked of every operation of the platform, in ``gate.py``. The documents of
refusals are those of this API, which are not those of the Messages API: 404 has no body, 403 for a page of Messenger
only a title, 400 lists ``invalid_params``.

Reference: External Accounts, sections 2 to 5.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

import attrs
from aiohttp import web

from vonage_messages.simulator.account_book import (
    Account,
    Page,
    judge_create,
    judge_link,
    judge_update,
    read_page,
)
from vonage_messages.simulator.gate import RefusedError
from vonage_messages.simulator.problems import ProblemDocument
from vonage_messages.simulator.validate import InvalidParameter

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from vonage_messages.simulator.account_book import AccountBook
    from vonage_messages.simulator.gate import Gate

PATH: Final = "/beta/chatapp-accounts"

_ERRORS: Final = "https://www.nexmo.com/messages/Errors"
_UNAUTHORISED: Final = "Request header 'Authorization' missing / Invalid Token"
_SECRETS: Final = ("access_token",)


@attrs.frozen(kw_only=True)
class _Document(ProblemDocument):
    """A refusal with the members that it is documented with, and no others."""

    type: str = ""
    title: str = ""
    members: tuple[str, ...] = ()
    content_type: str = "application/json"

    def body(self) -> dict[str, Any]:
        """Give the JSON object; an empty one stands for no body."""
        values = {
            "type": self.type,
            "title": self.title,
            "detail": self.detail,
            "instance": None,
            "invalid_params": [each._asdict() for each in self.invalid_parameters],
        }
        return {name: values[name] for name in self.members}


def _invalid(problems: Sequence[InvalidParameter]) -> _Document:
    return _Document(
        status=HTTPStatus.BAD_REQUEST,
        type=f"{_ERRORS}#InvalidParams",
        title="Your request parameters didn't validate.",
        detail=f"Found errors validating {len(problems)} of your submitted parameters.",
        invalid_parameters=tuple(problems),
        members=("type", "title", "detail", "instance", "invalid_params"),
    )


def _unreadable(reason: str) -> _Document:
    return _Document(
        status=HTTPStatus.BAD_REQUEST,
        type=f"{_ERRORS}#InvalidParams",
        title="Your request parameters didn't validate.",
        detail=reason,
        members=("type", "title", "detail", "instance"),
    )


def _unauthorised(reason: str) -> _Document:
    detail = f"{_UNAUTHORISED}. {reason}" if reason else _UNAUTHORISED
    return _Document(status=HTTPStatus.UNAUTHORIZED, title="Unauthorised", detail=detail, members=("title", "detail"))


def _unknown_account() -> _Document:
    return _Document(status=HTTPStatus.NOT_FOUND)


def _forbidden_page() -> _Document:
    return _Document(status=HTTPStatus.FORBIDDEN, title="Forbidden", members=("title",))


def _forbidden_link() -> _Document:
    return _Document(
        status=HTTPStatus.FORBIDDEN,
        type=f"{_ERRORS}#Forbidden",
        title="Forbidden",
        detail="Cannot link application",
        members=("type", "title", "detail"),
    )


def _conflict(detail: str) -> _Document:
    return _Document(
        status=HTTPStatus.CONFLICT,
        type=f"{_ERRORS}#Conflict",
        title="Application conflict",
        detail=detail,
        members=("type", "title", "detail"),
    )


@attrs.frozen(kw_only=True)
class AccountsAPI:
    """The operations of the External Accounts API over one book of accounts."""

    gate: Gate
    book: AccountBook
    takes_messages: Callable[[str], bool]
    """Tells whether there is an application of that id that may have accounts: one with the Messages capability."""

    def add_routes(self, application: web.Application) -> None:
        """Add the operations, as further ones of the platform."""
        router = application.router
        for path in (PATH, f"{PATH}/"):
            router.add_get(path, self._list, allow_head=False)
        page = f"{PATH}/messenger"
        router.add_post(page, self._create)
        router.add_patch(f"{page}/{{external_id}}", self._update)
        router.add_delete(f"{page}/{{external_id}}", self._delete)
        router.add_get(
            f"{PATH}/{{provider:messenger|viber_service_msg|whatsapp}}/{{external_id}}", self._get, allow_head=False
        )
        links = f"{PATH}/{{provider:messenger|viber_service_msg|whatsapp|rcs}}/{{external_id}}/applications"
        router.add_post(links, self._link)
        router.add_delete(f"{links}/{{application_id}}", self._unlink)

    async def _list(self, request: web.Request) -> web.Response:
        self._admit(request)
        page = read_page(request.query)
        if not isinstance(page, Page):
            raise RefusedError(_invalid(page))
        accounts, last = self.book.page(page)
        document = {
            "page_number": page.number,
            "page_size": page.size,
            "_embedded": [account.body() for account in accounts],
            "_links": _links(request, page, last),
        }
        return web.json_response(document)

    async def _get(self, request: web.Request) -> web.Response:
        self._admit(request)
        return web.json_response(self._found(request).body())

    async def _create(self, request: web.Request) -> web.Response:
        self._admit(request)
        body = await self.gate.read_object(request, _unreadable, may_be_kept=False)
        problems = judge_create(body)
        if not problems and self.book.get("messenger", body["external_id"]) is not None:
            problems = [InvalidParameter("external_id", "There is such a page already")]
        self._judge(problems, body)
        account = self.book.add(
            "messenger",
            body["external_id"],
            name=body.get("name"),
            access_token=body["access_token"],
            applications=self._linkable(body),
        )
        return web.json_response(account.body(), status=HTTPStatus.CREATED)

    async def _update(self, request: web.Request) -> web.Response:
        self._admit(request)
        body = await self.gate.read_object(request, _unreadable, may_be_kept=False)
        account = self._found(request, "messenger")
        self._judge(judge_update(body), body)
        changes: dict[str, Any] = {name: body[name] for name in ("name", "access_token") if name in body}
        if "applications" in body:
            changes["applications"] = self._linkable(body)
        account = attrs.evolve(account, **changes)
        self.book.put(account)
        return web.json_response(account.body())

    async def _delete(self, request: web.Request) -> web.Response:
        self._admit(request)
        if not self.book.remove("messenger", request.match_info["external_id"]):
            raise RefusedError(_unknown_account())
        return web.Response(status=HTTPStatus.NO_CONTENT)

    async def _link(self, request: web.Request) -> web.Response:
        self._admit(request)
        body = await self.gate.read_object(request, _unreadable, may_be_kept=False)
        account = self._found(request)
        self._judge(judge_link(body), body)
        if not self.takes_messages(body["application"]):
            raise RefusedError(_forbidden_link(), body)
        if account.applications:
            raise RefusedError(_conflict("Unable to link application"), body)
        account = attrs.evolve(account, applications=(body["application"],))
        self.book.put(account)
        return web.json_response(account.body())

    async def _unlink(self, request: web.Request) -> web.Response:
        self._admit(request)
        account = self._found(request)
        application_id = request.match_info["application_id"]
        if application_id not in account.applications:
            raise RefusedError(_conflict("Unable to unlink application"))
        self.book.put(attrs.evolve(account, applications=()))
        return web.Response(status=HTTPStatus.NO_CONTENT)

    def _admit(self, request: web.Request) -> None:
        """Check credentials, rate and faults; a 401 is worded as this API words it."""
        try:
            self.gate.admit(request)
        except RefusedError as refused:
            if refused.problem.status != HTTPStatus.UNAUTHORIZED:
                raise
            given = "Authorization" in request.headers
            raise RefusedError(_unauthorised(refused.problem.detail if given else "")) from None

    def _found(self, request: web.Request, provider: str | None = None) -> Account:
        account = self.book.get(provider or request.match_info["provider"], request.match_info["external_id"])
        if account is None:
            raise RefusedError(_unknown_account())
        return account

    def _judge(self, problems: Sequence[InvalidParameter], body: Mapping[str, Any]) -> None:
        if problems:
            raise RefusedError(_invalid(problems), _without_secrets(body))

    def _linkable(self, body: Mapping[str, Any]) -> tuple[str, ...]:
        applications = tuple(body.get("applications", ()))
        if not all(self.takes_messages(each) for each in applications):
            raise RefusedError(_forbidden_page(), _without_secrets(body))
        return applications


def _without_secrets(body: Mapping[str, Any]) -> dict[str, Any]:
    """Give what of a refused body is kept."""
    return {name: "***" if name in _SECRETS else value for name, value in body.items()}


def _links(request: web.Request, page: Page, last: int) -> dict[str, Any]:
    """Lead to the other pages: without the last slash, as the samples of the reference are written."""
    numbers = {"self": page.number, "first": 1, "last": last}
    if page.number < last:
        numbers["next"] = page.number + 1
    if page.number > 1:
        numbers["prev"] = min(page.number - 1, last)
    provider = {} if page.provider is None else {"provider": page.provider}
    url = request.url.with_path(PATH)
    return {
        name: {"href": str(url.with_query({**provider, "page_number": number, "page_size": page.size}))}
        for name, number in numbers.items()
    }
