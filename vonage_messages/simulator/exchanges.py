"""
What is kept of a request and its answer: the headers and the document of the answer, their credentials masked.

Thousands of requests a second have nearly the same headers, so sets of headers that came before are held once.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, TypeAlias

from aiohttp import web

from vonage_messages.simulator.state import Exchange

if TYPE_CHECKING:
    from collections.abc import Callable

Pairs: TypeAlias = tuple[tuple[str, str], ...]

REQUEST_ID: Final = "X-Request-Id"
_CREDENTIALS = frozenset({"authorization", "cookie", "proxy-authorization"})
_LONGEST_DOCUMENT = 64 * 1024
_SETS_OF_HEADERS = 1024
_SECRETS = re.compile(r'("(?:access_token|private_key)": *")(?:[^"\\]|\\.)*"')


class Exchanges:
    """Makes an ``Exchange`` of each request and its answer."""

    def __init__(self) -> None:
        self._asked: dict[Pairs, Pairs] = {}
        self._answered: dict[Pairs, Pairs] = {}

    def made_of(self, request: web.Request, response: web.StreamResponse, request_id: str) -> Exchange:
        """Describe *request* and the *response* that is about to leave."""
        answered = tuple([pair for pair in response.headers.items() if pair[0] != REQUEST_ID])
        return Exchange(
            method=request.method,
            path=request.path_qs,
            request_headers=_held(self._asked, tuple(request.headers.items()), _masked),
            status=response.status,
            answer_headers=(*_held(self._answered, answered, _as_it_is), (REQUEST_ID, request_id)),
            answer=_document(response),
        )


def _held(known: dict[Pairs, Pairs], headers: Pairs, keep: Callable[[str, str], tuple[str, str]]) -> Pairs:
    """Give what is kept of *headers*: the very tuple that was kept before, where they came before."""
    kept = known.get(headers)
    if kept is None:
        if len(known) >= _SETS_OF_HEADERS:
            known.clear()
        kept = known[headers] = tuple(keep(str(name), value) for name, value in headers)
    return kept


def _masked(name: str, value: str) -> tuple[str, str]:
    """Keep of credentials only of which kind they are."""
    if name.lower() not in _CREDENTIALS:
        return name, value
    scheme, _, credentials = value.strip().partition(" ")
    return name, f"{scheme} ***" if credentials else "***"


def _as_it_is(name: str, value: str) -> tuple[str, str]:
    return name, value


def _document(response: web.StreamResponse) -> str:
    """Give the body of an answer as text; a file is not repeated."""
    body = response.body if isinstance(response, web.Response) else None
    if not isinstance(body, bytes) or len(body) > _LONGEST_DOCUMENT:
        return ""
    try:
        text = body.decode()
    except UnicodeDecodeError:
        return ""
    return _SECRETS.sub(r'\1***"', text) if '_token"' in text or '_key"' in text else text
