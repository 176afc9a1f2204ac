"""
What every log record of this package carries beside its sentence: the name of what happened, and what it belongs to.

Sentences may change; names do not: they are for filters, alerts and dashboards. ``record.event`` is one of
``LogEvent``, ``record.correlation_id`` is what all records about one message share, where it has a ``client_ref``, and
``record.message_uuid`` and ``record.request_id`` are the platform's ids. Each is a text, and empty where there is none,
so that a format may name them. References and ids that look like a number or an address are masked.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from vonage_messages.values import masked_reference


class LogEvent(StrEnum):
    """What happened; ``docs/observability.md`` says of each what it means, and at which level it is logged."""

    ATTEMPT_STARTED = "vonage.attempt.started"
    ATTEMPT_FINISHED = "vonage.attempt.finished"
    SEND_RETRY = "vonage.send.retry"
    SEND_FAILED = "vonage.send.failed"
    REVOKE_FAILED = "vonage.failover.revoke_failed"
    LINK_IGNORED = "vonage.mark_read.link_ignored"

    QUEUE_LEFT_BEHIND = "vonage.queue.left_behind"
    LIMITS_SLOWED = "vonage.limits.slowed"
    LIMITS_NOT_SAVED = "vonage.limits.not_saved"
    LIMITS_STORE_LOST = "vonage.limits.store_lost"
    LIMITS_STORE_BACK = "vonage.limits.store_back"
    LIMITS_PAUSE_NOT_SHARED = "vonage.limits.pause_not_shared"
    PUMPING_SUSPECTED = "vonage.pumping.suspected"
    OPT_OUTS_STALE = "vonage.opt_outs.stale"

    OUTBOX_LEASE_NOT_RENEWED = "vonage.outbox.lease_not_renewed"
    OUTBOX_NOT_WOUND_UP = "vonage.outbox.not_wound_up"
    FILE_OPEN_TO_OTHERS = "vonage.file.open_to_others"
    WORKERS_RESCUED = "vonage.workers.rescued"
    WORKERS_RESTARTED = "vonage.workers.restarted"
    WORKERS_BATCH_FAILED = "vonage.workers.batch_failed"
    WORKERS_NOT_ANALYZED = "vonage.workers.not_analyzed"
    SIGNALS_UNHEARD = "vonage.shutdown.signals_unheard"

    WEBHOOK_REFUSED = "vonage.webhook.refused"
    WEBHOOK_RUNNING = "vonage.webhook.running_already"
    WEBHOOK_HANDLER_FAILED = "vonage.webhook.handler_failed"
    WEBHOOK_HANDLERS_CANCELLED = "vonage.webhook.handlers_cancelled"
    WEBHOOK_STORE_FAILED = "vonage.webhook.store_failed"
    WEBHOOK_INSECURE = "vonage.webhook.insecure"
    WEBHOOK_UNKNOWN = "vonage.webhook.unknown"
    EVENTS_LOST = "vonage.events.lost"
    EVENTS_UNREADABLE = "vonage.events.unreadable"

    OBSERVER_FAILED = "vonage.observer.failed"
    LISTENER_FAILED = "vonage.listener.failed"
    TELEMETRY_FAILED = "vonage.telemetry.failed"

    SIMULATOR_FAILED = "vonage.simulator.failed"
    SIMULATOR_FULL = "vonage.simulator.full"
    SIMULATOR_NOT_KEPT = "vonage.simulator.not_kept"
    SIMULATOR_HABIT_FAILED = "vonage.simulator.habit_failed"


_CORRELATING: Final = ("correlation_id", "client_ref", "message_uuid", "request_id")
"""By which of its members something is known to belong together, the best one first."""


def about(event: LogEvent, *subjects: object, correlation_id: str = "") -> dict[str, str]:
    """
    Make the ``extra=`` of a log record.

    *subjects* are what it is about: a message, an event, an answer, an error; the first that knows an id gives it.
    *correlation_id* is for what is none of these.
    """
    found = {name: _first(name, subjects) for name in _CORRELATING}
    return {
        "event": event.value,
        "correlation_id": correlation_id or next((text for text in found.values() if text), ""),
        "message_uuid": found["message_uuid"],
        "request_id": found["request_id"],
    }


def _first(name: str, subjects: tuple[object, ...]) -> str:
    for subject in subjects:
        value = getattr(subject, name, None)
        if isinstance(value, str) and value:
            return masked_reference(value)
    return ""
