"""How the values of the simulator look in the JSON of the control API: the schemas of ``document.json``. Pure."""

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING, Any

import attrs

from vonage_messages.simulator.faults import MEANINGS
from vonage_messages.simulator.relay import GOOD_FOR
from vonage_messages.simulator.state import ReceivedMessage

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime
    from decimal import Decimal

    from vonage_messages.simulator.callbacks import CallbackTry
    from vonage_messages.simulator.delivery import Failure
    from vonage_messages.simulator.dispatch import Webhooks
    from vonage_messages.simulator.faults import Fault, Faults, PlacedFault
    from vonage_messages.simulator.relay import Quote, Release
    from vonage_messages.simulator.state import Exchange, KnownInbound, MessageUpdate, Refusal, StatusNote


def release(value: Release) -> dict[str, Any]:
    """Write what came of sending a message for real."""
    return {"at": moment(value.at), **attrs.asdict(value.answer)}


def quote(value: Quote) -> dict[str, Any]:
    """Write what sending a message for real would mean."""
    cost = value.cost
    return {
        "token": value.token,
        "expires_in": GOOD_FOR,
        "message_uuid": value.message_uuid,
        "recipients": list(value.recipients),
        "destination": value.destination,
        "cost": None if cost is None else {**attrs.asdict(cost), "amount": f"{cost.amount:f}"},
        "notes": list(value.notes),
        "released": [release(each) for each in value.released],
    }


def moment(at: datetime) -> str:
    """Write an instant, to the millisecond."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def v1_channel(channel: str) -> str:
    """Name a channel as v1 does."""
    return "viber_service" if channel == "viber_service_msg" else channel


def message(value: ReceivedMessage | KnownInbound, statuses: Iterable[StatusNote]) -> dict[str, Any]:
    """Write a message, whoever it is from."""
    if isinstance(value, ReceivedMessage):
        return _outbound(value, statuses)
    return {
        "message_uuid": value.message_uuid,
        "direction": "inbound",
        "version": None,
        "channel": value.channel,
        "message_type": value.message_type,
        "to": value.to,
        "from": value.from_,
        "client_ref": None,
        "at": None if value.written_at is None else moment(value.written_at),
        "payload": value.payload,
        "statuses": [],
        "updates": [_update(each) for each in value.updates],
        "workflow_id": None,
        "failover_of": None,
        "sent_by": None,
        "request_id": None,
        "context_uuid": value.context_uuid,
    }


def _outbound(value: ReceivedMessage, statuses: Iterable[StatusNote]) -> dict[str, Any]:
    return {
        "message_uuid": value.message_uuid,
        "direction": "outbound",
        "version": value.version,
        "channel": v1_channel(value.channel),
        "message_type": value.message_type,
        "to": value.to,
        "from": value.from_,
        "client_ref": value.client_ref,
        "at": moment(value.received_at),
        "payload": value.payload,
        "statuses": [{"status": each.status, "at": moment(each.at), "code": each.code} for each in statuses],
        "updates": [_update(each) for each in value.updates],
        "workflow_id": value.workflow_id,
        "failover_of": value.failover_of,
        "sent_by": value.sent_by,
        "request_id": value.request_id,
        "context_uuid": None,
    }


def _update(value: MessageUpdate) -> dict[str, Any]:
    return {"status": value.status, "payload": value.payload, "received_at": moment(value.received_at)}


def exchange(value: Exchange | None) -> dict[str, Any] | None:
    """Write a request and its answer."""
    if value is None:
        return None
    return {
        "method": value.method,
        "path": value.path,
        "request_headers": [list(pair) for pair in value.request_headers],
        "status": value.status,
        "answer_headers": [list(pair) for pair in value.answer_headers],
        "answer": value.answer,
    }


def callback(value: CallbackTry | None) -> dict[str, Any] | None:
    """Write one try to hand a callback over."""
    if value is None:
        return None
    return {
        "kind": value.kind,
        "message_uuid": value.message_uuid,
        "url": value.url,
        "number": value.number,
        "payload": value.payload,
        "headers": value.headers,
        "status": value.status,
        "error": value.error,
        "sent_at": moment(value.sent_at),
        "accepted": value.accepted,
    }


def refusal(value: Refusal) -> dict[str, Any]:
    """Write a request that was refused, and why."""
    return {
        "status": value.status,
        "problem": dict(value.problem),
        "method": value.method,
        "path": value.path,
        "request_id": value.request_id,
        "payload": value.payload,
        "raw_body": None if value.raw_body is None else value.raw_body.decode("utf-8", "replace"),
        "received_at": moment(value.received_at),
    }


def fault(value: Fault) -> dict[str, Any]:
    """Write a fault, with what was given of it."""
    written = {
        "kind": str(value.kind),
        "channel": value.channel,
        "to": value.to,
        "from": value.from_,
        "path": value.path,
        "probability": value.probability,
        "count": value.count,
        "seconds": value.seconds,
        "status": value.status,
        "clean": value.clean or None,
    }
    return {name: member for name, member in written.items() if member is not None}


def placed(value: PlacedFault) -> dict[str, Any]:
    """Write a fault that was added."""
    return {"number": value.number, "struck": value.struck, "spent": value.spent, "fault": fault(value.fault)}


def faults(value: Faults) -> dict[str, Any]:
    """Write all faults, and what else there could be."""
    kinds = {str(kind): meaning for kind, meaning in MEANINGS.items()}
    return {"items": [placed(each) for each in value], "kinds": kinds, "seed": value.seed}


def failure(value: Failure, to: str | None, channel: str | None) -> dict[str, Any]:
    """Write which messages do not arrive."""
    written = {"code": value.code, "status": value.status, "to": to, "channel": channel}
    return {name: member for name, member in written.items() if member is not None}


def webhooks(value: Webhooks | None) -> dict[str, Any] | None:
    """Write the webhooks of an application or of an account."""
    if value is None:
        return None
    return {"status_url": value.status_url, "inbound_url": value.inbound_url, "version": value.version}


def money(value: Decimal | None) -> str | None:
    """Write an amount of EUR, without an exponent."""
    return None if value is None else f"{value:f}"
