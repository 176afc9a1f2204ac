"""
The pages of the inbox over HTTP: who asks for what, and under which policy it is shown.

Every page forbids the browser everything that it does not need: scripts come from here alone, nothing is written into
a page that could run, and nothing is fetched from elsewhere. A file or a page of somebody else is shown in a frame of
its own, whose policy names that one address and allows no script; the frame is made only when somebody asks for it.
"""

from __future__ import annotations

import asyncio
import re
import shlex
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from http import HTTPStatus
from importlib.resources import files
from itertools import islice
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode, urlsplit

import attrs
from aiohttp import web

from vonage_messages.codes import CODES
from vonage_messages.simulator.body import InvalidBodyError, decode_object
from vonage_messages.simulator.control.guards import content_type_reason, host_reason, origin_reason
from vonage_messages.simulator.faults import CODED, TIMED
from vonage_messages.simulator.inbox.conversations import CHANNELS, Conversations, Key
from vonage_messages.simulator.inbox.inspection import coloured
from vonage_messages.simulator.inbox.loose import pretty
from vonage_messages.simulator.inbox.pages import PAGE, RANKS, Pages
from vonage_messages.simulator.inbox.shown import Filter, ListPage, Thread
from vonage_messages.simulator.inbox.snippets import as_curl
from vonage_messages.simulator.people import COMPANY, can_write, default_person, inbound_types

if TYPE_CHECKING:
    from aiohttp.typedefs import Handler

    from vonage_messages.simulator.callbacks import CallbackTry
    from vonage_messages.simulator.relay import ReleaseDesk
    from vonage_messages.simulator.state import SimulatorState

_PAGE_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
    "media-src 'self'; frame-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types inbox"
)
_HEADERS: Final = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
_STATIC: Final = {
    "inbox.css": "text/css",
    "frame.css": "text/css",
    "icon.svg": "image/svg+xml",
    "theme.js": "text/javascript",
    "shared.js": "text/javascript",
    "morph.js": "text/javascript",
    "compose.js": "text/javascript",
    "page.js": "text/javascript",
    "release.js": "text/javascript",
    "settings.js": "text/javascript",
    "refusals.js": "text/javascript",
}
_SHOWN_INLINE: Final = frozenset(
    {
        *("image/png", "image/jpeg", "image/gif", "image/webp", "image/bmp"),
        *("audio/mpeg", "audio/mp4", "audio/aac", "audio/ogg", "audio/wav", "audio/webm", "audio/amr"),
        *("video/mp4", "video/webm", "video/3gpp", "video/quicktime"),
    }
)
"""Content types that a browser shows and does not run."""
_IN_A_POLICY: Final = re.compile(r"[A-Za-z0-9.:_-]+")
_FIRST_LINES: Final = ("VONAGE_BASE_URL", "VONAGE_API_KEY", "VONAGE_API_SECRET", "VONAGE_SIGNATURE_SECRET")
"""What a first message needs: a client reads an application only with its key, which is a file."""
_LONGEST_NUMBER: Final = 10
_LONGEST_TEMPLATE: Final = 10_000
_MOST_TEMPLATES: Final = 1000
_MISSING: Final = (
    "The simulator runs. Its inbox needs the extra [simulator]: pip install 'vonage-messages-async[simulator]'\n"
    "The API it simulates is at /v1/messages and /v0.1/messages, the control API at /_simulator.\n"
)


