"""
The doctor: why does nothing work? Every check says what it found, and with a fault the sentence that mends it.

``examine`` looks at what is here first (``local.py``), then asks the platform, and at last the webhooks. It sends no
message and changes nothing. The status webhook gets a genuine callback about a message that does not exist, and a
forged one; the inbound webhook only a forged one, since a handler might answer a person who is none.
"""

from __future__ import annotations

import asyncio
import json
import time
import uuid
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

import aiohttp
import attrs
from yarl import URL

from vonage_messages.clients.accounts import AccountsClient
from vonage_messages.clients.addresses import checked_base_url
from vonage_messages.clients.applications import ApplicationsClient
from vonage_messages.clients.hosts import DEFAULT_HOST
from vonage_messages.clients.retry import RetryPolicy
from vonage_messages.clients.transport import Timeout, user_agent
from vonage_messages.errors import (
    AuthenticationError,
    ConfigurationError,
    ConnectError,
    NotFoundError,
    TransportError,
    VonageMessagesError,
)
from vonage_messages.onboarding import local
from vonage_messages.onboarding.findings import Finding, Outcome, good, skipped, wrong
from vonage_messages.webhooks.signing import sign_webhook

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from vonage_messages.auth import ApplicationAuth
    from vonage_messages.values import Seconds
    from vonage_messages.wire.applications import Application

LARGEST_SKEW: Final[Seconds] = 60.0
"""How far the clock may be off: a token of 15 minutes stands that, and a callback's age does."""

_WITHIN: Final[Seconds] = 10.0
_TIMEOUT: Final = Timeout(connect=5, total=_WITHIN)
_ONCE: Final = RetryPolicy(attempts=1)


@attrs.frozen(kw_only=True)
class Webhooks:
    """Where callbacks go; ``None`` where that is not known."""

    status_url: str | None = None
    inbound_url: str | None = None


async def examine(
    variables: Mapping[str, str],
    *,
    webhooks: Webhooks | None = None,
    probe: bool = True,
    clock: Callable[[], float] = time.time,
) -> list[Finding]:
    """
    Examine an installation, the credentials of *variables*, and the webhooks.

    *webhooks* are by default those that the application has, each of them. Without *probe* they are not called. *clock*
    gives unix seconds. Takes some ten seconds for each address that does not answer. Raises nothing that it can tell.
    """
    key, auth = local.check_key(variables)
    findings = [
        local.check_python(),
        local.check_dependencies(),
        local.check_import_name(),
        local.check_credentials(variables),
        local.check_application_id(variables),
        key,
        local.check_key_mode(variables),
        local.check_signature_secret(variables),
    ]
    remote = _Remote(variables=variables, auth=auth, clock=clock)
    findings += await remote.examine()
    given = _with_those_of(remote.application, webhooks or Webhooks())
    return [*findings, *await _examine_webhooks(given, variables, probe=probe)]


def has_failed(findings: list[Finding]) -> bool:
    """Tell whether anything is wrong."""
    return any(each.outcome is Outcome.FAILED for each in findings)


