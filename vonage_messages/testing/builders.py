"""
Made-up events for tests without a server: what the platform would send, as typed values or as signed requests.

The bodies are those of the simulator, so they are checked against the reference; a field that the platform does not
send is refused.
"""

from __future__ import annotations

import json
import time
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import attrs

from vonage_messages.errors import SimulatorError
from vonage_messages.simulator.dispatch import VERSIONS
from vonage_messages.simulator.people import COMPANY, Written, default_person, inbound_v0_1, inbound_v1
from vonage_messages.simulator.statuses import Happened, Outbound, status_v0_1, status_v1
from vonage_messages.webhooks.parse import parse_inbound, parse_status
from vonage_messages.webhooks.signing import sign_webhook

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from vonage_messages.webhooks.inbound import InboundMessage
    from vonage_messages.webhooks.status import MessageStatus

_NOWHERE = "http://127.0.0.1"
_PRICE = Decimal("0.01")
_API_KEY = "abcd1234"


def inbound_event(  # noqa: PLR0913  every argument has a default; they are given by name
    *,
    channel: str = "whatsapp",
    message_type: str = "text",
    from_: str | None = None,
    to: str | None = None,
    reply_to: str | None = None,
    at: datetime | None = None,
    message_uuid: str | None = None,
    version: str = "v1",
    **fields: Any,
) -> InboundMessage:
    """
    Make up what a person writes: ``inbound_event(text="Yes, please")``.

    *channel* is named as in v1. *reply_to* is the id of the message that is quoted, where the channel can. *fields* are
    members of the body by their JSON names; what is not given is made up. ``event.raw`` is the body.

    Raises:
        SimulatorError: the platform sends no such message.
    """
    written = Written(
        message_uuid=message_uuid or str(uuid4()),
        channel=channel,
        message_type=message_type,
        to=to or COMPANY.get(channel, ""),
        from_=from_ or default_person(channel),
        at=_unix(at),
        context_uuid=reply_to,
        base_url=_NOWHERE,
        fields=fields,
    )
    write = inbound_v1 if _checked(version) == "v1" else inbound_v0_1
    return parse_inbound(write(written))


def status_event(  # noqa: PLR0913  every argument has a default; they are given by name
    status: str = "delivered",
    *,
    channel: str = "whatsapp",
    message_uuid: str | None = None,
    client_ref: str | None = None,
    code: int | None = None,
    to: str | None = None,
    from_: str | None = None,
    at: datetime | None = None,
    version: str = "v1",
) -> MessageStatus:
    """
    Make up what became of a message: ``status_event("rejected", code=1022, client_ref="order-7")``.

    *channel* is named as in v1. *code* is the error code of a failure: see ``vonage_messages.codes``. ``event.raw`` is
    the body.

    Raises:
        SimulatorError: there is no such version.
    """
    outbound = Outbound(
        message_uuid=message_uuid or str(uuid4()),
        channel=channel,
        message_type="text",
        to=to or default_person(channel),
        from_=from_ or COMPANY.get(channel, ""),
        client_ref=client_ref,
        parts=1,
        chain=None,
    )
    happened = Happened(status=status, at=_unix(at), code=code, price=_PRICE, instance=uuid4().hex)
    write = status_v1 if _checked(version) == "v1" else status_v0_1
    return parse_status(write(outbound, happened))


@attrs.frozen(kw_only=True)
class SignedCallback:
    """A request as the platform makes it: for the test client of a web framework."""

    headers: Mapping[str, str] = attrs.field(repr=False)
    """``Authorization`` and ``Content-Type``."""
    body: bytes = attrs.field(repr=False)
    """The raw body that was signed. Post these very bytes: the signature holds their hash."""


def signed_callback(
    event: InboundMessage | MessageStatus | Mapping[str, Any],
    secret: str,
    *,
    api_key: str = _API_KEY,
    at: datetime | None = None,
) -> SignedCallback:
    """
    Sign an event, or the body of one, with the signature *secret* of a service: ``post(url, data=…, headers=…)``.

    *api_key* is the account that the signature names. *at* is when it was signed, by default now: an old one is
    refused.

    Raises:
        ConfigurationError: *secret* cannot be one.
    """
    payload = getattr(event, "raw", event)
    body = json.dumps(payload, separators=(",", ":")).encode()
    return SignedCallback(headers=dict(sign_webhook(body, secret, api_key=api_key, issued_at=_unix(at))), body=body)


def _unix(at: datetime | None) -> float:
    return time.time() if at is None else at.timestamp()


def _checked(version: str) -> str:
    if version not in VERSIONS:
        raise SimulatorError(f"version must be {' or '.join(VERSIONS)}, not {version!r}")
    return version
