"""``vonage-messages listen``: receives webhooks until it is stopped. Options in, some lines for each callback out."""

from __future__ import annotations

import asyncio
import errno
import json
import logging
import os
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

import attrs
import click

from vonage_messages.cli.stopping import stop_signal
from vonage_messages.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from aiohttp import web
    from aiohttp.typedefs import Handler, Middleware

    from vonage_messages.cli.capturing import Capture
    from vonage_messages.cli.listen_display import Display
    from vonage_messages.receiving.receiver import Event, Receiver
    from vonage_messages.values import Seconds
    from vonage_messages.webhooks.signing import SignatureVerifier

_VARIABLE: Final = "VONAGE_SIGNATURE_SECRET"
_HINT_AFTER: Final[Seconds] = 10.0
_ERRORS_BEGIN: Final = 400
_EXAMPLE: Final = '{"channel":"sms","from":"447700900001","text":"Hello"}'


@click.command(epilog="It answers every genuine webhook with 200, and remembers nothing when it stops.")
@click.option("--port", type=click.IntRange(0, 65535), default=8080, show_default=True, help="0 takes a free one.")
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on; see --expose.")
@click.option("--expose", is_flag=True, help="Let --host be an address that other machines reach.")
@click.option("--inbound-path", metavar="PATH", default="/webhooks/inbound-message", show_default=True)
@click.option("--status-path", metavar="PATH", default="/webhooks/message-status", show_default=True)
@click.option(
    "--secret",
    metavar="TEXT",
    multiple=True,
    help=f"What webhooks are signed with; again for a second one.  [default: {_VARIABLE}]",
)
@click.option("--insecure", is_flag=True, help="Check no signature: believe whoever reaches the port.")
@click.option("--json", "as_json", is_flag=True, help="A line of JSON for each webhook; all else on standard error.")
@click.option("--mask/--no-mask", default=True, show_default=True, help="Hide the middle of numbers.")
@click.option(
    "--capture",
    metavar="DIR",
    type=click.Path(path_type=Path, file_okay=False),
    help="Write each webhook there as a sample, without its numbers, names and texts.",
)
def listen(  # noqa: PLR0913  one parameter for each option
    *,
    port: int,
    host: str,
    expose: bool,
    inbound_path: str,
    status_path: str,
    secret: tuple[str, ...],
    insecure: bool,
    as_json: bool,
    mask: bool,
    capture: Path | None,
) -> None:
    """
    Receive webhooks on this machine and show them, until Ctrl-C.

    Signatures are checked. What this version does not know about a webhook is named, and counted at the end.
    """
    from vonage_messages.cli.capturing import Capture  # noqa: PLC0415  --help does without what reads webhooks
    from vonage_messages.cli.listen_display import Display, JsonDisplay  # noqa: PLC0415  see above
    from vonage_messages.simulator.listening import checked_address  # noqa: PLC0415  see above

    place = _Place(
        host=checked_address(host, exposed=expose, who="this command"),
        port=port,
        inbound_path=_checked_path(inbound_path, "--inbound-path"),
        status_path=_checked_path(status_path, "--status-path"),
    )
    verifier = _verifier(secret, insecure=insecure)
    listening = _Listening(
        place=place,
        verifier=verifier,
        display=JsonDisplay(mask=mask) if as_json else Display(mask=mask),
        capture=None if capture is None else Capture(capture),
    )
    # What it refuses is shown here; the lines of the log would say it twice.
    logging.getLogger("vonage_messages").addHandler(logging.NullHandler())
    asyncio.run(listening.run())


@attrs.frozen(kw_only=True)
class _Place:
    """Where webhooks are received."""

    host: str
    port: int
    inbound_path: str
    status_path: str


