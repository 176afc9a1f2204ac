"""Read by mypy and pyright alone: what the attributes of events are to a type checker."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, assert_type

from vonage_messages.codes import ErrorCode, describe
from vonage_messages.receiving import Drift, DriftCount, Receiver
from vonage_messages.webhooks import (
    Content,
    Context,
    InboundMessage,
    MessageStatus,
    Profile,
    Referral,
    Reply,
    SmsSegment,
    StatusError,
    StatusTimeline,
    Surprise,
    Text,
    Workflow,
    parse_inbound,
    parse_status,
    parse_webhook,
)


def parsers(body: bytes, payload: Mapping[str, Any]) -> None:
    assert_type(parse_inbound(body), InboundMessage)
    assert_type(parse_status("{}"), MessageStatus)
    assert_type(parse_webhook(payload), InboundMessage | MessageStatus)


def envelope(event: InboundMessage | MessageStatus) -> None:
    assert_type(event.message_uuid, str)
    assert_type(event.from_, str)
    assert_type(event.timestamp, datetime | None)
    assert_type(event.raw, Mapping[str, Any])
    assert_type(event.extra, Mapping[str, Any])
    assert_type(event.client_ref, str | None)
    if event.usage is not None:
        assert_type(event.usage.price, Decimal | None)


def inbound(event: InboundMessage) -> str:
    assert_type(event.message_type, str)
    assert_type(event.content, Content)
    assert_type(event.context, Context | None)
    assert_type(event.profile, Profile | None)
    assert_type(event.referral, Referral | None)
    assert_type(event.self_href, str | None)
    match event.content:
        case Text(text=text):
            return assert_type(text, str)
        case Reply(id=id_):
            return assert_type(id_, str)
        case _:
            return ""


def status(event: MessageStatus) -> None:
    assert_type(event.status, str)
    assert_type(event.error, StatusError | None)
    assert_type(event.workflow, Workflow | None)
    if event.error is not None:
        assert_type(describe(event.error.code), ErrorCode | None)
    if event.sms is not None:
        assert_type(event.sms.segments, tuple[SmsSegment, ...])
    assert_type(StatusTimeline([event]).current, MessageStatus | None)


def drift(receiver: Receiver, event: MessageStatus) -> None:
    assert_type(receiver.drift, Drift)
    assert_type(receiver.drift.counts, Mapping[str, Mapping[str, int]])
    assert_type(receiver.drift.observe(event), tuple[Surprise, ...])
    for each in receiver.drift:
        assert_type(each, DriftCount)
        assert_type(each.events, int)
