"""
An async-first SDK for the Vonage Messages API.

Every public name is here and none is loaded before it is asked for: importing the package loads neither aiohttp nor
cryptography, and a service that only parses webhooks never does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from vonage_messages.lazy_names import load_lazily
from vonage_messages.name_guard import check_name

check_name()

__version__ = "1.0.0"

if TYPE_CHECKING:
    from vonage_messages.auth import ApplicationAuth, BasicAuth
    from vonage_messages.channels.base import BaseMessage, Message
    from vonage_messages.channels.enums import (
        ChannelType,
        EmailImportance,
        EmailPriority,
        EmailSensitivity,
        EncodingType,
        MessageType,
        MessengerCategory,
        MmsContentItemType,
        RcsCardOrientation,
        RcsCardWidth,
        RcsCategory,
        RcsImageAlignment,
        RcsMediaHeight,
        ReactionAction,
        ReplyingIndicatorType,
        SuggestionType,
        UrlWebviewViewMode,
        ViberCategory,
        WebhookVersion,
    )
    from vonage_messages.channels.mail import (
        EmailAddress,
        EmailContent,
        EmailContentHtml,
        EmailContentItem,
        EmailContentText,
        EmailHtml,
        EmailHtmlBody,
        EmailOptions,
        EmailText,
    )
    from vonage_messages.channels.messenger import (
        MessengerAudio,
        MessengerButton,
        MessengerButtonTemplate,
        MessengerCallButton,
        MessengerCustom,
        MessengerElement,
        MessengerFile,
        MessengerGenericTemplate,
        MessengerImage,
        MessengerOptions,
        MessengerPostbackButton,
        MessengerResource,
        MessengerTemplate,
        MessengerText,
        MessengerUrlButton,
        MessengerVideo,
    )
    from vonage_messages.channels.mms import (
        MmsAudio,
        MmsContent,
        MmsContentItem,
        MmsContentItemAudio,
        MmsContentItemFile,
        MmsContentItemImage,
        MmsContentItemVcard,
        MmsContentItemVideo,
        MmsFile,
        MmsImage,
        MmsOptions,
        MmsResource,
        MmsText,
        MmsVcard,
        MmsVideo,
    )
    from vonage_messages.channels.raw import RawMessage
    from vonage_messages.channels.rcs import (
        RcsCardMessage,
        RcsCarouselMessage,
        RcsCustom,
        RcsFile,
        RcsImage,
        RcsResource,
        RcsText,
        RcsVideo,
    )
    from vonage_messages.channels.rcs_cards import (
        RcsCard,
        RcsCarousel,
        RcsOptions,
        RcsOptionsCard,
        RcsOptionsCarousel,
        RcsSuggestion,
        RcsSuggestionActionCreateCalendarEvent,
        RcsSuggestionActionDial,
        RcsSuggestionActionOpenUrl,
        RcsSuggestionActionOpenUrlWebview,
        RcsSuggestionActionShareLocation,
        RcsSuggestionActionViewLocation,
        RcsSuggestionBase,
        RcsSuggestionReply,
    )
    from vonage_messages.channels.sms import Sms, SmsOptions
    from vonage_messages.channels.unions import (
        AnyEmail,
        AnyMessage,
        AnyMessenger,
        AnyMms,
        AnyRcs,
        AnySms,
        AnyViber,
        AnyWhatsapp,
    )
    from vonage_messages.channels.updates import ReplyingIndicatorText
    from vonage_messages.channels.viber import (
        ViberAction,
        ViberFile,
        ViberFileOptions,
        ViberFileResource,
        ViberImage,
        ViberImageOptions,
        ViberImageResource,
        ViberTemplate,
        ViberTemplateOptions,
        ViberTemplateResource,
        ViberText,
        ViberTextOptions,
        ViberVideo,
        ViberVideoOptions,
        ViberVideoResource,
    )
    from vonage_messages.channels.whatsapp import (
        WhatsappAudio,
        WhatsappAudioResource,
        WhatsappContext,
        WhatsappCustom,
        WhatsappFile,
        WhatsappFileResource,
        WhatsappImage,
        WhatsappImageResource,
        WhatsappReaction,
        WhatsappReactionResource,
        WhatsappSticker,
        WhatsappStickerId,
        WhatsappStickerUrl,
        WhatsappTemplate,
        WhatsappTemplateResource,
        WhatsappTemplateSettings,
        WhatsappText,
        WhatsappVideo,
        WhatsappVideoResource,
    )
    from vonage_messages.channels.whatsapp_custom import (
        WhatsappContact,
        WhatsappContactAddress,
        WhatsappContactEmail,
        WhatsappContactName,
        WhatsappContactOrganization,
        WhatsappContactPhone,
        WhatsappContacts,
        WhatsappContactUrl,
        WhatsappCustomObject,
        WhatsappLocation,
        WhatsappTemplateBody,
        WhatsappTemplateButton,
        WhatsappTemplateComponents,
        WhatsappTemplateHeader,
        WhatsappTemplateLink,
        WhatsappTemplateQuickReply,
    )
    from vonage_messages.channels.whatsapp_interactive import (
        WhatsappInteractiveButtons,
        WhatsappInteractiveCatalog,
        WhatsappInteractiveCtaUrl,
        WhatsappInteractiveFlow,
        WhatsappInteractiveHeader,
        WhatsappInteractiveList,
        WhatsappInteractiveLocationRequest,
        WhatsappInteractiveProduct,
        WhatsappInteractiveProductList,
        WhatsappListRow,
        WhatsappListSection,
        WhatsappProductSection,
        WhatsappReplyButton,
    )
    from vonage_messages.clients.accounts import AccountsClient
    from vonage_messages.clients.applications import ApplicationsClient
    from vonage_messages.clients.client import Client, DryRun
    from vonage_messages.clients.download import Downloaded
    from vonage_messages.clients.retry import RetryPolicy
    from vonage_messages.clients.transport import Timeout
    from vonage_messages.consent import OptOutRecord, OptOutStore, Wish, wish_of
    from vonage_messages.deprecation import VonageMessagesDeprecationWarning
    from vonage_messages.errors import (
        APIError,
        AuthenticationError,
        BudgetExceededError,
        CircuitOpenError,
        ConfigurationError,
        ConnectError,
        DeadlineExceededError,
        DownloadError,
        InvalidMessageError,
        LimitTimeoutError,
        MalformedWebhookError,
        MissingExtraError,
        NotDeliveredError,
        NotFoundError,
        OptedOutError,
        OutboxError,
        PaymentRequiredError,
        PermissionDeniedError,
        Problem,
        QueueClosedError,
        QueueError,
        QueueFullError,
        RangePausedError,
        RateLimitedError,
        ReplayedWebhookError,
        ResponseLostError,
        ServerError,
        SignatureError,
        SimulatorError,
        StoreUnavailableError,
        TransportError,
        UnexpectedResponseError,
        UnsignedWebhookError,
        ValidationError,
        VonageMessagesError,
        WaitTimeoutError,
        WebhookError,
    )
    from vonage_messages.guards import Guard
    from vonage_messages.ledger import Settlement, State
    from vonage_messages.limiter import Limiter
    from vonage_messages.limits.learning import Pause
    from vonage_messages.limits.levels import Limits
    from vonage_messages.limits.places import Priority
    from vonage_messages.limits.planning import Load, Plan, plan
    from vonage_messages.limits.rate import Cap, Rate
    from vonage_messages.limits.shared import SharedLimitStore
    from vonage_messages.limits.store import LimitStore, MemoryLimitStore
    from vonage_messages.observe import AttemptFinished, AttemptStarted, Observer
    from vonage_messages.pricing import CostEstimate, PriceTable
    from vonage_messages.pumping import PumpingAlarm, PumpingSuspected
    from vonage_messages.receiving.opt_outs import OptOuts
    from vonage_messages.receiving.tracker import Tracker
    from vonage_messages.segmentation import (
        Replacement,
        Segments,
        SmsEncoding,
        replace_smart,
        segments,
        suggest_replacements,
    )
    from vonage_messages.sending.failover import Failover, FailoverLeg, FailoverResult, ReferenceTracker
    from vonage_messages.sending.outbox import Outbox
    from vonage_messages.sending.outcome import Outcome, QueueStats, SendFuture
    from vonage_messages.sending.report import Added, Progress, Report
    from vonage_messages.sending.send_queue import SendQueue
    from vonage_messages.shared_limiter import SharedLimiter
    from vonage_messages.shutdown import graceful_shutdown
    from vonage_messages.spending import Budget, BudgetGuard, Spent
    from vonage_messages.stores.file import FileLimitStore
    from vonage_messages.stores.memory import MemorySharedLimits
    from vonage_messages.stores.opt_outs import OptOutFile
    from vonage_messages.usage import UsageKey, UsageTotal, UsageTotals
    from vonage_messages.values import JSONObject, Seconds
    from vonage_messages.wire import migrate
    from vonage_messages.wire.accounts import ExternalAccount, Provider
    from vonage_messages.wire.applications import Application
    from vonage_messages.wire.payloads import ApiVersion, from_payload, to_json, to_payload
    from vonage_messages.wire.rest import SendMessageResponse, SentMessage

_HOMES = {
    "auth": "ApplicationAuth BasicAuth",
    "channels.base": "BaseMessage Message",
    "channels.enums": (
        "ChannelType EmailImportance EmailPriority EmailSensitivity EncodingType MessageType MessengerCategory "
        "MmsContentItemType RcsCardOrientation RcsCardWidth RcsCategory RcsImageAlignment RcsMediaHeight "
        "ReactionAction ReplyingIndicatorType SuggestionType UrlWebviewViewMode ViberCategory WebhookVersion"
    ),
    "channels.mail": (
        "EmailAddress EmailContent EmailContentHtml EmailContentItem EmailContentText EmailHtml EmailHtmlBody "
        "EmailOptions EmailText"
    ),
    "channels.messenger": (
        "MessengerAudio MessengerButton MessengerButtonTemplate MessengerCallButton MessengerCustom "
        "MessengerElement MessengerFile MessengerGenericTemplate MessengerImage MessengerOptions "
        "MessengerPostbackButton MessengerResource MessengerTemplate MessengerText MessengerUrlButton "
        "MessengerVideo"
    ),
    "channels.mms": (
        "MmsAudio MmsContent MmsContentItem MmsContentItemAudio MmsContentItemFile MmsContentItemImage "
        "MmsContentItemVcard MmsContentItemVideo MmsFile MmsImage MmsOptions MmsResource MmsText MmsVcard MmsVideo"
    ),
    "channels.raw": "RawMessage",
    "channels.rcs": "RcsCardMessage RcsCarouselMessage RcsCustom RcsFile RcsImage RcsResource RcsText RcsVideo",
    "channels.rcs_cards": (
        "RcsCard RcsCarousel RcsOptions RcsOptionsCard RcsOptionsCarousel RcsSuggestion "
        "RcsSuggestionActionCreateCalendarEvent RcsSuggestionActionDial RcsSuggestionActionOpenUrl "
        "RcsSuggestionActionOpenUrlWebview RcsSuggestionActionShareLocation RcsSuggestionActionViewLocation "
        "RcsSuggestionBase RcsSuggestionReply"
    ),
    "channels.sms": "Sms SmsOptions",
    "channels.unions": "AnyEmail AnyMessage AnyMessenger AnyMms AnyRcs AnySms AnyViber AnyWhatsapp",
    "channels.updates": "ReplyingIndicatorText",
    "channels.viber": (
        "ViberAction ViberFile ViberFileOptions ViberFileResource ViberImage ViberImageOptions ViberImageResource "
        "ViberTemplate ViberTemplateOptions ViberTemplateResource ViberText ViberTextOptions ViberVideo "
        "ViberVideoOptions ViberVideoResource"
    ),
    "channels.whatsapp": (
        "WhatsappAudio WhatsappAudioResource WhatsappContext WhatsappCustom WhatsappFile WhatsappFileResource "
        "WhatsappImage WhatsappImageResource WhatsappReaction WhatsappReactionResource WhatsappSticker "
        "WhatsappStickerId WhatsappStickerUrl WhatsappTemplate WhatsappTemplateResource WhatsappTemplateSettings "
        "WhatsappText WhatsappVideo WhatsappVideoResource"
    ),
    "channels.whatsapp_custom": (
        "WhatsappContact WhatsappContactAddress WhatsappContactEmail WhatsappContactName "
        "WhatsappContactOrganization WhatsappContactPhone WhatsappContactUrl WhatsappContacts WhatsappCustomObject "
        "WhatsappLocation WhatsappTemplateBody WhatsappTemplateButton WhatsappTemplateComponents "
        "WhatsappTemplateHeader WhatsappTemplateLink WhatsappTemplateQuickReply"
    ),
    "channels.whatsapp_interactive": (
        "WhatsappInteractiveButtons WhatsappInteractiveCatalog WhatsappInteractiveCtaUrl WhatsappInteractiveFlow "
        "WhatsappInteractiveHeader WhatsappInteractiveList WhatsappInteractiveLocationRequest "
        "WhatsappInteractiveProduct WhatsappInteractiveProductList WhatsappListRow WhatsappListSection "
        "WhatsappProductSection WhatsappReplyButton"
    ),
    "clients.accounts": "AccountsClient",
    "clients.applications": "ApplicationsClient",
    "clients.client": "Client DryRun",
    "clients.download": "Downloaded",
    "clients.retry": "RetryPolicy",
    "clients.transport": "Timeout",
    "consent": "OptOutRecord OptOutStore Wish wish_of",
    "deprecation": "VonageMessagesDeprecationWarning",
    "errors": (
        "APIError AuthenticationError BudgetExceededError CircuitOpenError ConfigurationError ConnectError "
        "DeadlineExceededError DownloadError InvalidMessageError LimitTimeoutError MalformedWebhookError "
        "MissingExtraError NotDeliveredError NotFoundError OptedOutError OutboxError PaymentRequiredError "
        "PermissionDeniedError Problem QueueClosedError QueueError QueueFullError RangePausedError "
        "RateLimitedError ReplayedWebhookError ResponseLostError ServerError SignatureError SimulatorError "
        "StoreUnavailableError TransportError UnexpectedResponseError UnsignedWebhookError ValidationError "
        "VonageMessagesError WaitTimeoutError WebhookError"
    ),
    "guards": "Guard",
    "ledger": "Settlement State",
    "limiter": "Limiter",
    "limits.learning": "Pause",
    "limits.levels": "Limits",
    "limits.planning": "Load Plan plan",
    "limits.rate": "Cap Rate",
    "limits.places": "Priority",
    "limits.shared": "SharedLimitStore",
    "limits.store": "LimitStore MemoryLimitStore",
    "observe": "AttemptFinished AttemptStarted Observer",
    "pricing": "CostEstimate PriceTable",
    "pumping": "PumpingAlarm PumpingSuspected",
    "receiving.opt_outs": "OptOuts",
    "receiving.tracker": "Tracker",
    "segmentation": "Replacement Segments SmsEncoding replace_smart segments suggest_replacements",
    "sending.failover": "Failover FailoverLeg FailoverResult ReferenceTracker",
    "sending.outbox": "Outbox",
    "sending.outcome": "Outcome QueueStats SendFuture",
    "sending.report": "Added Progress Report",
    "sending.send_queue": "SendQueue",
    "shared_limiter": "SharedLimiter",
    "shutdown": "graceful_shutdown",
    "spending": "Budget BudgetGuard Spent",
    "stores.file": "FileLimitStore",
    "stores.memory": "MemorySharedLimits",
    "stores.opt_outs": "OptOutFile",
    "usage": "UsageKey UsageTotal UsageTotals",
    "values": "JSONObject Seconds",
    "wire": "migrate",
    "wire.accounts": "ExternalAccount Provider",
    "wire.applications": "Application",
    "wire.payloads": "ApiVersion from_payload to_json to_payload",
    "wire.rest": "SendMessageResponse SentMessage",
}
"""Where each public name lives: the module below this package, and the names that it gives."""

__all__ = [
    "APIError", "AccountsClient", "Added", "AnyEmail", "AnyMessage", "AnyMessenger", "AnyMms", "AnyRcs", "AnySms",
    "AnyViber", "AnyWhatsapp", "ApiVersion", "Application", "ApplicationAuth", "ApplicationsClient",
    "AttemptFinished", "AttemptStarted", "AuthenticationError", "BaseMessage", "BasicAuth", "Budget",
    "BudgetExceededError", "BudgetGuard", "Cap", "ChannelType", "CircuitOpenError", "Client", "ConfigurationError",
    "ConnectError", "CostEstimate", "DeadlineExceededError", "DownloadError", "Downloaded", "DryRun",
    "EmailAddress", "EmailContent", "EmailContentHtml", "EmailContentItem", "EmailContentText", "EmailHtml",
    "EmailHtmlBody", "EmailImportance", "EmailOptions", "EmailPriority", "EmailSensitivity", "EmailText",
    "EncodingType", "ExternalAccount", "Failover", "FailoverLeg", "FailoverResult", "FileLimitStore", "Guard",
    "InvalidMessageError", "JSONObject", "LimitStore", "LimitTimeoutError", "Limiter", "Limits", "Load",
    "MalformedWebhookError", "MemoryLimitStore", "MemorySharedLimits", "Message", "MessageType", "MessengerAudio",
    "MessengerButton", "MessengerButtonTemplate", "MessengerCallButton", "MessengerCategory", "MessengerCustom",
    "MessengerElement", "MessengerFile", "MessengerGenericTemplate", "MessengerImage", "MessengerOptions",
    "MessengerPostbackButton", "MessengerResource", "MessengerTemplate", "MessengerText", "MessengerUrlButton",
    "MessengerVideo", "MissingExtraError", "MmsAudio", "MmsContent", "MmsContentItem", "MmsContentItemAudio",
    "MmsContentItemFile", "MmsContentItemImage", "MmsContentItemType", "MmsContentItemVcard", "MmsContentItemVideo",
    "MmsFile", "MmsImage", "MmsOptions", "MmsResource", "MmsText", "MmsVcard", "MmsVideo", "NotDeliveredError",
    "NotFoundError", "Observer", "OptOutFile", "OptOutRecord", "OptOutStore", "OptOuts", "OptedOutError", "Outbox",
    "OutboxError", "Outcome", "Pause", "PaymentRequiredError", "PermissionDeniedError", "Plan", "PriceTable",
    "Priority", "Problem", "Progress", "Provider", "PumpingAlarm", "PumpingSuspected", "QueueClosedError",
    "QueueError", "QueueFullError", "QueueStats", "RangePausedError", "Rate", "RateLimitedError", "RawMessage",
    "RcsCard", "RcsCardMessage", "RcsCardOrientation", "RcsCardWidth", "RcsCarousel", "RcsCarouselMessage",
    "RcsCategory", "RcsCustom", "RcsFile", "RcsImage", "RcsImageAlignment", "RcsMediaHeight", "RcsOptions",
    "RcsOptionsCard", "RcsOptionsCarousel", "RcsResource", "RcsSuggestion",
    "RcsSuggestionActionCreateCalendarEvent", "RcsSuggestionActionDial", "RcsSuggestionActionOpenUrl",
    "RcsSuggestionActionOpenUrlWebview", "RcsSuggestionActionShareLocation", "RcsSuggestionActionViewLocation",
    "RcsSuggestionBase", "RcsSuggestionReply", "RcsText", "RcsVideo", "ReactionAction", "ReferenceTracker",
    "Replacement", "ReplayedWebhookError", "ReplyingIndicatorText", "ReplyingIndicatorType", "Report",
    "ResponseLostError", "RetryPolicy", "Seconds", "Segments", "SendFuture", "SendMessageResponse", "SendQueue",
    "SentMessage", "ServerError", "Settlement", "SharedLimitStore", "SharedLimiter", "SignatureError",
    "SimulatorError", "Sms", "SmsEncoding", "SmsOptions", "Spent", "State", "StoreUnavailableError",
    "SuggestionType", "Timeout", "Tracker", "TransportError", "UnexpectedResponseError", "UnsignedWebhookError",
    "UrlWebviewViewMode", "UsageKey", "UsageTotal", "UsageTotals", "ValidationError", "ViberAction",
    "ViberCategory", "ViberFile", "ViberFileOptions", "ViberFileResource", "ViberImage", "ViberImageOptions",
    "ViberImageResource", "ViberTemplate", "ViberTemplateOptions", "ViberTemplateResource", "ViberText",
    "ViberTextOptions", "ViberVideo", "ViberVideoOptions", "ViberVideoResource", "VonageMessagesDeprecationWarning",
    "VonageMessagesError", "WaitTimeoutError", "WebhookError", "WebhookVersion", "WhatsappAudio",
    "WhatsappAudioResource", "WhatsappContact", "WhatsappContactAddress", "WhatsappContactEmail",
    "WhatsappContactName", "WhatsappContactOrganization", "WhatsappContactPhone", "WhatsappContactUrl",
    "WhatsappContacts", "WhatsappContext", "WhatsappCustom", "WhatsappCustomObject", "WhatsappFile",
    "WhatsappFileResource", "WhatsappImage", "WhatsappImageResource", "WhatsappInteractiveButtons",
    "WhatsappInteractiveCatalog", "WhatsappInteractiveCtaUrl", "WhatsappInteractiveFlow",
    "WhatsappInteractiveHeader", "WhatsappInteractiveList", "WhatsappInteractiveLocationRequest",
    "WhatsappInteractiveProduct", "WhatsappInteractiveProductList", "WhatsappListRow", "WhatsappListSection",
    "WhatsappLocation", "WhatsappProductSection", "WhatsappReaction", "WhatsappReactionResource",
    "WhatsappReplyButton", "WhatsappSticker", "WhatsappStickerId", "WhatsappStickerUrl", "WhatsappTemplate",
    "WhatsappTemplateBody", "WhatsappTemplateButton", "WhatsappTemplateComponents", "WhatsappTemplateHeader",
    "WhatsappTemplateLink", "WhatsappTemplateQuickReply", "WhatsappTemplateResource", "WhatsappTemplateSettings",
    "WhatsappText", "WhatsappVideo", "WhatsappVideoResource", "Wish", "__version__", "from_payload",
    "graceful_shutdown", "migrate", "plan", "replace_smart", "segments", "suggest_replacements", "to_json",
    "to_payload", "wish_of",
]  # fmt: skip

load_lazily(globals(), _HOMES)
