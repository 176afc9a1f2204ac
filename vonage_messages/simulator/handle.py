"""
``Simulator``: start it, point a client at it, look at what arrived, stop it.

It has three floors, each a class that knows those below it: ``Holdings`` are what there is, ``Calling`` calls back,
and the ``Simulator`` listens.

This is the only module of the simulator that knows the client of this package, and only inside ``client()``.
"""

from __future__ import annotations

import asyncio
import errno
import ipaddress
import time
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from aiohttp import web

from vonage_messages.errors import ConfigurationError, SimulatorError
from vonage_messages.simulator.accounts import AccountsAPI
from vonage_messages.simulator.app import MessagesAPI
from vonage_messages.simulator.applications import ApplicationsAPI, OwnApplication
from vonage_messages.simulator.balance import Balance
from vonage_messages.simulator.calling import Calling
from vonage_messages.simulator.control.operations import ControlAPI
from vonage_messages.simulator.delivery import Delivery
from vonage_messages.simulator.dispatch import Webhooks
from vonage_messages.simulator.gate import Gate
from vonage_messages.simulator.inbox.views import Inbox
from vonage_messages.simulator.injection import Injection
from vonage_messages.simulator.keeping import RELEASES, Keeper, restore
from vonage_messages.simulator.keys import process_private_key, public_key_of, public_pem_of
from vonage_messages.simulator.listening import checked_address, reached_at
from vonage_messages.simulator.provider_limits import PUBLISHED
from vonage_messages.simulator.stopping import stop_serving
from vonage_messages.simulator.tokens import Account

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from types import TracebackType

    from vonage_messages.clients import Client
    from vonage_messages.simulator.account_book import AccountBook
    from vonage_messages.simulator.application_book import ApplicationBook
    from vonage_messages.simulator.faults import Faults
    from vonage_messages.simulator.provider_limits import ProviderLimit
    from vonage_messages.simulator.relay import Relay, ReleaseDesk
    from vonage_messages.simulator.state import SimulatorState
    from vonage_messages.values import Seconds

_HIGHEST_PORT = 65535
_PRICE = Decimal("0.01")
_MEGABYTE = 1024 * 1024
_STOP_WITHIN: Seconds = 1.0
"""How long a request that is still being answered may hold up ``stop()``."""


class Simulator(Calling):
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
    machine is called, and *callback_hosts*: names or addresses, without a port. With a ``ManualClock`` as *clock* the
    callbacks, their repetitions too, wait until it is moved (``advance()``); with a ``ScaledClock`` a day of them takes
    as long as one likes. Tokens and signatures go by *credentials_clock*: the time of this machine, or *clock* where
    that was begun at another time.
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

    balance: Balance
    """The account's money; ``simulator.balance.amount`` may be changed while the simulator runs."""

    state: SimulatorState
    """Everything that arrived; ``simulator.state.add_inbound("whatsapp")`` makes an inbound message known."""

    faults: Faults
    """What goes wrong on purpose; ``simulator.faults.add("throttle", count=3)`` lets something go wrong."""

    releases: ReleaseDesk | None
    """Where captured messages are sent for real, after a quote and a confirmation; ``None`` without a relay."""

    accounts: AccountBook
    """The External Accounts; ``simulator.accounts.add("whatsapp", "447700900001")`` makes one known."""

    applications: ApplicationBook
    """The applications that were made at ``/v2/applications``; the simulator's own is not among them."""

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
        self._host = checked_address(host, exposed=expose)
        super().__init__(
            rate=rate,
            burst=burst,
            balance=Balance(balance, price),
            clock=clock,
            credentials_clock=credentials_clock,
            monotonic=monotonic,
            maximum=maximum,
            api_key=api_key,
            api_secret=api_secret,
            application_id=application_id,
            private_key=private_key,
            signature_secret=signature_secret,
            seed=delivery.seed,
            relay=relay,
            provider_limits=provider_limits,
        )
        self._wanted_port, self._port = port, 0
        self._body_limit = body_limit
        self._secure_media = secure_media
        self._keep_in = None if keep is None else Path(keep)
        self._is_restored = False
        self._runner: web.AppRunner | None = None
        application = Webhooks(status_url=status_url, inbound_url=inbound_url, version=webhook_version)
        self._prepare_calls(
            application=application, account=account, hosts=callback_hosts, delivery=delivery, url=lambda: self.url
        )
        self._control = ControlAPI(self, self._host)
        self._neighbours: list[Callable[[web.Application], object]] = [
            self._control.add_to,
            self._new_inbox().add_routes,
        ]

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

    def _new_inbox(self) -> Inbox:
        return Inbox(
            state=self.state,
            callbacks_of=self.callbacks_of,
            environment=self.environment,
            signature_secret=lambda: self._signature_secret,
            releases=self.releases,
            listens_on=self._host,
        )

    def _open_keeper(self) -> None:
        """Open the file in which the state is kept, and remember at the first start what is in it."""
        if self._keep_in is None:
            return
        keeper = Keeper.open(self._keep_in, self.state.maximum)
        try:
            if not self._is_restored:
                restore(keeper, self.state, self._sender)
                if self.releases is not None:
                    self.releases.restore(keeper.entries(RELEASES))
        except BaseException:
            keeper.close()
            raise
        self._is_restored = True
        self._keeper = self.state.keeper = keeper

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

    def _why_not(self, error: OSError) -> str:
        where = f"port {self._wanted_port} of {self._host}"
        if error.errno == errno.EADDRINUSE:
            return f"{where} is taken by another program: choose another port, or 0 for a free one"
        return f"the simulator cannot listen on {where}: {error.strerror or type(error).__name__}"
