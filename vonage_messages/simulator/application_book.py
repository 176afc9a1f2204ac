"""
The applications of the simulated account, and the rules by which a request about them is judged. Pure.

The first one is the simulator's own. Transcribed anew from the reference, and not shared with the client.

Reference: Application API, OpenAPI 2.1.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import attrs

from vonage_messages.errors import ConfigurationError
from vonage_messages.simulator.keys import public_key_from
from vonage_messages.simulator.validate import InvalidParameter

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

LARGEST_PAGE: Final = 100
VERSIONS: Final = ("v1", "v0.1")
_MEMBERS: Final = frozenset({"name", "keys", "capabilities", "privacy"})
_OF_MESSAGES: Final = frozenset({"version", "webhooks", "authenticate_inbound_media"})
_URLS: Final = ("inbound_url", "status_url")


@attrs.frozen(kw_only=True)
class Application:
    """One application, with what was sent to make it."""

    id: str
    name: str
    public_key: str = attrs.field(repr=False)
    capabilities: Mapping[str, Any] = attrs.field(factory=dict, repr=False)
    privacy: Mapping[str, Any] | None = None

    def body(self) -> dict[str, Any]:
        """Give the JSON object of an answer."""
        body = {
            "id": self.id,
            "name": self.name,
            "keys": {"public_key": self.public_key},
            "capabilities": dict(self.capabilities),
            "_links": {"self": {"href": f"/v2/applications/{self.id}"}},
        }
        return body if self.privacy is None else body | {"privacy": dict(self.privacy)}


class ApplicationBook:
    """The applications that were made beside the simulator's own, oldest first; the oldest goes when it is full."""

    def __init__(self, maximum: int) -> None:
        self._maximum = maximum
        self._held: OrderedDict[str, Application] = OrderedDict()
        self.keys: dict[str, RSAPublicKey] = {}
        """What their tokens are checked with, by their ids."""

    def __iter__(self) -> Iterator[Application]:
        return iter(list(self._held.values()))

    def __len__(self) -> int:
        return len(self._held)

    def get(self, application_id: str) -> Application | None:
        """Find an application."""
        return self._held.get(application_id)

    def put(self, application: Application) -> None:
        """Write an application into the place of the one that it was."""
        self._held[application.id] = application
        self.keys[application.id] = public_key_from(application.public_key)
        if len(self._held) > self._maximum:
            oldest, _ = self._held.popitem(last=False)
            del self.keys[oldest]

    def remove(self, application_id: str) -> bool:
        """Take an application out, and tell whether there was one."""
        self.keys.pop(application_id, None)
        return self._held.pop(application_id, None) is not None


def judge(body: Mapping[str, Any]) -> list[InvalidParameter]:
    """Say what is wrong with the body of a new application, or of a changed one."""
    problems = list(_judge_members(body))
    capabilities = body.get("capabilities", {})
    if not isinstance(capabilities, dict):
        return [*problems, InvalidParameter("capabilities", "must be an object")]
    for name, settings in capabilities.items():
        if not isinstance(settings, dict):
            problems.append(InvalidParameter(f"capabilities.{name[:50]}", "must be an object"))
        elif name == "messages":
            problems.extend(_judge_messages(settings))
    return problems[:100]


def read_page(query: Mapping[str, str]) -> tuple[int, int] | list[InvalidParameter]:
    """Read page and page size of the list, or say what is wrong with them."""
    page, size = _whole(query.get("page"), 1, 999_999), _whole(query.get("page_size"), 10, LARGEST_PAGE)
    problems = [] if page else [InvalidParameter("page", "must be 1 or more")]
    if not size:
        problems.append(InvalidParameter("page_size", f"must be between 1 and {LARGEST_PAGE}"))
    return problems or (page, size)


def _judge_members(body: Mapping[str, Any]) -> Iterator[InvalidParameter]:
    for name in sorted(set(body) - _MEMBERS)[:100]:
        yield InvalidParameter(name[:100], "is not known")
    if not isinstance(body.get("name"), str) or not body["name"].strip():
        yield InvalidParameter("name", "must be a text that is not empty")
    if not isinstance(body.get("privacy", {}), dict):
        yield InvalidParameter("privacy", "must be an object")
    keys = body.get("keys", {})
    if not isinstance(keys, dict):
        yield InvalidParameter("keys", "must be an object")
    elif "public_key" in keys and not _is_key(keys["public_key"]):
        yield InvalidParameter("keys.public_key", "must be the PEM text of an RSA public key")


def _judge_messages(settings: Mapping[str, Any]) -> Iterator[InvalidParameter]:
    path = "capabilities.messages"
    for name in sorted(set(settings) - _OF_MESSAGES)[:100]:
        yield InvalidParameter(f"{path}.{name[:50]}", "is not known")
    if settings.get("version", "v1") not in VERSIONS:
        yield InvalidParameter(f"{path}.version", f"must be one of: {', '.join(VERSIONS)}")
    if not isinstance(settings.get("authenticate_inbound_media", False), bool):
        yield InvalidParameter(f"{path}.authenticate_inbound_media", "must be true or false")
    webhooks = settings.get("webhooks", {})
    if not isinstance(webhooks, dict):
        yield InvalidParameter(f"{path}.webhooks", "must be an object")
        return
    for name, webhook in webhooks.items():
        where = f"{path}.webhooks.{name[:50]}"
        if name not in _URLS:
            yield InvalidParameter(where, f"is not known: there are {' and '.join(_URLS)}")
        elif not isinstance(webhook, dict) or not _is_url(webhook.get("address")):
            yield InvalidParameter(f"{where}.address", "must be an absolute URL")
        elif webhook.get("http_method", "POST") != "POST":
            yield InvalidParameter(f"{where}.http_method", "must be one of: POST")


def _is_key(value: object) -> bool:
    try:
        return isinstance(value, str) and public_key_from(value) is not None
    except ConfigurationError:
        return False


def _is_url(value: object) -> bool:
    if not isinstance(value, str) or not value.isprintable() or " " in value:
        return False
    try:
        parts = urlsplit(value)
        return parts.scheme.lower() in {"http", "https"} and bool(parts.hostname)
    except ValueError:
        return False


def _whole(text: str | None, default: int, largest: int) -> int:
    """Read a number of 1 to *largest*; 0 stands for anything else."""
    if text is None:
        return default
    is_number = text.isascii() and text.isdigit() and len(text) < 7  # noqa: PLR2004  more pages than there can be
    return int(text) if is_number and int(text) <= largest else 0
