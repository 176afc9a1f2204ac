"""
External Accounts: the accounts at Messenger, Viber, WhatsApp and RCS that messages are sent from, as values.

What belongs here: the requests of the API, and what its answers mean. Nothing waits or sends; that is
``vonage_messages.clients.accounts``. An access token stays out of every ``repr`` and of every error.

Reference: External Accounts, sections 1 to 5 (the API is a Developer Preview: unknown members are kept).
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit

import attrs

from vonage_messages.errors import InvalidMessageError, Problem, UnexpectedResponseError
from vonage_messages.values import JSONObject, masked, normalize_number
from vonage_messages.wire.applications import is_application_id
from vonage_messages.wire.rest import Request

ACCOUNTS_PATH: Final = "/beta/chatapp-accounts"
"""Below which everything of the API is (section 1)."""

LARGEST_PAGE: Final = 1000
MOST_PAGES: Final = 10_000
"""How many pages a list is followed over: a list that never ends is none."""

_EXTERNAL_ID = re.compile(r"(?!\.+\Z)[A-Za-z0-9._~:@-]{1,128}")
_SUBJECT = "account"
_KNOWN = frozenset({"provider", "external_id", "api_key", "name", "applications", "access_token", "_links"})


class Provider(StrEnum):
    """Whose account it is (section 1). Viber has its older name here, and not the one of a channel of v1."""

    MESSENGER = "messenger"
    VIBER = "viber_service_msg"
    WHATSAPP = "whatsapp"
    RCS = "rcs"


_SPELLINGS: Final = {"viber": Provider.VIBER, "viber_service": Provider.VIBER}
"""Other names that one of them goes by."""


@attrs.frozen(kw_only=True)
class ExternalAccount:
    """An account at a provider, as the platform describes it (section 4)."""

    provider: str
    """One of ``Provider``, or a name that was added since."""

    external_id: str
    """The page of Messenger, the service of Viber, the number of WhatsApp, the agent of RCS."""

    api_key: str = ""
    """Whose it is."""

    name: str | None = None
    applications: tuple[str, ...] = ()
    """The application that it is linked to: none or one."""

    access_token: str | None = attrs.field(default=None, repr=False)
    """Of a Messenger page, and a secret."""

    extra: JSONObject = attrs.field(factory=dict, repr=False)
    """What this version does not know."""


@attrs.frozen(kw_only=True)
class AccountsPage:
    """One page of a list. ``next_query`` asks for the following one; ``None`` at the end."""

    accounts: tuple[ExternalAccount, ...]
    next_query: tuple[tuple[str, str], ...] | None = None


def list_request(
    *, provider: str | None = None, page_size: int | None = None, query: tuple[tuple[str, str], ...] = ()
) -> Request:
    """
    Build the request for a page of the list: the first one, or the one that *query* asks for.

    Raises:
        InvalidMessageError: there is no such provider, or *page_size* is not 1 to 1000.
    """
    wanted = dict(query)
    if provider is not None:
        wanted.setdefault("provider", checked_provider(provider))
    if page_size is not None:
        if type(page_size) is not int or not 1 <= page_size <= LARGEST_PAGE:
            raise InvalidMessageError([("page_size", f"must be 1 to {LARGEST_PAGE}, not {page_size!r}")], "list")
        wanted.setdefault("page_size", str(page_size))
    return Request(method="GET", path=f"{ACCOUNTS_PATH}/", query=tuple(wanted.items()))


def get_request(provider: str, external_id: str) -> Request:
    """
    Build the request for one account. The reference has none for RCS: those are found in the list.

    Raises:
        InvalidMessageError: there is no such provider, or that is no id.
    """
    return Request(method="GET", path=_path(provider, external_id))


def create_messenger_request(
    external_id: str, access_token: str, *, name: str | None = None, applications: Sequence[str] = ()
) -> Request:
    """
    Build the request that adds a page of Messenger.

    Raises:
        InvalidMessageError: an argument that cannot be one, or more than one application.
    """
    problems = [*_id_problems(external_id), *_change_problems(access_token, name, applications)]
    if problems:
        raise InvalidMessageError(problems, _SUBJECT)
    body: dict[str, Any] = {"external_id": external_id, "access_token": access_token}
    if name is not None:
        body["name"] = name
    if applications:
        body["applications"] = list(applications)
    return Request(method="POST", path=f"{ACCOUNTS_PATH}/{Provider.MESSENGER}", body=_json(body))


def update_messenger_request(
    external_id: str,
    *,
    name: str | None = None,
    access_token: str | None = None,
    applications: Sequence[str] | None = None,
) -> Request:
    """
    Build the request that changes a page of Messenger: what is ``None`` stays, no applications unlink it.

    Raises:
        InvalidMessageError: nothing is changed, or an argument cannot be one.
    """
    problems = _change_problems(access_token, name, applications or ())
    if name is None and access_token is None and applications is None:
        problems.append(Problem("", "nothing is changed: give name, access_token or applications"))
    if problems:
        raise InvalidMessageError(problems, _SUBJECT)
    changes = {
        "name": name,
        "access_token": access_token,
        "applications": None if applications is None else list(applications),
    }
    body = _json({key: value for key, value in changes.items() if value is not None})
    return Request(method="PATCH", path=_path(Provider.MESSENGER, external_id), body=body)


def delete_messenger_request(external_id: str) -> Request:
    """
    Build the request that takes a page of Messenger away.

    Raises:
        InvalidMessageError: that is no id.
    """
    return Request(method="DELETE", path=_path(Provider.MESSENGER, external_id))


def link_request(provider: str, external_id: str, application_id: str) -> Request:
    """
    Build the request that links an account to an application.

    Raises:
        InvalidMessageError: an argument that cannot be one.
    """
    path = f"{_path(provider, external_id)}/applications"
    return Request(method="POST", path=path, body=_json({"application": checked_application_id(application_id)}))


def unlink_request(provider: str, external_id: str, application_id: str) -> Request:
    """
    Build the request that takes the link to an application away.

    Raises:
        InvalidMessageError: an argument that cannot be one.
    """
    path = f"{_path(provider, external_id)}/applications/{checked_application_id(application_id)}"
    return Request(method="DELETE", path=path)


def checked_provider(provider: str) -> str:
    """
    Give the API's name of a provider; ``viber`` and ``viber_service`` are understood too.

    Raises:
        InvalidMessageError: there is no such provider.
    """
    name = str(_SPELLINGS.get(provider, provider))
    if name not in set(Provider):
        raise InvalidMessageError([("provider", f"must be one of {', '.join(Provider)}, not {provider!r}")], _SUBJECT)
    return name


def checked_application_id(application_id: str) -> str:
    """
    Give the id of an application back: it becomes a part of a path.

    Raises:
        InvalidMessageError: it is no UUID.
    """
    if not is_application_id(application_id):
        raise InvalidMessageError([("application", "must be the id of an application (a UUID)")], _SUBJECT)
    return application_id


def read_account(document: object) -> ExternalAccount:
    """
    Read one account. Members that are not of their kind count as missing; those not known are kept.

    Raises:
        UnexpectedResponseError: it has no provider or no id.

    Reference: External Accounts, section 4.
    """
    item: Mapping[str, Any] = document if isinstance(document, Mapping) else {}
    provider, external_id = _text(item.get("provider")), _text(item.get("external_id"))
    if not provider or not external_id:
        raise UnexpectedResponseError("the platform described an external account without its provider or its id")
    linked = item.get("applications")
    return ExternalAccount(
        provider=provider,
        external_id=external_id,
        api_key=_text(item.get("api_key")),
        name=_text(item.get("name")) or None,
        applications=tuple(each for each in linked if isinstance(each, str)) if isinstance(linked, list) else (),
        access_token=_text(item.get("access_token")) or None,
        extra={key: value for key, value in item.items() if key not in _KNOWN},
    )


def read_page(document: object) -> AccountsPage:
    """
    Read one page of the list.

    ``_embedded`` is a bare array (section 3); an object that holds the array, as HAL usually has it, and an array
    without anything around it are understood too. Of the link to the next page only the query counts: whatever host
    it names, the credentials go to that of the client.

    Raises:
        UnexpectedResponseError: there is no list, or an account in it cannot be read.
    """
    accounts = tuple(read_account(item) for item in _items(document))
    href = _next_href(document)
    if href is None or not accounts:
        return AccountsPage(accounts=accounts)
    try:
        query = tuple(parse_qsl(urlsplit(href).query, max_num_fields=20))
    except ValueError:
        query = ()
    return AccountsPage(accounts=accounts, next_query=query or None)


def _items(document: object) -> Sequence[object]:
    embedded = document.get("_embedded") if isinstance(document, Mapping) else document
    if isinstance(embedded, Mapping):
        embedded = next((value for value in embedded.values() if isinstance(value, list)), None)
    if not isinstance(embedded, list):
        raise UnexpectedResponseError("the platform answered without a list of external accounts")
    return embedded


def _next_href(document: object) -> str | None:
    links = document.get("_links") if isinstance(document, Mapping) else None
    following = links.get("next") if isinstance(links, Mapping) else None
    href = following.get("href") if isinstance(following, Mapping) else None
    return href if isinstance(href, str) and href else None


def _path(provider: str, external_id: str) -> str:
    name = checked_provider(provider)
    if name == Provider.WHATSAPP and isinstance(external_id, str):
        external_id = normalize_number(external_id)
    problems = _id_problems(external_id)
    if problems:
        raise InvalidMessageError(problems, _SUBJECT)
    return f"{ACCOUNTS_PATH}/{name}/{external_id}"


def _id_problems(external_id: object) -> list[Problem]:
    # It becomes a segment of the path: nothing but an id may get there.
    if isinstance(external_id, str) and _EXTERNAL_ID.fullmatch(external_id):
        return []
    return [Problem("external_id", f"must be an id of letters, digits and . _ ~ : @ -, not {masked(external_id)}")]


def _change_problems(access_token: object, name: object, applications: Sequence[str]) -> list[Problem]:
    problems = []
    if access_token is not None and (not isinstance(access_token, str) or not access_token.strip()):
        problems.append(Problem("access_token", "must be the access token of the page, a text that is not empty"))
    if name is not None and not isinstance(name, str):
        problems.append(Problem("name", "must be a text"))
    if isinstance(applications, str) or len(applications) > 1:
        problems.append(Problem("applications", "must be a list of no or one application"))
    elif not all(is_application_id(each) for each in applications):
        problems.append(Problem("applications[0]", "must be the id of an application (a UUID)"))
    return problems


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _json(body: Mapping[str, Any]) -> bytes:
    return json.dumps(body, separators=(",", ":")).encode()