@attrs.frozen(kw_only=True)
class Inbox:
    """The inbox of one simulator. ``add_routes`` may be called once for each start of it."""

    state: SimulatorState
    callbacks_of: Callable[[str], Sequence[CallbackTry]]
    environment: Callable[[], Mapping[str, str]]
    signature_secret: Callable[[], str]
    releases: ReleaseDesk | None
    """Where messages are sent for real; ``None`` without a relay."""
    listens_on: str
    """The address of the simulator, for the check of ``Host``."""
    templates: dict[str, str] = attrs.field(factory=dict)
    """The words of templates, by name."""
    _index: list[Conversations] = attrs.field(factory=list, init=False)

    def add_routes(self, application: web.Application) -> None:
        """Serve the inbox, or, without the extra, the sentence that says what to install."""
        try:
            import aiohttp_jinja2  # noqa: PLC0415  an extra
            import jinja2  # noqa: PLC0415  see above
        except ImportError:
            application.router.add_get("/", _say_what_is_missing)
            return
        if not self._index:
            self._index.append(Conversations(self.state))
        # A sub-application would hide the paths; the environment is kept under a key of its own.
        aiohttp_jinja2.setup(
            application,
            loader=jinja2.PackageLoader("vonage_messages.simulator.inbox"),
            autoescape=True,
            trim_blocks=True,
            lstrip_blocks=True,
            undefined=jinja2.StrictUndefined,
        )
        aiohttp_jinja2.get_env(application).globals.update(_GLOBALS)
        _Views(inbox=self, pages=self._pages(), render=aiohttp_jinja2.render_string).add_to(application)

    def _pages(self) -> Pages:
        return Pages(
            state=self.state,
            index=self._index[0],
            tries_of=self.callbacks_of,
            signature_secret=self.signature_secret,
            templates=self.templates,
            releases=self.releases,
        )


