"""
What comes back: inbound messages and message statuses, typed, verified and routed.

Every name is imported when it is first used: a service that only parses loads neither aiohttp nor cryptography.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from vonage_messages.lazy_names import load_lazily
from vonage_messages.name_guard import check_name

check_name()

if TYPE_CHECKING:
    from vonage_messages.webhooks.content import (
        Attachment,
        Audio,
        Button,
        Contact,
        ContactAddress,
        ContactEmail,
        ContactName,
        ContactOrganization,
        ContactPhone,
        Contacts,
        ContactUrl,
        Content,
        File,
        Image,
        Location,
        Order,
        OrderItem,
        Reaction,
        Reply,
        Sticker,
        Text,
        Unknown,
        Unsupported,
        Vcard,
        Video,
    )
    from vonage_messages.webhooks.envelope import Profile, Usage, WebhookEvent, WhatsappUser
    from vonage_messages.webhooks.inbound import (
        Context,
        InboundMessage,
        InboundMms,
        InboundSms,
        InboundWhatsapp,
        Origin,
        Referral,
        ReferredProduct,
    )
    from vonage_messages.webhooks.parse import parse_inbound, parse_status, parse_webhook
    from vonage_messages.webhooks.routing import Filter, Router, sent_from, sent_to
    from vonage_messages.webhooks.signing import SignatureVerifier, WebhookClaims, sign_webhook
    from vonage_messages.webhooks.status import (
        ConversationOrigin,
        Destination,
        MessageStatus,
        SmsSegment,
        StatusError,
        StatusSms,
        StatusWhatsapp,
        WhatsappConversation,
        WhatsappPricing,
        Workflow,
    )
    from vonage_messages.webhooks.stores import MemorySeenStore, SeenStore, Standing
    from vonage_messages.webhooks.surprises import Surprise, SurpriseKind
    from vonage_messages.webhooks.timeline import StatusTimeline

_HOMES = {
    "content": (
        "Attachment Audio Button Contact ContactAddress ContactEmail ContactName ContactOrganization ContactPhone "
        "ContactUrl Contacts Content File Image Location Order OrderItem Reaction Reply Sticker Text Unknown "
        "Unsupported Vcard Video"
    ),
    "envelope": "Profile Usage WebhookEvent WhatsappUser",
    "inbound": "Context InboundMessage InboundMms InboundSms InboundWhatsapp Origin ReferredProduct Referral",
    "parse": "parse_inbound parse_status parse_webhook",
    "routing": "Filter Router sent_from sent_to",
    "signing": "SignatureVerifier WebhookClaims sign_webhook",
    "status": (
        "ConversationOrigin Destination MessageStatus SmsSegment StatusError StatusSms StatusWhatsapp "
        "WhatsappConversation WhatsappPricing Workflow"
    ),
    "stores": "MemorySeenStore SeenStore Standing",
    "surprises": "Surprise SurpriseKind",
    "timeline": "StatusTimeline",
}
"""Where each public name lives: the module below this package, and the names that it gives."""

__all__ = [
    "Attachment",
    "Audio",
    "Button",
    "Contact",
    "ContactAddress",
    "ContactEmail",
    "ContactName",
    "ContactOrganization",
    "ContactPhone",
    "ContactUrl",
    "Contacts",
    "Content",
    "Context",
    "ConversationOrigin",
    "Destination",
    "File",
    "Filter",
    "Image",
    "InboundMessage",
    "InboundMms",
    "InboundSms",
    "InboundWhatsapp",
    "Location",
    "MemorySeenStore",
    "MessageStatus",
    "Order",
    "OrderItem",
    "Origin",
    "Profile",
    "Reaction",
    "Referral",
    "ReferredProduct",
    "Reply",
    "Router",
    "SeenStore",
    "SignatureVerifier",
    "SmsSegment",
    "Standing",
    "StatusError",
    "StatusSms",
    "StatusTimeline",
    "StatusWhatsapp",
    "Sticker",
    "Surprise",
    "SurpriseKind",
    "Text",
    "Unknown",
    "Unsupported",
    "Usage",
    "Vcard",
    "Video",
    "WebhookClaims",
    "WebhookEvent",
    "WhatsappConversation",
    "WhatsappPricing",
    "WhatsappUser",
    "Workflow",
    "parse_inbound",
    "parse_status",
    "parse_webhook",
    "sent_from",
    "sent_to",
    "sign_webhook",
]

load_lazily(globals(), _HOMES)
