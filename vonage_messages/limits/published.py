"""
The limits that the platform and its providers publish, each with its source. Read 2026-11.

Figures of a provider may change without Vonage noting it, and most can be raised for an account: every one is a
setting, as in ``Limits.published().replacing(each_sender={"whatsapp": Rate(1000)})``. What is not published (SMS from
long codes, toll-free numbers and short codes, Viber, RCS) has no limit here but the account's; a registered US 10DLC
campaign has its own, which the account's owner knows and sets for the sender.
"""

from __future__ import annotations

from vonage_messages.limits.levels import Limits
from vonage_messages.limits.rate import Cap, Rate

_MONTH = 30 * 86_400.0

PUBLISHED = Limits(
    # limits, section 1: 30 API requests per second and key (Vonage support, 203993598).
    account=Rate(30),
    each_sender={
        # limits, section 3: US short codes and toll-free numbers, 40 MMS per second (Vonage support, 360022456232).
        "mms": Rate(40),
        # limits, section 4: throughput per business number (Meta); up to 1,000 after an upgrade, 20 in coexistence.
        "whatsapp": Rate(80),
        # limits, section 5: Send API calls per page (Meta), and fewer for audio and video.
        "messenger": Rate(300),
        "messenger/audio,video": Rate(10),
    },
    pairs={
        # limits, section 4: one message in six seconds to one user, up to 45 at once and paid back by waiting (Meta).
        "whatsapp": Rate(1, per=6.0, burst=45),
    },
)
"""What ``Limits.published()`` gives: the default of a queue."""

SANDBOX = Limits(
    # External accounts, "Sandbox": one message per second, 100 in a month.
    account=(Rate(1), Cap(100, per=_MONTH)),
)
"""What ``Limits.sandbox()`` gives."""