@attrs.frozen(kw_only=True)
class _Views:
    """The pages. *render* turns a template and what stands in it into text."""

    inbox: Inbox
    pages: Pages
    render: Callable[[str, web.Request, Mapping[str, Any]], str]

    def add_to(self, application: web.Application) -> None:
        for path, handler in (
            ("/", self._show),
            ("/inbox/settings", self._settings),
            ("/inbox/refusals", self._refusals),
            ("/inbox/frame/{message_uuid}/media/{index:[0-9]{1,4}}", self._media_frame),
            ("/inbox/frame/{message_uuid}/page/{index:[0-9]{1,4}}", self._page_frame),
            ("/inbox/file/{message_uuid}", self._file),
            ("/inbox/static/{name}", _static),
        ):
            application.router.add_get(path, self._guarded(handler), allow_head=False)
        application.router.add_post("/inbox/templates", self._guarded(self._keep_template))

    def _guarded(self, handler: Handler) -> Handler:
        """Answer only who asks for this machine by a name of its own, and from no page but one of its own."""

        async def guarded(request: web.Request) -> web.StreamResponse:
            method, headers = request.method, request.headers
            reason = host_reason(headers.get("Host"), self.inbox.listens_on)
            if handler is not _static:  # a sandboxed frame of ours asks for its styles, and names no origin
                reason = reason or origin_reason(headers)
            if reason is not None:
                return _refused(HTTPStatus.FORBIDDEN, reason)
            reason = content_type_reason(method, request.content_type, has_body=request.body_exists)
            if reason is not None:
                return _refused(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, reason)
            return await handler(request)

        return guarded

    async def _show(self, request: web.Request) -> web.Response:
        asked = {key: request.query.get(key, "") for key in ("q", "channel", "status", "direction", "start", "c", "m")}
        wanted = Filter(
            words=asked["q"].strip(), channel=asked["channel"], status=asked["status"], direction=asked["direction"]
        )
        start = _number(asked["start"])
        selected, before = asked["m"], request.query.get("before", "")
        key = Key.read(asked["c"]) or self._home_of(selected)
        thread = None if key is None else self.pages.thread(key, before or None, selected or None)
        if thread is not None:
            thread.conversation.unseen = 0
        page = await self._page(wanted, start)
        context = {
            **self._common(request),
            "filter": wanted,
            "page": page,
            "thread": thread,
            "inspection": self.pages.inspection(selected) if selected else None,
            "selected": selected,
            "before": before,
            "number": self.inbox.state.journal.last,
            "link": _linker({**asked, "c": "" if key is None else str(key), "before": before}),
            **self._composer(thread),
        }
        return self._html("inbox.html", request, context)

    async def _page(self, wanted: Filter, start: int) -> ListPage:
        if wanted.is_search:
            return await self.pages.search(wanted, start, lambda: asyncio.sleep(0))
        return self.pages.conversations(wanted.channel, start)

    def _home_of(self, message_uuid: str) -> Key | None:
        conversation = self.pages.index.of(message_uuid)
        return None if conversation is None else conversation.key

    def _composer(self, thread: Thread | None) -> dict[str, Any]:
        if thread is None:
            return {"types": (), "can_write": False}
        key, company = thread.conversation.key, thread.conversation.company
        types = inbound_types(key.channel)
        types += ("contacts",) * (key.channel == "whatsapp" and "contacts" not in types)
        return {"types": types, "can_write": can_write(key.channel, person=key.person, company=company)}

    def _common(self, request: web.Request) -> dict[str, Any]:
        host = request.headers.get("Host", "")
        return {
            "here": "inbox",
            "refused": len(self.inbox.state.refusals),
            "relay": self.inbox.releases is not None,
            "environment": {name: self.inbox.environment()[name] for name in _FIRST_LINES},
            "is_ours": lambda url: urlsplit(url).netloc == host and urlsplit(url).path.startswith("/v3/media/"),
        }

    async def _settings(self, request: web.Request) -> web.Response:
        context = {
            **self._common(request),
            "here": "settings",
            "number": self.inbox.state.journal.last,
            "templates": sorted(self.inbox.templates.items()),
            "template": request.query.get("template", ""),
            "timed": sorted(TIMED),
            "coded": sorted(CODED),
            "codes": sorted((code, known.meaning) for code, known in CODES.items()),
            "words": self.inbox.templates.get(request.query.get("template", ""), ""),
        }
        return self._html("settings.html", request, context)

    async def _refusals(self, request: web.Request) -> web.Response:
        """List the refused requests, newest first."""
        refusals = self.inbox.state.refusals
        start = _number(request.query.get("start", ""))
        page = list(islice(reversed(refusals), start, start + PAGE))
        context = {
            **self._common(request),
            "here": "refusals",
            "number": self.inbox.state.journal.last,
            "refusals": page,
            "start": start,
            "more": start + PAGE < len(refusals),
        }
        return self._html("refusals.html", request, context)

    async def _keep_template(self, request: web.Request) -> web.Response:
        """Keep the words of a template; empty ones forget it."""
        try:
            document = decode_object(await request.read())
        except InvalidBodyError as error:
            return _refused(HTTPStatus.BAD_REQUEST, str(error))
        name, text = document.get("name"), document.get("text")
        if not isinstance(name, str) or not isinstance(text, str) or not name or len(text) > _LONGEST_TEMPLATE:
            return _refused(HTTPStatus.BAD_REQUEST, "A template is {name, text}, the text of at most 10000 characters.")
        if not text:
            self.inbox.templates.pop(name, None)
        elif name in self.inbox.templates or len(self.inbox.templates) < _MOST_TEMPLATES:
            self.inbox.templates[name] = text
        else:
            return _refused(HTTPStatus.BAD_REQUEST, f"{_MOST_TEMPLATES} templates are kept: forget one first.")
        return web.json_response({"templates": self.inbox.templates}, headers=_HEADERS)

    async def _media_frame(self, request: web.Request) -> web.Response:
        """Show one file of a message: the browser fetches it, from the one address that this page may fetch from."""
        bubble = self.pages.bubble(request.match_info["message_uuid"])
        media = () if bubble is None else bubble.drawing.media
        index = int(request.match_info["index"])
        href = media[index].href if index < len(media) else None
        if href is None:
            return _refused(HTTPStatus.NOT_FOUND, "There is no such file.")
        source = _as_source(href)
        policy = (
            f"default-src 'none'; img-src {source}; media-src {source}; style-src 'self'; base-uri 'none'; "
            "form-action 'none'; frame-ancestors 'self'; sandbox"
        )
        return self._html("frame.html", request, {"media": media[index]}, policy=policy)

    async def _page_frame(self, request: web.Request) -> web.Response:
        """Show a part of an e-mail that is HTML: nothing in it runs, and nothing is fetched."""
        bubble = self.pages.bubble(request.match_info["message_uuid"])
        pages = {} if bubble is None else {page.index: page for page in bubble.drawing.pages}
        page = pages.get(int(request.match_info["index"]))
        if page is None:
            return _refused(HTTPStatus.NOT_FOUND, "There is no such page.")
        policy = (
            "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'; "
            "frame-ancestors 'self'; sandbox"
        )
        return _html_response(page.source, policy)

    async def _file(self, request: web.Request) -> web.Response:
        """Give a file that a person sent: shown where a browser only shows it, else to be saved."""
        media = self.inbox.state.media(request.match_info["message_uuid"])
        if media is None:
            return _refused(HTTPStatus.NOT_FOUND, "There is no such file.")
        headers = {**_HEADERS, "Content-Security-Policy": "default-src 'none'; sandbox"}
        content_type = media.content_type.partition(";")[0].strip().lower()
        if content_type not in _SHOWN_INLINE:
            content_type = "application/octet-stream"
            headers["Content-Disposition"] = "attachment"
        return web.Response(body=media.content, content_type=content_type, headers=headers)

    def _html(
        self, template: str, request: web.Request, context: Mapping[str, Any], policy: str = _PAGE_POLICY
    ) -> web.Response:
        return _html_response(self.render(template, request, context), policy)


