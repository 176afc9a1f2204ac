"""
The closed sets of words that the request side of the API knows.

Every member is a ``str``, so the bare word does as well. Names and members are those of the official synchronous
SDK, with what it lacks beside them. Reference: Messages API v1, sections of each channel.
"""

from __future__ import annotations

from enum import StrEnum


class ChannelType(StrEnum):
    """``channel``: the service that carries a message."""

    SMS = "sms"
    MMS = "mms"
    RCS = "rcs"
    WHATSAPP = "whatsapp"
    MESSENGER = "messenger"
    VIBER = "viber_service"
    EMAIL = "email"


class MessageType(StrEnum):
    """``message_type``: what a message holds; which types a channel knows is in its module."""

    TEXT = "text"
    IMAGE = "image"
    AUDIO = "audio"
    VIDEO = "video"
    FILE = "file"
    TEMPLATE = "template"
    STICKER = "sticker"
    REACTION = "reaction"
    CUSTOM = "custom"
    VCARD = "vcard"
    CARD = "card"
    CAROUSEL = "carousel"
    CONTENT = "content"
    HTML = "html"


class WebhookVersion(StrEnum):
    """``webhook_version``: the shape of the status callbacks for one message."""

    V0_1 = "v0.1"
    V1 = "v1"


class EncodingType(StrEnum):
    """``sms.encoding_type``: ``auto`` (the platform's default) picks by content."""

    TEXT = "text"
    UNICODE = "unicode"
    AUTO = "auto"


class MmsContentItemType(StrEnum):
    """``content[].type`` of an MMS with several parts."""

    IMAGE = "image"
    AUDIO = "audio"
    VIDEO = "video"
    FILE = "file"
    VCARD = "vcard"


class RcsCategory(StrEnum):
    """``rcs.category``: mandatory in some countries, France for one."""

    ACKNOWLEDGEMENT = "acknowledgement"
    AUTHENTICATION = "authentication"
    PROMOTION = "promotion"
    SERVICE_REQUEST = "service-request"
    TRANSACTION = "transaction"


class RcsCardOrientation(StrEnum):
    """``rcs.card_orientation`` of a single card."""

    VERTICAL = "VERTICAL"
    HORIZONTAL = "HORIZONTAL"


class RcsImageAlignment(StrEnum):
    """``rcs.image_alignment``: required of a horizontal card, without meaning otherwise."""

    LEFT = "LEFT"
    RIGHT = "RIGHT"


class RcsCardWidth(StrEnum):
    """``rcs.card_width`` of a carousel."""

    SMALL = "SMALL"
    MEDIUM = "MEDIUM"


class RcsMediaHeight(StrEnum):
    """``card.media_height``: required of a vertical card."""

    SHORT = "SHORT"
    MEDIUM = "MEDIUM"
    TALL = "TALL"


class SuggestionType(StrEnum):
    """``suggestions[].type``: the seven things a person can tap under an RCS message."""

    REPLY = "reply"
    DIAL = "dial"
    VIEW_LOCATION = "view_location"
    SHARE_LOCATION = "share_location"
    OPEN_URL = "open_url"
    OPEN_URL_IN_WEBVIEW = "open_url_in_webview"
    CREATE_CALENDAR_EVENT = "create_calendar_event"


class UrlWebviewViewMode(StrEnum):
    """``suggestions[].view_mode``: how much of the screen a web view takes."""

    FULL = "FULL"
    TALL = "TALL"
    HALF = "HALF"


class ReplyingIndicatorType(StrEnum):
    """``replying_indicator.type`` of a message update."""

    TEXT = "text"


class ReactionAction(StrEnum):
    """``reaction.action`` of a WhatsApp reaction."""

    REACT = "react"
    UNREACT = "unreact"


class MessengerCategory(StrEnum):
    """``messenger.category``: ``response`` is the platform's default; ``message_tag`` needs a tag."""

    RESPONSE = "response"
    UPDATE = "update"
    MESSAGE_TAG = "message_tag"


class ViberCategory(StrEnum):
    """``viber_service.category``: ``transaction`` is the platform's default."""

    TRANSACTION = "transaction"
    PROMOTION = "promotion"


class EmailImportance(StrEnum):
    """``email.importance``."""

    HIGH = "High"
    NORMAL = "Normal"
    LOW = "Low"


class EmailPriority(StrEnum):
    """``email.priority``."""

    NON_URGENT = "Non-urgent"
    NORMAL = "Normal"
    URGENT = "Urgent"


class EmailSensitivity(StrEnum):
    """``email.sensitivity``."""

    PERSONAL = "Personal"
    PRIVATE = "Private"
    COMPANY_CONFIDENTIAL = "Company-Confidential"
