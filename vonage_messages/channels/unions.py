"""The union of the message classes of each channel, for annotations: ``async def send_all(messages: list[AnyMms])``."""

from __future__ import annotations

from typing import TypeAlias

from vonage_messages.channels.mail import EmailContent, EmailHtml, EmailText
from vonage_messages.channels.messenger import (
    MessengerAudio,
    MessengerCustom,
    MessengerFile,
    MessengerImage,
    MessengerText,
    MessengerVideo,
)
from vonage_messages.channels.mms import MmsAudio, MmsContent, MmsFile, MmsImage, MmsText, MmsVcard, MmsVideo
from vonage_messages.channels.raw import RawMessage
from vonage_messages.channels.rcs import (
    RcsCardMessage,
    RcsCarouselMessage,
    RcsCustom,
    RcsFile,
    RcsImage,
    RcsText,
    RcsVideo,
)
from vonage_messages.channels.sms import Sms
from vonage_messages.channels.viber import ViberFile, ViberImage, ViberTemplate, ViberText, ViberVideo
from vonage_messages.channels.whatsapp import (
    WhatsappAudio,
    WhatsappCustom,
    WhatsappFile,
    WhatsappImage,
    WhatsappReaction,
    WhatsappSticker,
    WhatsappTemplate,
    WhatsappText,
    WhatsappVideo,
)

AnySms: TypeAlias = Sms
AnyMms: TypeAlias = MmsText | MmsImage | MmsVcard | MmsAudio | MmsVideo | MmsFile | MmsContent
AnyRcs: TypeAlias = RcsText | RcsImage | RcsVideo | RcsFile | RcsCardMessage | RcsCarouselMessage | RcsCustom
AnyWhatsapp: TypeAlias = (
    WhatsappText
    | WhatsappImage
    | WhatsappAudio
    | WhatsappVideo
    | WhatsappFile
    | WhatsappTemplate
    | WhatsappSticker
    | WhatsappReaction
    | WhatsappCustom
)
AnyMessenger: TypeAlias = (
    MessengerText | MessengerImage | MessengerAudio | MessengerVideo | MessengerFile | MessengerCustom
)
AnyViber: TypeAlias = ViberText | ViberImage | ViberVideo | ViberFile | ViberTemplate
AnyEmail: TypeAlias = EmailText | EmailHtml | EmailContent
AnyMessage: TypeAlias = AnySms | AnyMms | AnyRcs | AnyWhatsapp | AnyMessenger | AnyViber | AnyEmail | RawMessage
