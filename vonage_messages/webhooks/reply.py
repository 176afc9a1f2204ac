"""
From an inbound message to the message that answers it: same channel, the sides swapped, the context set.

Nothing is sent here; ``Client.reply`` does that.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from vonage_messages.channels.messenger import MessengerText
from vonage_messages.channels.mms import MmsText
from vonage_messages.channels.rcs import RcsText
from vonage_messages.channels.sms import Sms
from vonage_messages.channels.viber import ViberText
from vonage_messages.channels.whatsapp import WhatsappContext, WhatsappText
from vonage_messages.errors import InvalidMessageError

if TYPE_CHECKING:
    from vonage_messages.channels.base import Message
    from vonage_messages.webhooks.inbound import InboundMessage


def reply_to(inbound: InboundMessage, text: str) -> Message:
    """
    Build the text message that answers *inbound*.

    It goes to whoever wrote, from the number or id that they wrote to. On WhatsApp it quotes the message that it
    answers; the other channels have no such context for what is sent. An answer to a group MMS goes to its sender
    alone. How long *text* may be is a matter of the channel.

    Raises:
        InvalidMessageError: the channel cannot be answered on, or the message would be refused.

    Reference: Messages API v1, to / from by channel; section "whatsapp", ``context``.
    """
    build = _BUILDERS.get(inbound.channel)
    if build is None:
        known = ", ".join(_BUILDERS)
        raise InvalidMessageError([("channel", f"can be answered only when it is one of {known}")], "reply")
    return build(inbound, text)


def _sms(inbound: InboundMessage, text: str) -> Message:
    return Sms(to=inbound.from_, from_=inbound.to, text=text)


def _mms(inbound: InboundMessage, text: str) -> Message:
    return MmsText(to=inbound.from_, from_=inbound.to, text=text)


def _rcs(inbound: InboundMessage, text: str) -> Message:
    return RcsText(to=inbound.from_, from_=inbound.to, text=text)


def _whatsapp(inbound: InboundMessage, text: str) -> Message:
    # An event that came without an id can still be answered, only not quoted.
    context = WhatsappContext(message_uuid=inbound.message_uuid) if inbound.message_uuid else None
    return WhatsappText(to=inbound.from_, from_=inbound.to, text=text, context=context)


def _messenger(inbound: InboundMessage, text: str) -> Message:
    return MessengerText(to=inbound.from_, from_=inbound.to, text=text)


def _viber(inbound: InboundMessage, text: str) -> Message:
    return ViberText(to=inbound.from_, from_=inbound.to, text=text)


_BUILDERS: Mapping[str, Callable[[InboundMessage, str], Message]] = {
    "sms": _sms,
    "mms": _mms,
    "rcs": _rcs,
    "whatsapp": _whatsapp,
    "messenger": _messenger,
    "viber_service": _viber,
}
