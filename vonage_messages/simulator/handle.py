"""
``Simulator``: start it, point a client at it, look at what arrived, stop it.

This is the only module of the simulator that knows the client of this package, and only inside ``client()``.
"""

from __future__ import annotations

import asyncio
import errno
import ipaddress
import math
import secrets
import time
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self
from uuid import uuid4

from aiohttp import web

from vonage_messages.clock import ManualClock, ScaledClock, SystemClock
from vonage_messages.errors import ConfigurationError, SimulatorError
from vonage_messages.simulator import journal
from vonage_messages.simulator.account_book import AccountBook, first_accounts
from vonage_messages.simulator.accounts import AccountsAPI
from vonage_messages.simulator.app import MessagesAPI
from vonage_messages.simulator.application_book import ApplicationBook
from vonage_messages.simulator.applications import ApplicationsAPI, OwnApplication
from vonage_messages.simulator.balance import Balance
from vonage_messages.simulator.callbacks import CallbackSender
from vonage_messages.simulator.control.operations import ControlAPI
from vonage_messages.simulator.delivery import Delivery, Failure
from vonage_messages.simulator.dispatch import Dispatch, Webhooks
from vonage_messages.simulator.faults import Faults
from vonage_messages.simulator.gate import Gate
from vonage_messages.simulator.habits import People
from vonage_messages.simulator.inbox.views import Inbox
from vonage_messages.simulator.injection import Injection
from vonage_messages.simulator.keeping import CALLBACK, Keeper, restore
from vonage_messages.simulator.keys import process_private_key, public_key_of, public_pem_of
from vonage_messages.simulator.listening import checked_address, reached_at
from vonage_messages.simulator.provider_limits import PUBLISHED, ProviderLimits
from vonage_messages.simulator.rate import RateLimiter
from vonage_messages.simulator.relay import ReleaseDesk
from vonage_messages.simulator.schedule import Activity, Schedule
from vonage_messages.simulator.state import KnownInbound, Media, ReceivedMessage, SimulatorState, instant
from vonage_messages.simulator.stopping import stop_serving
from vonage_messages.simulator.tokens import Account
from vonage_messages.simulator.writing import Writing

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping
    from datetime import datetime
    from types import TracebackType

    from vonage_messages.clients import Client
    from vonage_messages.clock import Clock
    from vonage_messages.simulator.callbacks import CallbackTry
    from vonage_messages.simulator.provider_limits import ProviderLimit
    from vonage_messages.simulator.relay import Relay
    from vonage_messages.simulator.state import Arrivals, Refusal
    from vonage_messages.values import Seconds

_APPLICATIONS = 1000
_HIGHEST_PORT = 65535
_PRICE = Decimal("0.01")
_MEGABYTE = 1024 * 1024
_ADVANCE_WITHIN: Seconds = 30.0
_STOP_WITHIN: Seconds = 1.0
"""How long a request that is still being answered may hold up ``stop()``."""


