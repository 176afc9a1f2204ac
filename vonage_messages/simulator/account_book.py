"""
The External Accounts of the simulated platform, and the rules by which a request about them is judged. Pure.

Transcribed anew from the reference, and not shared with the client.

Reference: External Accounts, sections 1 to 5.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from uuid import UUID

import attrs

from vonage_messages.errors import ConfigurationError
from vonage_messages.simulator.validate import InvalidParameter

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

PROVIDERS: Final = ("messenger", "viber_service_msg", "whatsapp", "rcs")
PAGE_SIZE: Final = 20
LARGEST_PAGE: Final = 1000

_LONGEST_ID: Final = 128
_FORBIDDEN_IN_IDS: Final = frozenset("/?#%\\ ")


@attrs.frozen(kw_only=True)
class Account:
    """One account at a provider."""

    provider: str
    external_id: str
    api_key: str
    name: str | None = None
    applications: tuple[str, ...] = ()
    access_token: str | None = attrs.field(default=None, repr=False)

    def body(self) -> dict[str, Any]:
        """Give the JSON object of an answer (section 4)."""
        body: dict[str, Any] = {} if self.name is None else {"name": self.name}
        body |= {
            "applications": list(self.applications),
            "external_id": self.external_id,
            "api_key": self.api_key,
            "provider": self.provider,
        }
        return body if self.access_token is None else body | {"access_token": self.access_token}


class Page(NamedTuple):
    """Which part of the list is asked for."""

    provider: str | None
    number: int
    size: int


class AccountBook:
    """
    Every account that the simulated platform knows, in the order in which they came. The oldest goes when it is full.

    ::

        simulator.accounts.add("whatsapp", "447700900001", name="Acme")
    """

    def __init__(self, api_key: str, maximum: int) -> None:
        self._api_key = api_key
        self._maximum = maximum
        self._held: OrderedDict[tuple[str, str], Account] = OrderedDict()

    def __iter__(self) -> Iterator[Account]:
        return iter(list(self._held.values()))

    def __len__(self) -> int:
        return len(self._held)

    def add(
        self,
        provider: str,
        external_id: str,
        *,
        name: str | None = None,
        access_token: str | None = None,
        applications: tuple[str, ...] = (),
    ) -> Account:
        """
        Make an account known, in the place of one with the same provider and id.

        Raises:
            ConfigurationError: there is no such provider, or that cannot be an id.
        """
        if provider not in PROVIDERS:
            raise ConfigurationError(f"the provider of an account must be one of {', '.join(PROVIDERS)}")
        if _id_reason(external_id) is not None:
            raise ConfigurationError("the external_id of an account must be a text that can stand in a path")
        account = Account(
            provider=provider,
            external_id=external_id,
            api_key=self._api_key,
            name=name,
            access_token=access_token,
            applications=tuple(applications),
        )
        self.put(account)
        return account

    def put(self, account: Account) -> None:
        """Write an account into the place of the one that it was."""
        self._held[account.provider, account.external_id] = account
        if len(self._held) > self._maximum:
            self._held.popitem(last=False)

    def get(self, provider: str, external_id: str) -> Account | None:
        """Find an account."""
        return self._held.get((provider, external_id))

    def remove(self, provider: str, external_id: str) -> bool:
        """Take an account out, and tell whether there was one."""
        return self._held.pop((provider, external_id), None) is not None

    def page(self, page: Page) -> tuple[list[Account], int]:
        """Give the accounts of a page, and the number of the last page."""
        wanted = [each for each in self if page.provider in (None, each.provider)]
        last = max(1, -(-len(wanted) // page.size))
        start = (page.number - 1) * page.size
        return wanted[start : start + page.size], last


def first_accounts(api_key: str, application_id: str, maximum: int) -> AccountBook:
    """
    Make the book of a new simulator: an account at each provider at which the API makes none.

    Whoever does not write Python could not add one.
    """
    book = AccountBook(api_key, maximum)
    for provider, external_id in (
        ("whatsapp", "447700900001"),
        ("viber_service_msg", "22353"),
        ("rcs", "SimulatedAgent"),
    ):
        book.add(provider, external_id, name="Simulated", applications=(application_id,))
    return book


def read_page(query: Mapping[str, str]) -> Page | list[InvalidParameter]:
    """Read the query of the list, or say what is wrong with it (section 3)."""
    number, size = (
        _whole(query.get(name), default) for name, default in (("page_number", 1), ("page_size", PAGE_SIZE))
    )
    problems = []
    if number is None:
        problems.append(InvalidParameter("page_number", "Must be a number, 1 or more"))
    if size is None or size > LARGEST_PAGE:
        problems.append(InvalidParameter("page_size", f"Must be a number, 1 to {LARGEST_PAGE}"))
        size = None
    return Page(query.get("provider"), number, size) if number is not None and size is not None else problems


def judge_create(body: Mapping[str, Any]) -> list[InvalidParameter]:
    """Say what is wrong with the body of a new page of Messenger (section 4)."""
    problems = [_missing(name) for name in ("external_id", "access_token") if name not in body]
    if "external_id" in body and (reason := _id_reason(body["external_id"])) is not None:
        problems.append(InvalidParameter("external_id", reason))
    return [*problems, *_judge_common(body), *_unknown(body, {"external_id", "access_token", "name", "applications"})]


def judge_update(body: Mapping[str, Any]) -> list[InvalidParameter]:
    """Say what is wrong with the body of a change; the id cannot be changed (section 4)."""
    return [*_judge_common(body), *_unknown(body, {"access_token", "name", "applications"})]


def judge_link(body: Mapping[str, Any]) -> list[InvalidParameter]:
    """Say what is wrong with the body of a link (section 2)."""
    if "application" not in body:
        return [_missing("application"), *_unknown(body, {"application"})]
    problems = [] if _is_uuid(body["application"]) else [InvalidParameter("application", "Must be a UUID")]
    return [*problems, *_unknown(body, {"application"})]


def _judge_common(body: Mapping[str, Any]) -> Iterator[InvalidParameter]:
    token, name, applications = body.get("access_token", "-"), body.get("name", ""), body.get("applications", [])
    if not isinstance(token, str) or not token:
        yield InvalidParameter("access_token", "Must be a string that is not empty")
    if not isinstance(name, str):
        yield InvalidParameter("name", "Must be a string")
    if not isinstance(applications, list) or len(applications) > 1 or not all(_is_uuid(each) for each in applications):
        yield InvalidParameter("applications", "Must be an array of no or one UUID")


def _unknown(body: Mapping[str, Any], known: set[str]) -> Iterator[InvalidParameter]:
    return (InvalidParameter(name[:100], "Unknown field") for name in sorted(set(body) - known)[:100])


def _missing(name: str) -> InvalidParameter:
    return InvalidParameter(name, f"Missing `{name}` field")


def _id_reason(value: object) -> str | None:
    if not isinstance(value, str) or not 0 < len(value) <= _LONGEST_ID:
        return f"Must be a string of 1 to {_LONGEST_ID} characters"
    if not value.isprintable() or _FORBIDDEN_IN_IDS & set(value) or not value.strip("."):
        return "Must be an id that can stand in a path"
    return None


def _is_uuid(value: object) -> bool:
    try:
        return isinstance(value, str) and str(UUID(value)) == value.lower()
    except ValueError:
        return False


def _whole(text: str | None, default: int) -> int | None:
    if text is None:
        return default
    is_number = text.isascii() and text.isdigit() and len(text) < 7  # noqa: PLR2004  more pages than there can be
    return int(text) if is_number and int(text) else None