@attrs.define(kw_only=True)
class _Remote:
    """What the platform is asked, in order: what an earlier check finds wrong, later ones do not ask for."""

    variables: Mapping[str, str]
    auth: ApplicationAuth | None
    clock: Callable[[], float]
    application: Application | None = None
    base_url: str = ""

    async def examine(self) -> list[Finding]:
        """Make every check of the platform."""
        address, date = await self._address()
        names = ("clock", "API key", "application", "application key", "token")
        if address.outcome is not Outcome.OK:
            return [address, *(skipped(name, "the platform is not reached") for name in names)]
        return [address, self._skew(date), *await self._application(), self._key(), await self._token()]

    async def _address(self) -> tuple[Finding, str | None]:
        """Reach the platform: whatever it answers without credentials, it is there."""
        given = self.variables.get("VONAGE_BASE_URL", "").strip() or DEFAULT_HOST
        try:
            self.base_url = str(checked_base_url(given))
        except ConfigurationError as error:
            mend = "Set VONAGE_BASE_URL to an https address, or leave it out for the platform itself."
            return wrong("address", str(error).rstrip("."), mend), None
        url = f"{self.base_url.rstrip('/')}/v2/applications"
        answer = await _call("GET", url, {}, None)
        if answer.status is None:
            mend = f"Look whether this machine reaches {self.base_url}: name lookup, firewall, proxy, VONAGE_BASE_URL."
            return wrong("address", f"{self.base_url} is not reached: {answer.why}", mend), None
        if answer.status == HTTPStatus.NOT_FOUND and URL(self.base_url).path != "/":
            mend = "Leave the path out of VONAGE_BASE_URL: what is asked for is put behind it, such as /v1/messages."
            return wrong("address", f"{self.base_url} answers 404: the platform is not below this path", mend), None
        return good("address", f"{self.base_url} answers"), answer.date

    def _skew(self, date: str | None) -> Finding:
        """Compare the clock with the ``Date`` of the answer."""
        try:
            there = parsedate_to_datetime(date or "").timestamp()
        except (TypeError, ValueError, IndexError):
            return skipped("clock", "the answer has no date")
        skew = self.clock() - there
        if abs(skew) > LARGEST_SKEW:
            way = "ahead of" if skew > 0 else "behind"
            found = f"{abs(skew):.0f} s {way} the platform's: tokens and signatures go by it"
            return wrong(
                "clock", found, "Let the machine keep its clock by NTP, such as with: timedatectl set-ntp true"
            )
        return good("clock", f"within {LARGEST_SKEW:.0f} s of the platform's")

    async def _application(self) -> list[Finding]:
        """Ask for the application with the API key: one call tells of both."""
        account = local.account_auth(self.variables)
        if account is None:
            why = "VONAGE_API_KEY and VONAGE_API_SECRET are not set"
            return [skipped("API key", why), skipped("application", why)]
        application_id = self.variables.get("VONAGE_APPLICATION_ID", "").strip()
        named = local.check_application_id(self.variables).outcome is Outcome.OK
        async with ApplicationsClient(account, base_url=self.base_url, timeout=_TIMEOUT, retry=_ONCE) as client:
            try:
                if named:
                    self.application = await client.get(application_id)
                else:
                    await anext(client.list(), None)
            except AuthenticationError:
                mend = (
                    "Copy API key and secret from the dashboard's settings into VONAGE_API_KEY and VONAGE_API_SECRET."
                )
                refused = wrong("API key", "the platform refuses VONAGE_API_KEY and VONAGE_API_SECRET", mend)
                return [refused, skipped("application", "the API key is refused")]
            except NotFoundError:
                mend = "Set VONAGE_APPLICATION_ID to an application of this account, or make one: vonage-messages setup"
                unknown = wrong("application", "the account has no application with this id", mend)
                return [good("API key", "accepted"), unknown]
            except VonageMessagesError as error:
                return [skipped("API key", str(error)), skipped("application", "it could not be asked for")]
        return [good("API key", "accepted"), self._capability()]

    def _capability(self) -> Finding:
        found = self.application
        if found is None:
            return skipped("application", "no application id to ask for")
        if not found.has_messages:
            return wrong(
                "application",
                "it does not have the Messages capability",
                f"Run: vonage-messages setup --application-id {found.id} --webhook-base https://…",
            )
        return good("application", "it has the Messages capability")

    def _key(self) -> Finding:
        """Compare the public key of the application with the one of the private key."""
        held = None if self.application is None else self.application.public_key
        if self.auth is None or held is None:
            return skipped("application key", "there is nothing to compare")
        if self.auth.public_key().split() != held.split():
            return wrong(
                "application key",
                "the private key is not the one of this application",
                "Use the key file that was made with the application, or give it a new one: "
                + local.new_key_command(self.variables),
            )
        return good("application key", "the private key belongs to the application")

    async def _token(self) -> Finding:
        """Ask with a token for something that costs nothing: does the platform take it?"""
        named = local.check_application_id(self.variables).outcome is Outcome.OK
        if self.auth is None or not named:
            return skipped("token", "there is no key and id to make one of")
        async with AccountsClient(self.auth, base_url=self.base_url, timeout=_TIMEOUT, retry=_ONCE) as client:
            try:
                await anext(client.list(page_size=1), None)
            except AuthenticationError as error:
                mend = "Look at the findings on clock, application and key: one of them is not what the platform knows."
                return wrong("token", f"the platform refuses it ({error.title or 'HTTP 401'})", mend)
            except ConnectError as error:
                return skipped("token", str(error))
            except TransportError:
                return skipped("token", "the platform did not answer")
            except VonageMessagesError:
                pass  # whatever else is said, it was not said of the token
        return good("token", "accepted")


def _with_those_of(application: Application | None, webhooks: Webhooks) -> Webhooks:
    if application is None:
        return webhooks
    return Webhooks(
        status_url=webhooks.status_url or application.status_url,
        inbound_url=webhooks.inbound_url or application.inbound_url,
    )


async def _examine_webhooks(webhooks: Webhooks, variables: Mapping[str, str], *, probe: bool) -> list[Finding]:
    if not probe:
        return [skipped(name, "not asked for") for name in ("status webhook", "inbound webhook")]
    signed = _Signing(
        secret=variables.get("VONAGE_SIGNATURE_SECRET", "").strip(),
        api_key=variables.get("VONAGE_API_KEY", "").strip() or "unknown",
        application_id=variables.get("VONAGE_APPLICATION_ID", "").strip() or None,
    )
    return list(
        await asyncio.gather(
            _status_webhook(webhooks.status_url, signed), _inbound_webhook(webhooks.inbound_url, signed)
        )
    )


