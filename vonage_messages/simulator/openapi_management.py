"""
The part of the OpenAPI document that describes what is managed beside messages: accounts and applications. Pure.

Reference: External Accounts, sections 2 to 5; Application API, OpenAPI 2.1.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_JSON: Final = "application/json"
_PROBLEM: Final = "application/problem+json"
_UUID: Final = "^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$"
_TEXT: Final = {"type": "string"}
_ACCOUNTS: Final = "/beta/chatapp-accounts"
_APPLICATIONS: Final = "/v2/applications"
_PROVIDERS: Final = ("messenger", "viber_service_msg", "whatsapp", "rcs")


_EXTERNAL_ID: Final = {
    "name": "external_id",
    "in": "path",
    "required": True,
    "schema": {"type": "string", "pattern": "^[A-Za-z0-9_:@~-]{1,128}$"},
}
_NEW_EXTERNAL_ID: Final = {
    "type": "string",
    "minLength": 1,
    "maxLength": 128,
    "description": "Can stand in a path: no space, no control character, none of / ? # % \\, and not only dots.",
}
_APPLICATION_ID: Final = {
    "name": "application_id",
    "in": "path",
    "required": True,
    "schema": {"type": "string", "pattern": _UUID},
}


def management_paths() -> dict[str, Any]:
    """Describe the operations of both APIs."""
    return {**_list_paths(), **_messenger_paths(), **_account_paths(), **_application_paths()}


def _list_paths() -> dict[str, Any]:
    lists = {"get": _operation("list_accounts", "List accounts", _pages(), {200: "AccountsPage"}, _of_accounts(400))}
    return {
        _ACCOUNTS: lists,
        f"{_ACCOUNTS}/": {"get": {**lists["get"], "operationId": "list_accounts_slash"}},
    }


def _messenger_paths() -> dict[str, Any]:
    return {
        f"{_ACCOUNTS}/messenger": {
            "post": _operation(
                "create_messenger_account",
                "Add a page of Messenger",
                [],
                {201: "ExternalAccount"},
                _of_accounts(400, 403),
                body="MessengerAccount",
            )
        },
        f"{_ACCOUNTS}/messenger/{{external_id}}": {
            "patch": _operation(
                "update_messenger_account",
                "Change a page of Messenger",
                [_EXTERNAL_ID],
                {200: "ExternalAccount"},
                _of_accounts(400, 403, 404),
                body="MessengerAccountChange",
            ),
            "delete": _operation(
                "delete_messenger_account",
                "Take a page of Messenger away",
                [_EXTERNAL_ID],
                {204: None},
                _of_accounts(404),
            ),
        },
    }


def _account_paths() -> dict[str, Any]:
    linked = f"{_ACCOUNTS}/{{provider}}/{{external_id}}/applications"
    link = [_provider(_PROVIDERS), _EXTERNAL_ID]
    return {
        f"{_ACCOUNTS}/{{provider}}/{{external_id}}": {
            "get": _operation(
                "get_account",
                "Describe an account",
                [_provider(_PROVIDERS[:3]), _EXTERNAL_ID],
                {200: "ExternalAccount"},
                _of_accounts(404),
            )
        },
        linked: {
            "post": _operation(
                "link_account",
                "Link an account to an application",
                link,
                {200: "ExternalAccount"},
                _of_accounts(400, 403, 404, 409),
                body="AccountLink",
            )
        },
        f"{linked}/{{application_id}}": {
            "delete": _operation(
                "unlink_account",
                "Take the link to an application away",
                [*link, _APPLICATION_ID],
                {204: None},
                _of_accounts(404, 409),
            )
        },
    }


def _application_paths() -> dict[str, Any]:
    return {
        _APPLICATIONS: {
            "get": _operation(
                "list_applications",
                "List applications",
                [_number("page", 999_999), _number("page_size", 100)],
                {200: "ApplicationsPage"},
                _of_applications(400),
            ),
            "post": _operation(
                "create_application",
                "Make an application; without a public key the answer holds the private one",
                [],
                {201: "Application"},
                _of_applications(400),
                body="ApplicationSettings",
            ),
        },
        f"{_APPLICATIONS}/{{application_id}}": _application_operations(),
    }


def _application_operations() -> dict[str, Any]:
    return {
        "get": _operation(
            "get_application",
            "Describe an application",
            [_APPLICATION_ID],
            {200: "Application"},
            _of_applications(404),
        ),
        "put": _operation(
            "update_application",
            "Put other settings in the place of all of an application",
            [_APPLICATION_ID],
            {200: "Application"},
            _of_applications(400, 404),
            body="ApplicationSettings",
        ),
        "delete": _operation(
            "delete_application",
            "Delete an application",
            [_APPLICATION_ID],
            {204: None},
            _of_applications(400, 404),
        ),
    }


def management_schemas() -> dict[str, Any]:
    """Describe what is sent and answered."""
    applications = {"type": "array", "maxItems": 1, "items": {"type": "string", "pattern": _UUID}}
    settings = {"name": _TEXT, "access_token": {"type": "string", "minLength": 1}, "applications": applications}
    account = {
        "provider": {"enum": list(_PROVIDERS)},
        "external_id": _TEXT,
        "api_key": _TEXT,
        "name": _TEXT,
        "applications": {"type": "array", "items": _TEXT},
        "access_token": _TEXT,
    }
    return {
        "ExternalAccount": object_schema(account, ["provider", "external_id", "api_key", "applications"]),
        "AccountsPage": _accounts_page(),
        "MessengerAccount": object_schema(
            {"external_id": _NEW_EXTERNAL_ID, **settings}, ["external_id", "access_token"]
        ),
        "MessengerAccountChange": object_schema(settings, []),
        "AccountLink": object_schema({"application": {"type": "string", "pattern": _UUID}}, ["application"]),
        "AccountProblem": _account_problem(),
        "Application": _application(),
        "ApplicationsPage": _applications_page(),
        "ApplicationSettings": _application_settings(),
    }


def _accounts_page() -> dict[str, Any]:
    link = object_schema({"href": _TEXT}, ["href"])
    names = ("self", "first", "last", "next", "prev")
    return object_schema(
        {
            "page_number": {"type": "integer"},
            "page_size": {"type": "integer"},
            "_embedded": {"type": "array", "items": {"$ref": "#/components/schemas/ExternalAccount"}},
            "_links": object_schema(dict.fromkeys(names, link), names[:3]),
        },
        ["page_number", "page_size", "_embedded", "_links"],
    )


def _applications_page() -> dict[str, Any]:
    return object_schema(
        {
            **{name: {"type": "integer"} for name in ("page", "page_size", "total_items", "total_pages")},
            "_embedded": object_schema(
                {"applications": {"type": "array", "items": {"$ref": "#/components/schemas/Application"}}},
                ["applications"],
            ),
        },
        ["page", "page_size", "total_items", "total_pages", "_embedded"],
    )


def _of_accounts(*statuses: int) -> dict[int, str | None]:
    """Say with which document each of *statuses* is answered there; 404 has none."""
    return {status: None if status == HTTPStatus.NOT_FOUND else "AccountProblem" for status in (401, *statuses)}


def _of_applications(*statuses: int) -> dict[int, str | None]:
    lists = "ProblemWithParameters"
    return {401: "Problem", **{each: lists if each == HTTPStatus.BAD_REQUEST else "Problem" for each in statuses}}


def _operation(  # noqa: PLR0913, PLR0917  the parts of an operation
    name: str,
    summary: str,
    parameters: Sequence[Mapping[str, Any]],
    answered: Mapping[int, str | None],
    refused: Mapping[int, str | None],
    body: str | None = None,
) -> dict[str, Any]:
    common = {405: "Problem", 429: "Problem", 500: "Problem"} | ({413: "Problem", 415: "Problem"} if body else {})
    documents = {**answered, **common, **refused}
    is_account = name.endswith(("account", "accounts"))
    responses = {str(status): _answer(status, documents[status], is_account=is_account) for status in sorted(documents)}
    operation: dict[str, Any] = {
        "operationId": name,
        "summary": summary,
        "responses": {**responses, "default": _answer(500, "Problem", is_account=is_account)},
    }
    if not is_account:
        operation["security"] = [{"basic": []}]
    if parameters:
        operation["parameters"] = list(parameters)
    if body is not None:
        schema = {"$ref": f"#/components/schemas/{body}"}
        operation["requestBody"] = {"required": True, "content": {_JSON: {"schema": schema}}}
    return operation


def _answer(status: int, document: str | None, *, is_account: bool) -> dict[str, Any]:
    answer: dict[str, Any] = {
        "description": HTTPStatus(status).phrase,
        "headers": {"X-Request-Id": {"$ref": "#/components/headers/RequestId"}},
    }
    if document is not None:
        own = status < HTTPStatus.BAD_REQUEST or document in {"AccountProblem", "ProblemWithParameters"}
        own = own or (status == HTTPStatus.NOT_FOUND and not is_account)
        schema = {"$ref": f"#/components/schemas/{document}"}
        answer["content"] = {_JSON if own else _PROBLEM: {"schema": schema}}
    return answer


def _pages() -> list[dict[str, Any]]:
    provider = {"name": "provider", "in": "query", "schema": {"type": "string"}}
    return [provider, _number("page_number", 999_999), _number("page_size", 1000)]


def _number(name: str, largest: int) -> dict[str, Any]:
    schema = {"type": "integer", "minimum": 1, "maximum": largest}
    return {"name": name, "in": "query", "schema": schema}


def _provider(names: Sequence[str]) -> dict[str, Any]:
    return {"name": "provider", "in": "path", "required": True, "schema": {"enum": list(names)}}


def object_schema(properties: Mapping[str, Any], required: Sequence[str]) -> dict[str, Any]:
    """Describe an object that has these properties, and no others."""
    return {
        "type": "object",
        "properties": dict(properties),
        "required": list(required),
        "additionalProperties": False,
    }


def _account_problem() -> dict[str, Any]:
    invalid = object_schema({"name": _TEXT, "reason": _TEXT}, ["name", "reason"])
    properties = {
        **dict.fromkeys(("type", "title", "detail"), _TEXT),
        "instance": {"type": "null"},
        "invalid_params": {"type": "array", "items": invalid},
    }
    return object_schema(properties, ["title"])


def _messages() -> dict[str, Any]:
    webhook = object_schema({"address": {"type": "string"}, "http_method": {"enum": ["POST"]}}, ["address"])
    return object_schema(
        {
            "version": {"enum": ["v1", "v0.1"]},
            "authenticate_inbound_media": {"type": "boolean"},
            "webhooks": object_schema({"inbound_url": webhook, "status_url": webhook}, []),
        },
        [],
    )


def _capabilities() -> dict[str, Any]:
    return {
        "type": "object",
        "properties": {"messages": _messages()},
        "additionalProperties": {"type": "object", "description": "Another product, which is not looked into"},
    }


def _application_settings() -> dict[str, Any]:
    key = {"type": "string", "description": "The PEM text of an RSA public key"}
    properties = {
        "name": {"type": "string", "pattern": r"\S"},
        "keys": {"type": "object", "properties": {"public_key": key}},
        "capabilities": _capabilities(),
        "privacy": {"type": "object"},
    }
    return object_schema(properties, ["name"])


def _application() -> dict[str, Any]:
    keys = object_schema({"public_key": _TEXT, "private_key": _TEXT}, ["public_key"])
    properties = {
        "id": _TEXT,
        "name": _TEXT,
        "keys": keys,
        "capabilities": _capabilities(),
        "privacy": {"type": "object"},
        "_links": object_schema({"self": object_schema({"href": _TEXT}, ["href"])}, ["self"]),
    }
    return object_schema(properties, ["id", "name", "keys", "capabilities"])
