"""
The 72 error codes of the Messages API: what each means, and whether trying again makes sense.

They come in the status webhook (``error.title`` in API v1, ``error.code`` in v0.1). Reference: Messages API error
codes (OpenAPI 1.20.0). The verdict on trying again is a reading of the official texts, not a promise of the platform.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal, NamedTuple, TypeAlias

Retry: TypeAlias = Literal["yes", "fix", "no"]
"""``yes``: the same message may pass later; ``fix``: after a change; ``no``: never to this recipient in this way."""


class ErrorCode(NamedTuple):
    """One error code. A tuple, so that looking one up costs no import."""

    code: int
    meaning: str
    """What happened: a phrase without a full stop."""

    retry: Retry
    advice: str
    """What to do about it: a phrase without a full stop."""


def describe(code: int | None) -> ErrorCode | None:
    """Tell what *code* means; ``None`` for a code that no document lists, and for none at all."""
    return None if code is None else CODES.get(code)


_ALL = (
    ErrorCode(1000, "throttled: more messages than the account may submit", "yes", "send more slowly"),
    ErrorCode(1010, "parameters are missing", "fix", "add what the channel requires"),
    ErrorCode(1020, "parameters are invalid", "fix", "correct the message"),
    ErrorCode(1021, "the tag is invalid", "fix", "use a tag that Messenger knows"),
    ErrorCode(1022, "the template or its parameters are invalid", "fix", "compare name, namespace and parameters"),
    ErrorCode(1030, "internal error of the platform", "yes", "send it again in a while"),
    ErrorCode(1040, "the message could not be processed", "fix", "check the number, its prefix above all"),
    ErrorCode(1050, "the number is barred", "no", "take the number off your list"),
    ErrorCode(1060, "the account is barred from submitting", "no", "ask support to lift the bar"),
    ErrorCode(1070, "a quota is exceeded: of the provider, or the account's credit", "fix", "check balance and quota"),
    ErrorCode(1080, "the account is not enabled for REST", "no", "ask support to enable it"),
    ErrorCode(1090, "the message is too long", "fix", "shorten it: binary SMS carry 140 bytes with their header"),
    ErrorCode(1100, "communication failed, and nothing was submitted", "yes", "send it again"),
    ErrorCode(1120, "the sender address is refused by local rules", "fix", "use a sender that the country allows"),
    ErrorCode(1130, "the time to live is invalid", "fix", "use a ttl within the channel's limits"),
    ErrorCode(1140, "the account does not have this facility", "fix", "have the facility enabled"),
    ErrorCode(1150, "the message class is invalid", "fix", "correct or leave out the class"),
    ErrorCode(
        1160,
        "the destination is not on the list of a trial account, or of the Sandbox",
        "fix",
        "add it to the list, or top up; the Sandbox's recipients join it first, as its dashboard page says",
    ),
    ErrorCode(1170, "the recipient is invalid or missing", "fix", "correct the number"),
    ErrorCode(1180, "the recipient is absent for now", "yes", "send it again later"),
    ErrorCode(1190, "the recipient is absent for good", "no", "take the number off your list"),
    ErrorCode(1200, "the number could not be ported on the user's side", "no", "reach the person another way"),
    ErrorCode(1210, "refused as spam", "fix", "change content or sender"),
    ErrorCode(1220, "the handset is busy", "yes", "send again if rejected; if submitted, the network still tries"),
    ErrorCode(1230, "temporary failure of the network", "yes", "send it again later"),
    ErrorCode(1240, "the recipient has opted out", "no", "stop sending to this number"),
    ErrorCode(1241, "too many requests to send to phone numbers", "yes", "send more slowly"),
    ErrorCode(1242, "the number pool does not exist", "fix", "correct the pool's id"),
    ErrorCode(1250, "no route leads to the number", "no", "reach the person another way"),
    ErrorCode(1251, "routing rules forbid the destination's network", "no", "reach the person another way"),
    ErrorCode(1260, "the destination is unreachable", "no", "use another channel; Viber may not serve the country"),
    ErrorCode(1270, "an age restriction applies", "no", "do not send this content to this person"),
    ErrorCode(1280, "blocked by the carrier", "no", "reach the person another way"),
    ErrorCode(1282, "blocked by the provider", "fix", "change what goes against its policy"),
    ErrorCode(1290, "the recipient's prepaid balance is too low", "yes", "send it again in some hours"),
    ErrorCode(1300, "the recipient does not use this provider", "no", "fall back to another channel"),
    ErrorCode(1310, "the recipient's device cannot receive it", "no", "fall back to another channel"),
    ErrorCode(1320, "the message was sent before", "no", "nothing: it is on its way"),
    ErrorCode(1330, "delivery failed for good, for an unknown reason", "fix", "check the destination"),
    ErrorCode(1331, "the provider does not respond", "yes", "send it again in a few minutes"),
    ErrorCode(1340, "outside the window in which an answer is allowed", "fix", "send a template, or use a tag"),
    ErrorCode(1350, "the fee for matching phone numbers on Facebook is unpaid", "fix", "settle it with Facebook"),
    ErrorCode(1360, "the time to live ran out before delivery", "yes", "send it again if it still matters"),
    ErrorCode(1370, "the access token of the Facebook page has expired", "fix", "link the page again"),
    ErrorCode(1380, "the media URL is invalid or unreachable", "fix", "serve the file where the platform can get it"),
    ErrorCode(1381, "the media file is too large", "fix", "make the file smaller"),
    ErrorCode(1382, "the type of the media file is not supported", "fix", "use a type that the channel takes"),
    ErrorCode(1400, "the channel is not supported", "fix", "use another channel"),
    ErrorCode(1410, "parameters of the channel are invalid", "fix", "correct the channel's options"),
    ErrorCode(1420, "the sender is invalid", "fix", "use a sender that is linked to the application"),
    ErrorCode(1430, "the recipient is invalid", "fix", "correct the recipient"),
    ErrorCode(1431, "several recipients are not supported", "fix", "send one message to each"),
    ErrorCode(1440, "the channel does not support this message type", "fix", "use another type"),
    ErrorCode(1450, "the client_ref is invalid", "fix", "use at most 100 characters"),
    ErrorCode(1451, "the message in the context is unknown or gone", "fix", "send it without a context"),
    ErrorCode(1460, "the daily limit of the sender is reached (10DLC)", "yes", "send it again the next day"),
    ErrorCode(1461, "the provider limits messages to this person", "yes", "send marketing much later"),
    ErrorCode(1470, "a traffic rule of Fraud Defender applies", "fix", "adjust the rule"),
    ErrorCode(1472, "the burst protection of Fraud Defender applies", "yes", "wait, or set trusted_recipient"),
    ErrorCode(1473, "Fraud Defender suspects artificially inflated traffic", "fix", "review who triggers messages"),
    ErrorCode(1474, "Fraud Defender blocks the country", "fix", "allow the country in Fraud Defender"),
    ErrorCode(1475, "Fraud Defender blocks the network", "fix", "allow the network in Fraud Defender"),
    ErrorCode(1476, "the sender is on a do-not-originate list", "fix", "use another sender"),
    ErrorCode(1480, "refused by the entity filter", "fix", "correct the entity_id"),
    ErrorCode(1481, "refused by the header filter", "fix", "register the sender id"),
    ErrorCode(1482, "refused by the content filter", "fix", "correct the content_id or the text"),
    ErrorCode(1483, "refused by the consent filter", "fix", "have the recipient's consent registered"),
    ErrorCode(1484, "authentication or compliance failed", "fix", "complete the registration"),
    ErrorCode(
        1490, "receipts of some parts never came: parts may have arrived", "no", "do not repeat it: it may double"
    ),
    ErrorCode(
        2001, "the provider's protection against fraud and abuse applies", "fix", "review content and recipients"
    ),
    ErrorCode(2002, "the e-mail is too large", "fix", "make it smaller"),
    ErrorCode(2003, "the recipient is on the suppression list of e-mail", "no", "take the address off your list"),
)

CODES: Mapping[int, ErrorCode] = MappingProxyType({each.code: each for each in _ALL})
"""Every code that the reference lists, by its number."""