class Simulator:
    """
    The Messages API on a loopback port, for tests and for trying things out. No account, no key, no network.

    ::

        async with Simulator() as simulator:
            async with simulator.client() as client:
                await client.send(Sms(to="447700900000", from_="Acme", text="Hello"))
            simulator.messages[0].payload["text"]

    *port* 0 takes a free one. *rate* is requests per second for the account (``None``: unlimited), kept by a token
    bucket of *burst* requests, by default as many as come back in a second. *balance* is the account's money
    (``None``: endless), of which every accepted message takes *price*, an SMS for every part. *clock* gives unix
    seconds and *monotonic* seconds that never run backwards; both are there for tests. *maximum* bounds what is
    remembered: messages, refusals, inbound messages and callbacks each; the files of inbound messages take 256 MB
    together. *body_limit* is in bytes. Credentials that are not given are made up for each simulator, the private key
    once for the process (PEM text, RSA 2048).

    ``faults`` let things go wrong on purpose. Whoever does not write Python has all of this by HTTP, at
    ``/_simulator/…`` (docs/simulator.md).

    It calls back: *status_url* hears what becomes of every accepted message, *inbound_url* what people write
    (``inbound()``), in the shape of *webhook_version*, signed with *signature_secret*. *account* are the webhooks of
    messages that are sent with Basic credentials, where they are others. A message's own ``webhook_url`` and
    ``webhook_version`` come first. *delivery* says how messages fare, ``fail()`` which do not arrive. Only this
    machine is called, and *callback_hosts*. With a ``ManualClock`` as *clock* the callbacks, their repetitions too,
    wait until it is moved (``advance()``); with a ``ScaledClock`` a day of them takes as long as one likes. Tokens and
    signatures go by *credentials_clock*: the time of this machine, or *clock* where that was begun at another time.
    Messages that pass a limit of a provider (*provider_limits*, ``()`` for none) are accepted and then rejected by a
    status: WhatsApp takes 80 a second from a number, and from a pair 45 at once and then one in 6 seconds.
    *secure_media* gives the files of inbound messages to JWTs of the application only.

    Everything is in memory, and the oldest goes first. With *keep* it is in a SQLite file too, and there again after a
    restart or ``kill -9``; statuses and callbacks that were still to come do not come any more.

    With a *relay* a person may send a captured message for real; without one nothing ever leaves this machine.

    Raises:
        ConfigurationError: *host* is not loopback and *expose* does not say that others may reach it, or another
            option cannot work.
    """

    _own: OwnApplication | None = None

    def __init__(  # noqa: PLR0913  every option has a default; they are given by name
        self,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        expose: bool = False,
        rate: float | None = 30.0,
        burst: int | None = None,
        balance: Decimal | None = None,
        price: Decimal = _PRICE,
        clock: Callable[[], float] = time.time,
        credentials_clock: Callable[[], float] | None = None,
        monotonic: Callable[[], float] = time.monotonic,
        maximum: int = 100_000,
        body_limit: int = _MEGABYTE,
        api_key: str | None = None,
        api_secret: str | None = None,
        application_id: str | None = None,
        private_key: str | None = None,
        signature_secret: str | None = None,
        status_url: str | None = None,
        inbound_url: str | None = None,
        webhook_version: str = "v1",
        account: Webhooks | None = None,
        callback_hosts: Collection[str] = (),
        delivery: Delivery = Delivery(),  # noqa: B008  frozen
        secure_media: bool = False,
        relay: Relay | None = None,
        provider_limits: Collection[ProviderLimit] = PUBLISHED,
        keep: str | Path | None = None,
    ) -> None:
        if not 0 <= port <= _HIGHEST_PORT:
            raise ConfigurationError(f"port must be 0 (a free one) to {_HIGHEST_PORT}, not {port}")
        if maximum < 1 or body_limit < 1:
            raise ConfigurationError("maximum and body_limit must be 1 or more")
        _check_burst(rate, burst)
        self._host = checked_address(host, exposed=expose)
        self._wanted_port = port
        self._clock, self._monotonic = clock, monotonic
        self._body_limit = body_limit
        self._api_key = secrets.token_hex(4) if api_key is None else _checked(api_key, "api_key")
        self._api_secret = secrets.token_hex(8) if api_secret is None else _checked(api_secret, "api_secret")
        self._application_id = str(uuid4()) if application_id is None else _checked(application_id, "application_id")
        self._private_key = private_key
        self._given_public_key = public_key_of(private_key) if private_key is not None else None
        self._rate, self._burst = rate, burst
        self._limiter = RateLimiter(rate, monotonic, burst) if rate is not None else None
        self._runner: web.AppRunner | None = None
        self._control = ControlAPI(self, self._host)
        self._neighbours: list[Callable[[web.Application], object]] = [self._control.add_to]
        self._port = 0
        self.balance: Balance = Balance(balance, price)
        """The account's money; ``simulator.balance.amount`` may be changed while the simulator runs."""
        self._provider_limits = ProviderLimits(provider_limits, maximum)
        self.state: SimulatorState = SimulatorState(maximum)
        """Everything that arrived; ``simulator.state.add_inbound("whatsapp")`` makes an inbound message known."""
        self.faults: Faults = Faults(delivery.seed, on_change=partial(self.state.journal.note, journal.FAULTS))
        """What goes wrong on purpose; ``simulator.faults.add("throttle", count=3)`` lets something go wrong."""
        self.releases: ReleaseDesk | None = (
            None if relay is None else ReleaseDesk(relay, self.state, clock=clock, monotonic=monotonic)
        )
        """Where captured messages are sent for real, after a quote and a confirmation; ``None`` without a relay."""
        self.accounts: AccountBook = first_accounts(self._api_key, self._application_id, maximum)
        """The External Accounts; ``simulator.accounts.add("whatsapp", "447700900001")`` makes one known."""
        self.applications: ApplicationBook = ApplicationBook(min(maximum, _APPLICATIONS))
        """The applications that were made at ``/v2/applications``; the simulator's own is not among them."""
        self._secure_media = secure_media
        self._keep_in = None if keep is None else Path(keep)
        self._keeper: Keeper | None = None
        self._is_restored = False
        self._signature_secret = secrets.token_hex(20) if signature_secret is None else signature_secret
        self._callback_hosts = frozenset(name.lower() for name in callback_hosts)
        application = Webhooks(status_url=status_url, inbound_url=inbound_url, version=webhook_version)
        self._credentials_clock = _time_of_credentials(clock) if credentials_clock is None else credentials_clock
        waited_for: Clock = clock if isinstance(clock, ManualClock | ScaledClock) else SystemClock()
        self._activity = Activity(waited_for)
        self._schedule = Schedule(waited_for, self._activity, maximum)
        self._sender = CallbackSender(
            clock=waited_for,
            credentials_clock=self._credentials_clock,
            activity=self._activity,
            faults=self.faults,
            hosts=self._callback_hosts,
            maximum=maximum,
            on_try=self._note_try,
        )
        self._dispatch = Dispatch(
            self._sender,
            state=self.state,
            schedule=self._schedule,
            people=People(),
            faults=self.faults,
            clock=clock,
            balance=self.balance,
            provider_limits=self._provider_limits,
            delivery=delivery,
            signature_secret=self._signature_secret,
            api_key=self._api_key,
            application_id=self._application_id,
            application=application.checked(self._callback_hosts),
            account=None if account is None else account.checked(self._callback_hosts),
        )
        self._writing = Writing(self._dispatch, self.state, clock, lambda: self.url)
        self._dispatch.on_deed = self._writing.do
        self._inbox = Inbox(
            state=self.state,
            callbacks_of=self.callbacks_of,
            environment=self.environment,
            signature_secret=lambda: self._signature_secret,
            releases=self.releases,
            listens_on=self._host,
        )
        self._neighbours.append(self._inbox.add_routes)

    def __repr__(self) -> str:
        return f"<Simulator {self.url if self._runner else 'not running'}>"

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self,
        exception_type: type[BaseException] | None,
        exception: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.stop()

    async def start(self) -> None:
        """
        Listen on the port. A simulator that was stopped may be started again; it remembers what had arrived.

        Raises:
            SimulatorError: it is running already, or the port is taken or not allowed.
        """
        if self._runner is not None:
            raise SimulatorError(f"the simulator is running already, at {self.url}")
        api = await self._api()
        applications = ApplicationsAPI(gate=api.gate, book=self.applications, own=self._own_application())
        accounts = AccountsAPI(gate=api.gate, book=self.accounts, takes_messages=applications.takes_messages)
        self._open_keeper()
        # After what was kept is there again: the index of the inbox begins with it.
        application = api.application(accounts.add_routes, applications.add_routes, *self._neighbours)
        self._runner = runner = web.AppRunner(
            application, access_log=None, handle_signals=False, shutdown_timeout=_STOP_WITHIN
        )
        self._activity.start()
        self._sender.start()
        try:
            await runner.setup()
            await web.TCPSite(runner, self._host, self._wanted_port).start()
        except OSError as error:
            await self.stop()
            raise SimulatorError(self._why_not(error)) from error
        except BaseException:
            await self.stop()
            raise
        self._port = runner.addresses[0][1]

    async def stop(self) -> None:
        """
        Stop listening and calling back, and close every connection; requests being answered get a second.

        Stopping twice is fine. Callbacks that are still to come are lost.
        """
        runner, self._runner = self._runner, None
        self._port = 0
        if runner is not None:
            await stop_serving(runner)
        await self._schedule.stop()
        await self._sender.stop()
        self.state.keeper = None
        keeper, self._keeper = self._keeper, None
        if keeper is not None:
            keeper.close()

    def _open_keeper(self) -> None:
        """Open the file in which the state is kept, and remember at the first start what is in it."""
        if self._keep_in is None:
            return
        keeper = Keeper.open(self._keep_in, self.state.maximum)
        try:
            if not self._is_restored:
                restore(keeper, self.state, self._sender)
        except BaseException:
            keeper.close()
            raise
        self._is_restored = True
        self._keeper = self.state.keeper = keeper

    def _note_try(self, tried: CallbackTry) -> None:
        if self._keeper is not None:
            self._keeper.put(CALLBACK, f"{tried.message_uuid}/{uuid4()}", tried)
        self.state.journal.note(journal.CALLBACK, tried.message_uuid)

    @property
    def url(self) -> str:
        """
        Give the base URL, such as ``http://127.0.0.1:40123``.

        Raises:
            SimulatorError: the simulator is not running, so it has no port.
        """
        if self._runner is None or not self._port:
            raise SimulatorError("the simulator is not running: use it as `async with Simulator() as simulator`")
        return f"http://{reached_at(self._host)}:{self._port}"

    @property
    def exposed(self) -> str:
        """The address at which other machines reach the simulator; empty where they do not."""
        return "" if ipaddress.ip_address(self._host).is_loopback else f"{self._host}, port {self._port}"

    @property
    def api_key(self) -> str:
        """The key for Basic credentials."""
        return self._api_key

    @property
    def api_secret(self) -> str:
        """The secret for Basic credentials."""
        return self._api_secret

    @property
    def application_id(self) -> str:
        """The application that JWTs must name."""
        return self._application_id

    @property
    def private_key(self) -> str:
        """The PEM text of the key that JWTs must be signed with."""
        return self._private_key or process_private_key()

    @property
    def signature_secret(self) -> str:
        """The secret that callbacks are signed with: ``SignatureVerifier(simulator.signature_secret)``."""
        return self._signature_secret

    @property
    def webhooks(self) -> Webhooks:
        """
        The webhooks of the application. They may be set while the simulator runs.

        ::

            simulator.webhooks = Webhooks(status_url=url, inbound_url=url)
        """
        return self._dispatch.application

    @webhooks.setter
    def webhooks(self, webhooks: Webhooks) -> None:
        self._dispatch.application = webhooks.checked(self._callback_hosts)
        self.state.journal.note(journal.SETTINGS)

    @property
    def account_webhooks(self) -> Webhooks | None:
        """The webhooks of what is sent with Basic credentials; ``None``: those of the application."""
        return self._dispatch.account

    @property
    def clock(self) -> Callable[[], float]:
        """The clock that the simulator was given: calling it gives unix seconds."""
        return self._clock

    @property
    def delivery(self) -> Delivery:
        """How messages fare that are accepted from now on. It may be set while the simulator runs."""
        return self._dispatch.delivery

    @delivery.setter
    def delivery(self, delivery: Delivery) -> None:
        self._dispatch.delivery = delivery
        self.state.journal.note(journal.SETTINGS)

    @property
    def rate(self) -> float | None:
        """Requests per second for the account; ``None``: unlimited."""
        return self._rate

    @property
    def burst(self) -> int | None:
        """How many requests a full bucket admits at once, where that was said."""
        return self._burst

    def limit(self, rate: float | None, burst: int | None = None) -> None:
        """
        Limit the account to *rate* requests per second from now on (``None``: to nothing); the bucket begins full.

        Raises:
            ConfigurationError: *rate* or *burst* cannot work.
        """
        _check_burst(rate, burst)
        self._limiter = None if rate is None else RateLimiter(rate, self._monotonic, burst)
        self._rate, self._burst = rate, burst
        self.state.journal.note(journal.SETTINGS)

    @property
    def callbacks(self) -> list[CallbackTry]:
        """Every try to hand a callback over, with its answer, oldest first."""
        return self._sender.tries

    def callbacks_of(self, message_uuid: str) -> list[CallbackTry]:
        """Give the tries to hand over what one message is about, oldest first."""
        return self._sender.tries_of(message_uuid)

    @property
    def messages(self) -> list[ReceivedMessage]:
        """Every accepted message, oldest first."""
        return self.state.messages

    @property
    def refusals(self) -> list[Refusal]:
        """Every refused request, oldest first."""
        return self.state.refusals

    @property
    def arrivals(self) -> Arrivals:
        """
        When every send request came and what became of it, in order: for tests of whoever keeps to a pace.

        The last million is held, or *maximum* where that is more. It is a view: ``list(...)`` of it keeps what it
        shows now.
        """
        return self.state.arrivals

    @property
    def throttled(self) -> int:
        """How many requests the rate limit has answered with 429, updates of messages too."""
        return 0 if self._limiter is None else self._limiter.refused

    def clear(self) -> None:
        """
        Forget what arrived, the callbacks so far, and every request that the rate limit has counted.

        What was still to come of it does not come any more: statuses, callbacks and their repetitions, the rest of
        failover chains, the answers of people.
        """
        self._schedule.clear()
        self.state.clear()
        self._sender.clear()
        self._provider_limits.clear()
        if self._limiter is not None:
            self._limiter.clear()

    def fail(self, code: int, *, to: str | None = None, channel: str | None = None, status: str = "rejected") -> None:
        """
        Let messages fail with an error *code* from now on: those to a number, on a channel, or all.

        *channel* is named as in v1. *status* is ``rejected`` or ``undeliverable``. The most precise setting counts.
        The next message of a failover chain goes out when one is rejected.

        Raises:
            ConfigurationError: a message cannot fail with that *status*, or too many are to fail already.
        """
        self._dispatch.fail(Failure(code=code, status=status), to=to, channel=channel)
        self.state.journal.note(journal.FAULTS)

    @property
    def failures(self) -> Mapping[tuple[str | None, str | None], Failure]:
        """How messages fail, by recipient and channel; ``None`` stands for all of them."""
        return self._dispatch.failures

    @property
    def people(self) -> People:
        """
        What people do with what reaches them.

        ::

            simulator.people.add(Reads(after=3), Answers("YES", share=0.2, after=5))
        """
        return self._dispatch.people

    def recover(self) -> None:
        """Let every message arrive again."""
        self._dispatch.recover()
        self.state.journal.note(journal.FAULTS)

    async def inbound(  # noqa: PLR0913  every argument has a default; they are given by name
        self,
        *,
        channel: str | None = None,
        message_type: str = "text",
        from_: str | None = None,
        to: str | None = None,
        reply_to: ReceivedMessage | str | None = None,
        media: bytes | None = None,
        version: str | None = None,
        signature_secret: str | None = None,
        **fields: Any,
    ) -> CallbackTry:
        """
        Let a person write, and wait until the ``inbound_url`` has answered the first try.

        ::

            await simulator.inbound(channel="whatsapp", text="Hello")
            await simulator.inbound(reply_to=simulator.messages[-1], text="Yes, please")

        *reply_to* is a message that arrived here, or its id: its recipient answers it on its channel, and quotes it
        where the channel can. *fields* are members of the body, by their JSON names; what is not given is made up.
        *media* is the file behind an image, a film and so on, which the simulator serves. Another
        *signature_secret* makes it a forgery.

        Raises:
            SimulatorError: the simulator is not running, there is no ``inbound_url``, or the platform sends no such
                message.
        """
        if self._dispatch.application.inbound_url is None:
            raise SimulatorError("there is no inbound_url: give the simulator one, so that it knows where to call")
        _, tried = await self.written(
            channel=channel,
            message_type=message_type,
            from_=from_,
            to=to,
            reply_to=reply_to,
            media=media,
            version=version,
            signature_secret=signature_secret,
            **fields,
        )
        if tried is None:
            raise SimulatorError("the webhooks were changed before the callback left")
        return tried

    async def written(  # noqa: PLR0913  every argument has a default; they are given by name
        self,
        *,
        channel: str | None = None,
        message_type: str = "text",
        from_: str | None = None,
        to: str | None = None,
        reply_to: ReceivedMessage | str | None = None,
        media: bytes | None = None,
        media_type: str = "application/octet-stream",
        media_name: str | None = None,
        version: str | None = None,
        signature_secret: str | None = None,
        **fields: Any,
    ) -> tuple[KnownInbound, CallbackTry | None]:
        """
        Let a person write as ``inbound()`` does, also where there is no ``inbound_url``.

        The message is kept in ``state.inbound`` in any case. Beside it stands the first try to hand it over, ``None``
        where nobody is called. *media_type* is the content type of *media*, *media_name* what the file is
        called.

        Raises:
            SimulatorError: the simulator is not running, or the platform sends no such message.
        """
        known, first = self._writing.write(
            channel=channel,
            message_type=message_type,
            from_=from_,
            to=to,
            answered=self._writing.answered(reply_to),
            file=Media(
                content=b"made up" if media is None else media, content_type=media_type, sent_at=instant(self._clock())
            ),
            version=version,
            signature_secret=signature_secret,
            fields=fields,
            media_name=media_name,
        )
        return known, None if first is None else await _first_try(first)

    @property
    def now(self) -> datetime:
        """The time at the simulator: an aware instant in UTC."""
        return instant(self._clock())

    async def advance(self, seconds: Seconds) -> None:
        """
        Let *seconds* pass on the ``ManualClock``, and whatever happens in them: statuses, callbacks, repetitions.

        Unlike ``clock.advance``, it waits at each stop until what happens there is done, so that a day of repetitions
        has its instants as the platform's has them.

        Raises:
            SimulatorError: the simulator has another clock, or a webhook takes more than 30 seconds to answer.
            ConfigurationError: *seconds* is negative or no finite number.
        """
        clock = self._clock
        if not isinstance(clock, ManualClock):
            raise SimulatorError("only a ManualClock can be moved: give the simulator one (clock=ManualClock())")
        if not 0 <= seconds < math.inf:
            raise ConfigurationError(f"a clock moves forward by a finite number of seconds, not by {seconds!r}")
        await self.settle(_ADVANCE_WITHIN)
        end = clock() + seconds
        while await clock.wake_next(end):  # ends: sleepers go, or time moves on
            await self.settle(_ADVANCE_WITHIN)
        await clock.advance(max(0.0, end - clock()))
        await self.settle(_ADVANCE_WITHIN)

    async def settle(self, timeout: Seconds = 10.0) -> None:  # noqa: ASYNC109  a span in an error of ours
        """
        Wait until nothing more happens by itself.

        That is: every message has its last status and every callback is handed over, or they wait for the
        ``ManualClock`` to be moved.

        Raises:
            SimulatorError: that is not so after *timeout* seconds.
        """
        await self._activity.settle(timeout)

    def client(self, **options: Any) -> Client:
        """
        Make a client that sends here, with a JWT of the simulated application. *options* are those of ``Client``.

        Raises:
            SimulatorError: the simulator is not running.
        """
        from vonage_messages.auth import ApplicationAuth  # noqa: PLC0415  the one door to the rest of the package
        from vonage_messages.clients import Client  # noqa: PLC0415  see above

        auth = ApplicationAuth(application_id=self.application_id, private_key=self.private_key)
        return Client(auth, base_url=self.url, **options)

    def environment(self) -> dict[str, str]:
        """
        Give the environment variables that point a program here.

        Raises:
            SimulatorError: the simulator is not running.
        """
        return {
            "VONAGE_API_KEY": self.api_key,
            "VONAGE_API_SECRET": self.api_secret,
            "VONAGE_APPLICATION_ID": self.application_id,
            "VONAGE_PRIVATE_KEY": self.private_key,
            "VONAGE_SIGNATURE_SECRET": self.signature_secret,
            "VONAGE_BASE_URL": self.url,
        }

    async def _api(self) -> MessagesAPI:
        public_key = self._given_public_key
        if public_key is None:
            # Making a key takes long enough to hold up everything else on this loop.
            public_key = public_key_of(await asyncio.to_thread(process_private_key))
        account = Account(
            api_key=self._api_key,
            api_secret=self._api_secret,
            application_id=self._application_id,
            public_key=public_key,
            others=self.applications.keys,
        )
        gate = Gate(
            account=account,
            limiter=lambda: self._limiter,
            clock=self._clock,
            credentials_clock=self._credentials_clock,
            monotonic=self._monotonic,
            body_limit=self._body_limit,
            injection=Injection(faults=self.faults),
        )
        return MessagesAPI(
            gate=gate,
            state=self.state,
            balance=self.balance,
            on_accepted=self._dispatch.accepted,
            secure_media=self._secure_media,
        )

    def _own_application(self) -> OwnApplication:
        if self._own is None:
            self._own = OwnApplication(
                id=self._application_id,
                public_key=public_pem_of(self.private_key),
                read=lambda: self._dispatch.application,
                write=self._let_call,
            )
        return self._own

    def _let_call(self, webhooks: Webhooks) -> None:
        """Take webhooks over from a request: those on other machines are told of, and left alone."""
        self._dispatch.application = webhooks
        self.state.journal.note(journal.SETTINGS)

    def _why_not(self, error: OSError) -> str:
        where = f"port {self._wanted_port} of {self._host}"
        if error.errno == errno.EADDRINUSE:
            return f"{where} is taken by another program: choose another port, or 0 for a free one"
        return f"the simulator cannot listen on {where}: {error.strerror or type(error).__name__}"


async def _first_try(first: asyncio.Future[CallbackTry]) -> CallbackTry:
    try:
        return await asyncio.shield(first)
    except asyncio.CancelledError:
        if not first.cancelled():
            raise
        raise SimulatorError("the simulator was stopped or cleared before the callback was answered") from None


def _time_of_credentials(clock: Callable[[], float]) -> Callable[[], float]:
    """
    Choose the time that tokens and signatures go by.

    Clients issue their tokens, and verifiers judge signatures, by the time of the machine: so it is that one, however
    a clock that began with it runs or is moved. A clock that was begun elsewhere is the time of everything.
    """
    return time.time if isinstance(clock, ManualClock | ScaledClock) and clock.begins_now else clock


def _check_burst(rate: float | None, burst: int | None) -> None:
    if rate is None and burst is not None:
        raise ConfigurationError("burst belongs to a rate: without one nothing is limited")


def _checked(credential: str, name: str) -> str:
    """
    Give *credential* back.

    Raises:
        ConfigurationError: it is empty, or holds what cannot stand in Basic credentials or in a claim.
    """
    if not credential or ":" in credential or not credential.isprintable():
        raise ConfigurationError(f"{name} must be a text that is not empty and holds no colon")
    return credential
