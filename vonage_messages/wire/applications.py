"""
Vonage Applications, as values: what holds the key and the webhooks of messages.

What belongs here: the requests of the Applications API v2, and what its answers mean. A private key, which the platform
gives once, stays out of every ``repr``.

Reference: Application API, OpenAPI 2.1 (list, create, get, update, delete).
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit

import attrs

from vonage_messages.errors import InvalidMessageError, Problem, UnexpectedResponseError
from vonage_messages.values import JSONObject
from vonage_messages.wire.rest import Request

APPLICATIONS_PATH: Final = "/v2/applications"

PAGE_SIZE: Final = 100
MOST_PAGES: Final = 1_000

_SUBJECT = "application"
_VERSIONS = ("v1", "v0.1")
_URLS = ("inbound_url", "status_url")


@attrs.frozen(kw_only=True)
class Application:
    """An application of the account. What it can do beside messages is in ``capabilities``, as the platform has it."""

    id: str
    name: str
    public_key: str | None = attrs.field(default=None, repr=False)
    """PEM text: what tokens are checked with."""

    private_key: str | None = attrs.field(default=None, repr=False)
    """PEM text, and a secret: given once, where the platform has made the pair of keys."""

    capabilities: JSONObject = attrs.field(factory=dict, repr=False)
    """Every product that the application may use, with its settings."""

    extra: JSONObject = attrs.field(factory=dict, repr=False)
    """What this version does not know."""

    @property
    def has_messages(self) -> bool:
        """Whether it may send messages and get webhooks of them."""
        return isinstance(self.capabilities.get("messages"), Mapping)

    @property
    def inbound_url(self) -> str | None:
        """Where messages of people are posted."""
        return self._address("inbound_url")

    @property
    def status_url(self) -> str | None:
        """Where statuses are posted."""
        return self._address("status_url")

    @property
    def webhook_version(self) -> str | None:
        """The shape of both: ``v1`` or ``v0.1``; ``None`` where the platform does not say."""
        version = self._messages().get("version")
        return version if isinstance(version, str) else None

    def _address(self, name: str) -> str | None:
        webhook = _mapping(_mapping(self._messages().get("webhooks")).get(name))
        address = webhook.get("address")
        return address if isinstance(address, str) and address else None

    def _messages(self) -> Mapping[str, Any]:
        return _mapping(self.capabilities.get("messages"))


@attrs.frozen(kw_only=True)
class ApplicationsPage:
    """One page of a list."""

    applications: tuple[Application, ...]
    is_last: bool


def list_request(page: int) -> Request:
    """Build the request for one page of the list; pages count from 1."""
    return Request(method="GET", path=APPLICATIONS_PATH, query=(("page_size", str(PAGE_SIZE)), ("page", str(page))))


def get_request(application_id: str) -> Request:
    """
    Build the request for one application.

    Raises:
        InvalidMessageError: that is no id.
    """
    return Request(method="GET", path=_path(application_id))


def create_request(
    name: str,
    *,
    inbound_url: str,
    status_url: str,
    webhook_version: str = "v1",
    public_key: str | None = None,
) -> Request:
    """
    Build the request for a new application with the Messages capability.

    Without a *public_key* the platform makes the pair, and answers with the private one, once.

    Raises:
        InvalidMessageError: an argument that cannot be right; all of them are listed.
    """
    _check(name, inbound_url, status_url, webhook_version)
    body: dict[str, Any] = {
        "name": name,
        "capabilities": {"messages": _messages(inbound_url, status_url, webhook_version)},
    }
    if public_key is not None:
        body["keys"] = {"public_key": public_key}
    return Request(method="POST", path=APPLICATIONS_PATH, body=json.dumps(body).encode())


def update_request(  # noqa: PLR0913  what may be changed, by name
    application: Application,
    *,
    name: str | None = None,
    inbound_url: str | None = None,
    status_url: str | None = None,
    webhook_version: str | None = None,
    public_key: str | None = None,
) -> Request:
    """
    Build the request that changes an application: what is ``None`` stays as *application* has it.

    An update puts the whole in the place of the whole, so that everything else the application has is sent along: its
    other capabilities, its other settings for messages, and its public key.

    Raises:
        InvalidMessageError: an argument that cannot be right, or a webhook that has no address yet and gets none.
    """
    inbound, status = inbound_url or application.inbound_url, status_url or application.status_url
    version = webhook_version or application.webhook_version or "v1"
    _check(name or application.name, inbound, status, version)
    standing = _mapping(application.capabilities.get("messages"))
    messages = {**standing, **_messages(str(inbound), str(status), version)}
    body: dict[str, Any] = {
        **application.extra,
        "name": name or application.name,
        "capabilities": {**application.capabilities, "messages": messages},
    }
    key = public_key or application.public_key
    if key is not None:
        body["keys"] = {"public_key": key}
    return Request(method="PUT", path=_path(application.id), body=json.dumps(body).encode())


def delete_request(application_id: str) -> Request:
    """
    Build the request that deletes an application, which cannot be undone.

    Raises:
        InvalidMessageError: that is no id.
    """
    return Request(method="DELETE", path=_path(application_id))


def read_application(document: object) -> Application:
    """
    Read one application.

    Raises:
        UnexpectedResponseError: it has no id.
    """
    item = _mapping(document)
    application_id = item.get("id")
    if not isinstance(application_id, str) or not application_id:
        raise UnexpectedResponseError("the platform described an application without its id")
    name, keys = item.get("name"), _mapping(item.get("keys"))
    public_key, private_key = (keys.get(each) for each in ("public_key", "private_key"))
    return Application(
        id=application_id,
        name=name if isinstance(name, str) else "",
        public_key=public_key if isinstance(public_key, str) else None,
        private_key=private_key if isinstance(private_key, str) else None,
        capabilities=dict(_mapping(item.get("capabilities"))),
        extra={key: value for key, value in item.items() if key not in _READ},
    )


def read_page(document: object) -> ApplicationsPage:
    """
    Read one page of the list.

    Raises:
        UnexpectedResponseError: there is no list, or an application in it cannot be read.
    """
    page = _mapping(document)
    listed = _mapping(page.get("_embedded")).get("applications")
    if not isinstance(listed, list):
        raise UnexpectedResponseError("the platform answered without a list of applications")
    number, total = page.get("page"), page.get("total_pages")
    is_last = number >= total if isinstance(number, int) and isinstance(total, int) else len(listed) < PAGE_SIZE
    return ApplicationsPage(
        applications=tuple(read_application(item) for item in listed), is_last=is_last or not listed
    )


def is_application_id(value: object) -> bool:
    """Tell whether *value* is the id of an application: a UUID, written as one usually is."""
    try:
        return isinstance(value, str) and str(uuid.UUID(value)) == value.lower()
    except ValueError:
        return False


_READ = frozenset({"id", "name", "keys", "capabilities", "_links"})


def _messages(inbound_url: str, status_url: str, version: str) -> dict[str, Any]:
    webhooks = zip(_URLS, (inbound_url, status_url), strict=True)
    return {
        "version": version,
        "webhooks": {name: {"address": address, "http_method": "POST"} for name, address in webhooks},
    }


def _check(name: object, inbound_url: object, status_url: object, version: object) -> None:
    problems = []
    if not isinstance(name, str) or not name.strip():
        problems.append(Problem("name", "must be a text that is not empty"))
    for field, url in zip(_URLS, (inbound_url, status_url), strict=True):
        if not _is_url(url):
            problems.append(Problem(field, "must be an address such as https://example.com/webhooks"))
    if version not in _VERSIONS:
        problems.append(Problem("webhook_version", f"must be {' or '.join(_VERSIONS)}, not {version!r}"))
    if problems:
        raise InvalidMessageError(problems, _SUBJECT)


def _is_url(value: object) -> bool:
    if not isinstance(value, str) or not value.isprintable() or " " in value:
        return False
    try:
        parts = urlsplit(value)
        return parts.scheme in {"http", "https"} and bool(parts.hostname)
    except ValueError:
        return False


def _path(application_id: str) -> str:
    if not is_application_id(application_id):
        raise InvalidMessageError([("id", "must be the id of an application (a UUID)")], _SUBJECT)
    return f"{APPLICATIONS_PATH}/{application_id}"


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