def _html_response(text: str, policy: str) -> web.Response:
    # JSON can carry half a surrogate pair, which no encoding takes.
    return web.Response(
        body=text.encode("utf-8", "replace"),
        content_type="text/html",
        charset="utf-8",
        headers={**_HEADERS, "Content-Security-Policy": policy},
    )


async def _static(request: web.Request) -> web.Response:
    name = request.match_info["name"]
    content_type = _STATIC.get(name)
    if content_type is None:
        return _refused(HTTPStatus.NOT_FOUND, "There is no such file.")
    body = files("vonage_messages.simulator.inbox").joinpath("static", name).read_bytes()
    headers = {**_HEADERS, "Cache-Control": "no-cache"}
    # The frame of a foreign file has no origin of its own, and needs its styles all the same.
    headers["Cross-Origin-Resource-Policy"] = "cross-origin" if name == "frame.css" else "same-origin"
    return web.Response(body=body, content_type=content_type, charset="utf-8", headers=headers)


async def _say_what_is_missing(_request: web.Request) -> web.Response:
    return web.Response(text=_MISSING, headers=_HEADERS)


def _refused(status: int, reason: str) -> web.Response:
    problem = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": int(status), "detail": reason}
    return web.json_response(problem, status=status, content_type="application/problem+json", headers=_HEADERS)


def _linker(asked: Mapping[str, str]) -> Callable[..., str]:
    """Make the function that writes links: the query as it is, but for what is given by name."""

    def link(**changes: object) -> str:
        query = {**asked, **{key: str(value) for key, value in changes.items()}}
        if "c" in changes:
            query["before"] = ""
        kept = {key: value for key, value in query.items() if value}
        return f"/?{urlencode(kept)}" if kept else "/"

    return link


def _number(text: str) -> int:
    """Read a place in a list; 0 where it is none."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < _LONGEST_NUMBER else 0


def _as_source(href: str) -> str:
    """Write the origin of an address for a policy; ``'none'`` where it cannot stand in one."""
    parts = urlsplit(href)
    try:
        host = (parts.hostname or "").encode("idna").decode()
    except UnicodeError:
        return "'none'"
    if not _IN_A_POLICY.fullmatch(host):
        return "'none'"
    shown = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{shown}" + (f":{parts.port}" if parts.port else "")


def _host(href: str) -> str:
    return urlsplit(href).netloc.rpartition("@")[2]


def _clock(at: datetime) -> str:
    return f"{at.astimezone():%H:%M}"


def _exact(at: datetime) -> str:
    local = at.astimezone()
    return f"{local:%H:%M:%S}.{local.microsecond // 1000:03d}"


def _day(at: datetime) -> str:
    return f"{at.astimezone():%d %B %Y}"


_FIRST_MESSAGE: Final = {
    "channel": "sms",
    "message_type": "text",
    "to": default_person("sms"),
    "from": COMPANY["sms"],  # a name could not be answered
    "text": "Hello",
}
_GLOBALS: Final[Mapping[str, Any]] = {
    "channels": CHANNELS,
    "statuses": tuple(RANKS),
    "writable": tuple(COMPANY),
    "person_of": default_person,
    "company_of": COMPANY.get,
    "coloured": coloured,
    "quoted": shlex.quote,
    "pretty": pretty,
    "first_curl": as_curl(_FIRST_MESSAGE, "v1"),
    "clock": _clock,
    "exact": _exact,
    "day": _day,
    "host": _host,
}
