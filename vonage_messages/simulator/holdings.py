"""
What a simulator has: credentials, clocks, money, and the memory of all that arrived.

The lowest of three floors of the ``Simulator``: above it stands ``Calling``, which lets it call back and lets people
write.
"""

from __future__ import annotations

import secrets
import time
from functools import partial
from typing import TYPE_CHECKING
from uuid import uuid4

from vonage_messages.clock import ManualClock, ScaledClock
from vonage_messages.errors import ConfigurationError
from vonage_messages.simulator import journal
from vonage_messages.simulator.account_book import AccountBook, first_accounts
from vonage_messages.simulator.application_book import ApplicationBook
from vonage_messages.simulator.faults import Faults
from vonage_messages.simulator.keys import process_private_key, public_key_of
from vonage_messages.simulator.provider_limits import ProviderLimits
from vonage_messages.simulator.rate import RateLimiter
from vonage_messages.simulator.relay import ReleaseDesk
from vonage_messages.simulator.state import ReceivedMessage, SimulatorState, instant
from vonage_messages.webhooks.signing import SHORTEST_SECRET

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from datetime import datetime

    from vonage_messages.simulator.balance import Balance
    from vonage_messages.simulator.provider_limits import ProviderLimit
    from vonage_messages.simulator.relay import Relay
    from vonage_messages.simulator.state import Arrivals, Refusal

_APPLICATIONS = 1000


class Holdings:
    """What there is at the simulated platform; see ``Simulator`` for what it is given. *seed* is that of its faults."""

    def __init__(  # noqa: PLR0913  what a simulator is given, by name
        self,
        *,
        rate: float | None,
        burst: int | None,
        balance: Balance,
        clock: Callable[[], float],
        credentials_clock: Callable[[], float] | None,
        monotonic: Callable[[], float],
        maximum: int,
        api_key: str | None,
        api_secret: str | None,
        application_id: str | None,
        private_key: str | None,
        signature_secret: str | None,
        seed: int,
        relay: Relay | None,
        provider_limits: Collection[ProviderLimit],
    ) -> None:
        _check_burst(rate, burst)
        self._clock, self._monotonic = clock, monotonic
        self._credentials_clock = _time_of_credentials(clock) if credentials_clock is None else credentials_clock
        self._api_key = secrets.token_hex(4) if api_key is None else _checked(api_key, "api_key")
        self._api_secret = secrets.token_hex(8) if api_secret is None else _checked(api_secret, "api_secret")
        self._application_id = str(uuid4()) if application_id is None else _checked(application_id, "application_id")
        self._private_key = private_key
        self._given_public_key = public_key_of(private_key) if private_key is not None else None
        self._signature_secret = secrets.token_hex(20) if signature_secret is None else _signing(signature_secret)
        self._rate, self._burst = rate, burst
        self._limiter = RateLimiter(rate, monotonic, burst) if rate is not None else None
        self.balance = balance
        self._provider_limits = ProviderLimits(provider_limits, maximum)
        self.state: SimulatorState = SimulatorState(maximum)
        self.faults: Faults = Faults(seed, on_change=partial(self.state.journal.note, journal.FAULTS))
        self.releases: ReleaseDesk | None = (
            None if relay is None else ReleaseDesk(relay, self.state, clock=clock, monotonic=monotonic)
        )
        self.accounts: AccountBook = first_accounts(self._api_key, self._application_id, maximum)
        self.applications: ApplicationBook = ApplicationBook(min(maximum, _APPLICATIONS))

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
    def clock(self) -> Callable[[], float]:
        """The clock that the simulator was given: calling it gives unix seconds."""
        return self._clock

    @property
    def now(self) -> datetime:
        """The time at the simulator: an aware instant in UTC."""
        return instant(self._clock())

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
    def throttled(self) -> int:
        """How many requests the rate limit has answered with 429, updates of messages too."""
        return 0 if self._limiter is None else self._limiter.refused

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


def _signing(secret: str) -> str:
    """
    Give *secret* back.

    Raises:
        ConfigurationError: it is shorter than a verifier takes, or holds what cannot stand in a variable.
    """
    if not secret.isprintable() or len(secret.encode()) < SHORTEST_SECRET:
        raise ConfigurationError(f"signature_secret must be a text of {SHORTEST_SECRET} bytes or more, on one line")
    return secret


def _checked(credential: str, name: str) -> str:
    """
    Give *credential* back.

    Raises:
        ConfigurationError: it is empty, or holds what cannot stand in Basic credentials or in a claim.
    """
    if not credential or ":" in credential or not credential.isprintable():
        raise ConfigurationError(f"{name} must be a text that is not empty and holds no colon")
    return credential