@attrs.define(kw_only=True)
class _Listening:
    """One run of the command."""

    place: _Place
    verifier: SignatureVerifier | None
    display: Display
    capture: Capture | None
    _answered: int = attrs.field(init=False, default=0)
    _hinted: bool = attrs.field(init=False, default=False)

    async def run(self) -> None:
        """Serve until a signal asks for the end."""
        stop = stop_signal()
        async with self._served() as (base, receiver):
            self._show_start(base)
            try:
                await asyncio.wait_for(stop.wait(), _HINT_AFTER)
            except TimeoutError:
                self._hint_where_nothing_came(base)
            await stop.wait()
        self._hint_where_nothing_came(base)
        details = [f"{repeated} repeated"] if (repeated := self._answered - self.display.events) else []
        if self.capture is not None:
            details.append(f"{self.capture.written} written to {self.capture.folder}")
        self.display.show_end(receiver.drift, details)

    @asynccontextmanager
    async def _served(self) -> AsyncIterator[tuple[str, Receiver]]:
        """
        Run the server, and give its address.

        Raises:
            ConfigurationError: the port cannot be listened on.
        """
        from aiohttp import web  # noqa: PLC0415  see listen

        from vonage_messages.adapters.aiohttp import add_webhooks  # noqa: PLC0415  see listen
        from vonage_messages.simulator.listening import reached_at  # noqa: PLC0415  see listen
        from vonage_messages.webhooks.routing import Router  # noqa: PLC0415  see listen

        router = Router()
        router.event()(self._show)
        application = web.Application(middlewares=[self._watching()])
        routes = add_webhooks(
            application,
            router,
            inbound_path=self.place.inbound_path,
            status_path=self.place.status_path,
            verifier=self.verifier,
            insecure=self.verifier is None,
        )
        runner = web.AppRunner(application, access_log=None, shutdown_timeout=1)
        await runner.setup()
        try:
            try:
                await web.TCPSite(runner, self.place.host, self.place.port).start()
            except OSError as error:
                raise ConfigurationError(_why_not(error, self.place)) from error
            yield f"http://{reached_at(self.place.host)}:{runner.addresses[0][1]}", routes.receiver
        finally:
            await runner.cleanup()

    def _watching(self) -> Middleware:
        """Make the middleware that sees every answer, also that to a path where nothing is."""
        from aiohttp import web  # noqa: PLC0415  see listen

        @web.middleware
        async def watch(request: web.Request, handler: Handler) -> web.StreamResponse:
            try:
                response = await handler(request)
            except web.HTTPException as refusal:
                self.display.show_refused(refusal.status, request.path, self._advice(request, refusal.status))
                raise
            if response.status >= _ERRORS_BEGIN:
                body = response.body if isinstance(response, web.Response) else None
                self.display.show_refused(response.status, request.path, _detail_of(body))
            else:
                self._answered += 1
            return response

        return watch

    def _advice(self, request: web.Request, status: int) -> str:
        if request.path in {self.place.inbound_path, self.place.status_path}:
            return f"{request.method} is not how webhooks come: they are POST"
        return f"nothing listens there ({status}): webhooks go to {self.place.inbound_path}, {self.place.status_path}"

    async def _show(self, event: Event) -> None:
        from vonage_messages.webhooks.surprises import surprises  # noqa: PLC0415  see listen

        sample = None
        if self.capture is not None:
            try:
                sample = self.capture.write(event)
            except OSError as error:
                self.display.warn(f"The sample cannot be written: {error.strerror or error}.")
        self.display.show_event(event, surprises(event), sample)

    def _show_start(self, base: str) -> None:
        how = "signed webhooks" if self.verifier is not None else "webhooks"
        self.display.say(f"Listening for {how}; Ctrl-C stops it.\n")
        self.display.say(f"messages of people  {base}{self.place.inbound_path}")
        self.display.say(f"message statuses    {base}{self.place.status_path}\n")
        if self.verifier is None:
            self.display.warn("Signatures are not checked: whoever reaches this port can make things up.\n")

    def _hint_where_nothing_came(self, base: str) -> None:
        """Say once what to try, if nothing has come so far."""
        if self._hinted or self._answered or self.display.refused:
            return
        self._hinted = True
        inbound, status = f"{base}{self.place.inbound_path}", f"{base}{self.place.status_path}"
        self.display.say("Nothing has come yet. To try it, in another terminal:\n")
        if self.verifier is None:
            self.display.say(f"  curl --json '{_EXAMPLE}' \\\n    {inbound}\n")
        else:
            self.display.say(
                f"  vonage-messages doctor \\\n    --status-url {status} \\\n    --inbound-url {inbound}\n"
            )
        self.display.say(
            "The platform itself needs a public address that leads here (a tunnel, say), and\n"
            "is told of it by: vonage-messages setup --webhook-base https://…\n"
        )


def _verifier(secrets: tuple[str, ...], *, insecure: bool) -> SignatureVerifier | None:
    """
    Make what checks signatures; ``None`` where none are to be checked.

    Raises:
        ConfigurationError: there is no secret, or it can be none.
    """
    from vonage_messages.webhooks.signing import SignatureVerifier  # noqa: PLC0415  see listen

    if insecure and secrets:
        raise click.UsageError("--secret and --insecure contradict each other: leave one out.")
    if insecure:
        return None
    given = secrets or tuple(filter(None, [os.environ.get(_VARIABLE)]))
    if not given:
        raise ConfigurationError(
            f"there is no signature secret: set {_VARIABLE} (dashboard, settings), give --secret, or take unsigned "
            "webhooks with --insecure."
        )
    return SignatureVerifier(*given)


def _checked_path(path: str, option: str) -> str:
    if not path.startswith("/") or not path.isprintable() or not path.isascii() or set(path) & set(" {}?#%"):
        raise click.UsageError(f"{option} must be a path such as /webhooks/inbound-message, not {path!r}.")
    return path


def _detail_of(body: object) -> str:
    """Read why a webhook was refused from the problem document that its sender gets."""
    if not isinstance(body, bytes):
        return ""
    try:
        document = json.loads(body)
    except ValueError:
        return ""
    detail = document.get("detail") if isinstance(document, dict) else None
    return detail if isinstance(detail, str) else ""


def _why_not(error: OSError, place: _Place) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"port {place.port} of {place.host} is taken: choose another with --port, or 0 for a free one."
    return f"port {place.port} of {place.host} cannot be listened on: {os.strerror(error.errno or 0)}."