@attrs.frozen(kw_only=True)
class _Signing:
    """What callbacks are signed with."""

    secret: str = attrs.field(repr=False)
    api_key: str
    application_id: str | None

    def headers(self, body: bytes, *, forged: bool = False) -> dict[str, str]:
        """Sign *body*, or forge it: with a secret that nobody knows."""
        return sign_webhook(
            body,
            str(uuid.uuid4()) if forged else self.secret,
            api_key=self.api_key,
            application_id=self.application_id,
            issued_at=time.time(),
        )


async def _status_webhook(url: str | None, signing: _Signing) -> Finding:
    name = "status webhook"
    if url is None:
        return skipped(name, "no address is known: give --status-url")
    finding = await _forged(name, url, _status(), signing)
    if finding is not None:
        return finding
    if len(signing.secret) < local.SHORTEST_SECRET:
        return skipped(name, "it refuses a forgery; without the signature secret no genuine callback can be made")
    body = _status()
    answer = await _call("POST", url, signing.headers(body), body)
    if answer.status is None:
        return _unreached(name, url, answer)
    if not HTTPStatus.OK <= answer.status < HTTPStatus.MULTIPLE_CHOICES:
        return wrong(
            name,
            f"{url} answers a genuine callback with {answer.status}",
            "Give the service the signature secret of this account (VONAGE_SIGNATURE_SECRET), and look at its log.",
        )
    return good(name, f"{url} takes a genuine callback and refuses a forged one")


async def _inbound_webhook(url: str | None, signing: _Signing) -> Finding:
    name = "inbound webhook"
    if url is None:
        return skipped(name, "no address is known: give --inbound-url")
    return await _forged(name, url, _inbound(), signing) or good(name, f"{url} refuses a forged callback")


async def _forged(name: str, url: str, body: bytes, signing: _Signing) -> Finding | None:
    """Send a forgery: anything but a refusal is a fault."""
    answer = await _call("POST", url, signing.headers(body, forged=True), body)
    if answer.status is None:
        return _unreached(name, url, answer)
    if answer.status == HTTPStatus.NOT_FOUND:
        return wrong(name, f"{url} answers 404", "Correct the address of the webhook: vonage-messages setup sets it.")
    if answer.status != HTTPStatus.UNAUTHORIZED:
        return wrong(
            name,
            f"{url} answers a forged callback with {answer.status}, not with 401",
            "Check the signature of every callback before anything else: SignatureVerifier, or webhook_routes(…).",
        )
    return None


def _unreached(name: str, url: str, answer: _Answered) -> Finding:
    mend = "Start the service, and look whether its address is reached from outside: the platform calls it."
    return wrong(name, f"{url} is not reached: {answer.why}", mend)


def _status() -> bytes:
    return _callback({"status": "submitted", "to": "447700900000", "from": "447700900001", "channel": "sms"})


def _inbound() -> bytes:
    return _callback(
        {"message_type": "text", "text": "A forgery", "to": "447700900001", "from": "447700900000", "channel": "sms"}
    )


def _callback(members: dict[str, Any]) -> bytes:
    timestamp = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return json.dumps({"message_uuid": str(uuid.uuid4()), "timestamp": timestamp, **members}).encode()


@attrs.frozen(kw_only=True)
class _Answered:
    status: int | None = None
    date: str | None = None
    why: str = ""


async def _call(method: str, url: str, headers: Mapping[str, str], body: bytes | None) -> _Answered:
    """Make one request of our own, bounded; what is answered beyond status and date does not matter."""
    timeout = aiohttp.ClientTimeout(total=_WITHIN)
    sent = {"User-Agent": user_agent("doctor"), **headers}
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout, cookie_jar=aiohttp.DummyCookieJar()) as session,
            session.request(method, url, headers=sent, data=body, allow_redirects=False) as answer,
        ):
            return _Answered(status=answer.status, date=answer.headers.get("Date"))
    except TimeoutError:
        return _Answered(why=f"no answer within {_WITHIN:.0f} s")
    except aiohttp.ClientConnectorCertificateError:
        return _Answered(why="its certificate is not trusted")
    except aiohttp.ClientConnectorDNSError:
        return _Answered(why="its name could not be looked up")
    except aiohttp.ClientConnectorError as error:
        return _Answered(why=error.os_error.strerror or "no connection")
    except (aiohttp.ClientError, OSError, ValueError) as error:
        return _Answered(why=type(error).__name__)
