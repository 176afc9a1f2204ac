"""What an examination says: a finding for each check, and with what is wrong the one sentence that mends it. Pure."""

from __future__ import annotations

from enum import StrEnum

import attrs


class Outcome(StrEnum):
    """How a check ended."""

    OK = "ok"
    FAILED = "failed"
    SKIPPED = "skipped"
    """What it needs is not there: another finding says why, or it does not apply."""


@attrs.frozen
class Finding:
    """What one check has found. Nothing in it is a secret."""

    check: str
    outcome: Outcome
    found: str
    """A phrase."""

    mend: str = ""
    """A sentence, where something is wrong."""


def good(check: str, found: str) -> Finding:
    """Say that a check found nothing wrong."""
    return Finding(check, Outcome.OK, found)


def wrong(check: str, found: str, mend: str) -> Finding:
    """Say what is wrong, and what mends it."""
    return Finding(check, Outcome.FAILED, found, mend)


def skipped(check: str, why: str) -> Finding:
    """Say why a check was not made."""
    return Finding(check, Outcome.SKIPPED, why)
