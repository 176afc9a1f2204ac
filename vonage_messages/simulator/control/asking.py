"""What is asked for: path, query and body of a request, read as ``document.json`` says; and how it is refused."""

from __future__ import annotations

import json
import re
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

import attrs
from aiohttp import web

from vonage_messages.simulator.body import InvalidBodyError, decode_object
from vonage_messages.simulator.control.schema import Mistake, mistakes, resolved

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

HEADERS: Final = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Resource-Policy": "same-origin",
}
"""Of every answer: nobody keeps it, takes it for something else, or puts it into a page of theirs."""
_WHOLE_NUMBER: Final = re.compile(r"-?[0-9]{1,18}")
_NO_HEADERS: Final[Mapping[str, str]] = {}


class RefusedError(Exception):
    """Ends a request; carries the problem document that answers it."""

    def __init__(
        self,
        status: int,
        detail: str,
        found: Sequence[Mistake] = (),
        headers: Mapping[str, str] = _NO_HEADERS,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.found = tuple(found)
        self.headers = headers

    def response(self) -> web.Response:
        """Make the answer (RFC 9457); its type says no more than its status does."""
        problem: dict[str, Any] = {
            "type": "about:blank",
            "title": HTTPStatus(self.status).phrase,
            "status": self.status,
            "detail": self.detail,
        }
        if self.found:
            problem["invalid_parameters"] = [each._asdict() for each in self.found]
        headers = {**HEADERS, **self.headers}
        return web.json_response(problem, status=self.status, content_type="application/problem+json", headers=headers)


@attrs.frozen(kw_only=True)
class Asked:
    """What is asked for, found right."""

    request: web.Request
    values: Mapping[str, Any]
    """Parameters of path, query and headers; those that have a default are always there."""
    body: Mapping[str, Any]
    """Empty where the operation takes none."""


async def read(request: web.Request, operation: Mapping[str, Any]) -> Asked:
    """
    Read a request as its *operation* of the document says.

    Raises:
        RefusedError: it is something else.
    """
    values = _values(request, [resolved(each) for each in operation.get("parameters", ())])
    body: Mapping[str, Any] = {}
    if "requestBody" in operation:
        schema = resolved(operation["requestBody"]["content"]["application/json"]["schema"])
        body = await _body(request, schema)
    return Asked(request=request, values=values, body=body)


def _values(request: web.Request, parameters: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    found: list[Mistake] = []
    values: dict[str, Any] = {}
    for parameter in parameters:
        name, schema = parameter["name"], resolved(parameter["schema"])
        given = _given(request, parameter["in"], name)
        if len(given) > 1:
            found.append(Mistake(name, "must not be given twice"))
        elif given:
            value = _typed(given[0], schema)
            found += mistakes(value, schema, name)
            values[name] = value
        elif "default" in schema:
            values[name] = schema["default"]
    known = [each["name"] for each in parameters if each["in"] == "query"]
    for name in dict.fromkeys(request.query):
        if name not in known:
            found.append(Mistake(name[:100], f"is not known; known are {', '.join(known) or 'none'}"))
    _refuse(found, "The request asks for something else than there is.")
    return values


def _given(request: web.Request, place: str, name: str) -> list[str]:
    if place == "path":
        return [request.match_info[name]]
    if place == "header":
        return request.headers.getall(name, [])
    return request.query.getall(name, [])


def _typed(text: str, schema: Mapping[str, Any]) -> Any:
    """Turn a text into a number where a number is asked for; what is none stays, and is refused as what it is."""
    if schema["type"] == "integer" and _WHOLE_NUMBER.fullmatch(text):
        return int(text)
    return text


async def _body(request: web.Request, schema: Mapping[str, Any]) -> dict[str, Any]:
    try:
        body = decode_object(await request.read())
    except InvalidBodyError as error:
        raise RefusedError(HTTPStatus.BAD_REQUEST, str(error)) from None
    except web.RequestPayloadError:
        raise RefusedError(HTTPStatus.BAD_REQUEST, "The body cannot be read: it was cut short.") from None
    _refuse(mistakes(body, schema), "The body is not what this operation takes.")
    defaults = {name: each["default"] for name, each in schema.get("properties", {}).items() if "default" in each}
    return {**defaults, **body}


def _refuse(found: Sequence[Mistake], detail: str) -> None:
    if found:
        listed = "; ".join(f"{each.name} {each.reason}" for each in found[:3])
        raise RefusedError(HTTPStatus.BAD_REQUEST, f"{detail} {listed}.", found)


def json_answer(value: Any, status: int = HTTPStatus.OK) -> web.Response:
    """Answer with a JSON document that nobody keeps."""
    return web.Response(
        body=f"{json.dumps(value)}\n".encode(),  # a terminal wants its line to end
        status=status,
        content_type="application/json",
        headers=HEADERS,
    )
