"""
What every operation of the simulator asks first: credentials, rate, faults; and how a JSON body is read.

A refusal is raised, with its document and what was read of the body; ``app.py`` turns it into the answer.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

import attrs
from aiohttp import web
from aiohttp.web_exceptions import HTTPRequestEntityTooLarge

from vonage_messages.simulator import problems
from vonage_messages.simulator.body import InvalidBodyError, decode_object
from vonage_messages.simulator.tokens import Account, check_authorization

if TYPE_CHECKING:
    from collections.abc import Callable

    from vonage_messages.simulator.injection import Injection
    from vonage_messages.simulator.problems import ProblemDocument
    from vonage_messages.simulator.rate import RateLimiter
    from vonage_messages.values import JSONObject

_KEPT_OF_A_RAW_BODY: Final = 4096


class RefusedError(Exception):
    """Ends the judging of a request; carries the answer and what was read of the body."""

    def __init__(
        self, problem: ProblemDocument, payload: JSONObject | None = None, raw_body: bytes | None = None
    ) -> None:
        super().__init__(problem.title)
        self.problem = problem
        self.payload = payload
        self.raw_body = raw_body


@attrs.frozen(kw_only=True)
class Gate:
    """The checks that are the same for every operation."""

    account: Account
    limiter: Callable[[], RateLimiter | None]
    """Gives what limits requests now; ``None`` where nothing does."""
    clock: Callable[[], float]
    """Unix seconds."""
    credentials_clock: Callable[[], float]
    """Unix seconds: the time of those who issue tokens and wait for the rate."""
    monotonic: Callable[[], float]
    """Seconds that never run backwards."""
    body_limit: int
    """Bytes."""
    injection: Injection
    """Lets faults strike."""

    def admit(
        self,
        request: web.Request,
        arrived: float | None = None,
        *,
        bearer_only: bool = False,
        basic_only: bool = False,
    ) -> None:
        """
        Check the credentials, then the rate: an unknown caller has no account whose requests could be counted.

        *arrived* is the reading of ``monotonic`` when the request came, where somebody has taken it already.
        """
        came = self.monotonic() if arrived is None else arrived
        self.identify(request, bearer_only=bearer_only, basic_only=basic_only)
        self._limit(came)
        self.strike(self.injection.before(request, self.clock()))

    def identify(self, request: web.Request, *, bearer_only: bool = False, basic_only: bool = False) -> None:
        """Check the credentials alone."""
        headers = request.headers.getall("Authorization", [])
        problem = check_authorization(
            headers, self.account, self.credentials_clock(), bearer_only=bearer_only, basic_only=basic_only
        )
        if problem is not None:
            raise RefusedError(problem)

    def _limit(self, arrived: float) -> None:
        limiter = self.limiter()
        if limiter is None:
            return
        decision = limiter.admit(arrived)
        if not decision.admitted:
            raise RefusedError(
                problems.throttled(
                    limit=decision.limit,
                    remaining=decision.remaining,
                    retry_after=max(1, math.ceil(decision.wait)),
                    reset=self.credentials_clock() + decision.wait,
                )
            )

    def strike(self, problem: ProblemDocument | None, payload: JSONObject | None = None) -> None:
        """Refuse where a fault says so."""
        if problem is not None:
            raise RefusedError(problem, payload)

    async def read_object(
        self, request: web.Request, refuse: Callable[[str], ProblemDocument], *, may_be_kept: bool = True
    ) -> dict[str, Any]:
        """Read the one JSON object of a body; *refuse* words what is none, whose beginning *may_be_kept*, or not."""
        if request.content_type != "application/json":
            raise RefusedError(problems.wrong_content_type())
        try:
            body = await request.read()
        except HTTPRequestEntityTooLarge:
            raise RefusedError(problems.too_large(self.body_limit)) from None
        except web.RequestPayloadError:
            reason = "The body cannot be read: it is not what its Content-Encoding says, or it was cut short."
            raise RefusedError(refuse(reason)) from None
        try:
            return decode_object(body)
        except InvalidBodyError as error:
            kept = body[:_KEPT_OF_A_RAW_BODY] if may_be_kept else None
            raise RefusedError(refuse(str(error)), raw_body=kept) from None
