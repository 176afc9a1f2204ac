"""What goes into a message update. Reference: Messages API v1, "Updating a message (PATCH)"."""

from __future__ import annotations

import attrs

from vonage_messages.channels import rules
from vonage_messages.channels.base import Value
from vonage_messages.channels.enums import ReplyingIndicatorType


@attrs.frozen(kw_only=True, weakref_slot=False)
class ReplyingIndicatorText(Value):
    """
    The typing indicator that goes with marking a WhatsApp message read; it vanishes on a reply or after 25 seconds.

    ``ReplyingIndicatorText(show=True)``
    """

    show: bool = attrs.field(metadata=rules.boolean())
    type_: str = attrs.field(default=ReplyingIndicatorType.TEXT, metadata=rules.constant("text"))
