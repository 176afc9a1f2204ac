"""
What the demo sends: one message of every class at least, and every builder, in both versions where both have it.

Nothing here is sent; ``rehearsal`` does that. Everything is made up: the numbers are those that Ofcom and NANPA keep
for fiction, the links lead to example.com.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from vonage_messages.channels.base import Message
from vonage_messages.channels.mail import (
    EmailContent,
    EmailContentHtml,
    EmailContentText,
    EmailHtml,
    EmailOptions,
    EmailText,
)
from vonage_messages.channels.messenger import (
    MessengerAudio,
    MessengerButtonTemplate,
    MessengerCallButton,
    MessengerCustom,
    MessengerElement,
    MessengerFile,
    MessengerGenericTemplate,
    MessengerImage,
    MessengerOptions,
    MessengerPostbackButton,
    MessengerText,
    MessengerUrlButton,
    MessengerVideo,
)
from vonage_messages.channels.mms import (
    MmsAudio,
    MmsContent,
    MmsContentItemAudio,
    MmsContentItemFile,
    MmsContentItemImage,
    MmsContentItemVcard,
    MmsContentItemVideo,
    MmsFile,
    MmsImage,
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
    RcsText,
    RcsVideo,
)
from vonage_messages.channels.rcs_cards import (
    RcsCard,
    RcsCarousel,
    RcsOptionsCard,
    RcsOptionsCarousel,
    RcsSuggestionActionCreateCalendarEvent,
    RcsSuggestionActionDial,
    RcsSuggestionActionOpenUrl,
    RcsSuggestionActionOpenUrlWebview,
    RcsSuggestionActionShareLocation,
    RcsSuggestionActionViewLocation,
    RcsSuggestionReply,
)
from vonage_messages.channels.sms import Sms, SmsOptions
from vonage_messages.channels.viber import (
    ViberAction,
    ViberFile,
    ViberImage,
    ViberImageResource,
    ViberTemplate,
    ViberTemplateResource,
    ViberText,
    ViberTextOptions,
    ViberVideo,
    ViberVideoOptions,
    ViberVideoResource,
)
from vonage_messages.channels.whatsapp import (
    WhatsappAudio,
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
    WhatsappTemplate,
    WhatsappTemplateResource,
    WhatsappTemplateSettings,
    WhatsappText,
    WhatsappVideo,
)
from vonage_messages.channels.whatsapp_custom import (
    WhatsappContacts,
    WhatsappCustomObject,
    WhatsappLocation,
    WhatsappTemplateComponents,
    WhatsappTemplateHeader,
    WhatsappTemplateQuickReply,
)
from vonage_messages.channels.whatsapp_interactive import (
    WhatsappInteractiveButtons,
    WhatsappInteractiveCatalog,
    WhatsappInteractiveCtaUrl,
    WhatsappInteractiveFlow,
    WhatsappInteractiveList,
    WhatsappInteractiveLocationRequest,
    WhatsappInteractiveProduct,
    WhatsappInteractiveProductList,
    WhatsappListRow,
    WhatsappListSection,
    WhatsappProductSection,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vonage_messages.wire.payloads import ApiVersion

PERSON = "447700900000"
COMPANY = "447700900001"
AMERICAN = "14155550101"
AMERICAN_COMPANY = "14155550100"
FAN = "7064120230221346"
PAGE = "107083064136738"
VIBER_SERVICE = "22353"
READER = "ada@example.com"
NEWSPAPER = "news@example.org"
EARLIER = "aaaaaaaa-bbbb-4ccc-8ddd-0123456789ab"
LINK = "https://example.com/"


@attrs.frozen
class Exhibit:
    """One message that the demo sends, and over which versions."""

    message: Message
    detail: str = ""
    """What sets it apart from others of its type, in a few words; empty where the type says it all."""

    versions: tuple[ApiVersion, ...] = attrs.field(kw_only=True, default=("v1",))


def exhibits() -> Iterator[Exhibit]:
    """Give everything that the demo sends, channel by channel."""
    yield from _sms()
    yield from _mms()
    yield from _rcs()
    yield from _whatsapp()
    yield from _whatsapp_custom()
    yield from _messenger()
    yield from _viber()
    yield from _email()
    yield from _raw()
    yield from _failover()


def _both(message: Message, detail: str = "") -> Exhibit:
    return Exhibit(message, detail, versions=("v1", "v0.1"))


def _sms() -> Iterator[Exhibit]:
    yield _both(Sms(to="+44 7700 900000", from_="Acme", text="Your parcel is at the door.", client_ref="parcel-1"))
    unicode_options = SmsOptions(encoding_type="unicode")
    yield Exhibit(Sms(to=PERSON, from_="Acme", text="こんにちは", ttl=600, sms=unicode_options), "unicode, ttl")


def _mms() -> Iterator[Exhibit]:
    to, sender = AMERICAN, AMERICAN_COMPANY
    picture = MmsResource(url=LINK + "parcel.jpg", caption="Your parcel")
    yield Exhibit(MmsText(to=to, from_=sender, text="Your parcel is at the door."))
    yield Exhibit(MmsImage(to=to, from_=sender, image=picture), "caption")
    yield Exhibit(MmsImage(to=to, from_=sender, image=LINK + "parcel.jpg"), versions=("v0.1",))
    yield Exhibit(MmsVcard(to=to, from_=sender, vcard=LINK + "driver.vcf"))
    yield Exhibit(MmsAudio(to=to, from_=sender, audio=LINK + "bell.mp3"))
    yield Exhibit(MmsVideo(to=to, from_=sender, video=LINK + "door.mp4"))
    yield Exhibit(MmsFile(to=to, from_=sender, file=LINK + "receipt.pdf"))
    yield Exhibit(
        MmsContent(
            to=to,
            from_=sender,
            content=(
                MmsContentItemImage(url=LINK + "parcel.jpg", caption="Your parcel"),
                MmsContentItemAudio(url=LINK + "bell.mp3"),
                MmsContentItemVideo(url=LINK + "door.mp4"),
                MmsContentItemFile(url=LINK + "receipt.pdf"),
                MmsContentItemVcard(url=LINK + "driver.vcf"),
            ),
        ),
        "five files",
    )


def _rcs() -> Iterator[Exhibit]:
    to, sender = PERSON, "Acme"
    lamp = RcsCard(title="Lamp", text="Warm light", media_url=LINK + "lamp.jpg", media_height="MEDIUM")
    chair = RcsCard(title="Chair", text="Soft seat", media_url=LINK + "chair.jpg", media_height="MEDIUM")
    yield Exhibit(RcsText(to=to, from_=sender, text="Your parcel is at the door."))
    yield Exhibit(RcsText(to=to, from_=sender, text="Shall we ring?", suggestions=_suggestions()), "seven suggestions")
    yield Exhibit(RcsImage(to=to, from_=sender, image=LINK + "parcel.jpg"))
    yield Exhibit(RcsVideo(to=to, from_=sender, video=LINK + "door.mp4"))
    yield Exhibit(RcsFile(to=to, from_=sender, file=LINK + "receipt.pdf"))
    yield Exhibit(RcsCardMessage(to=to, from_=sender, card=lamp, rcs=RcsOptionsCard(card_orientation="VERTICAL")))
    yield Exhibit(
        RcsCarouselMessage(
            to=to,
            from_=sender,
            carousel=RcsCarousel(cards=(lamp, chair)),
            rcs=RcsOptionsCarousel(card_width="SMALL"),
        ),
        "two cards",
    )
    yield Exhibit(RcsCustom(to=to, from_=sender, custom={"contentMessage": {"text": "Your parcel is at the door."}}))


def _suggestions() -> tuple[
    RcsSuggestionReply,
    RcsSuggestionActionDial,
    RcsSuggestionActionViewLocation,
    RcsSuggestionActionShareLocation,
    RcsSuggestionActionOpenUrl,
    RcsSuggestionActionOpenUrlWebview,
    RcsSuggestionActionCreateCalendarEvent,
]:
    return (
        RcsSuggestionReply(text="Yes", postback_data="yes"),
        RcsSuggestionActionDial(text="Call us", postback_data="call", phone_number="+447700900001"),
        RcsSuggestionActionViewLocation(
            text="Find us", postback_data="map", latitude="51.5007", longitude="-0.1246", pin_label="Our shop"
        ),
        RcsSuggestionActionShareLocation(text="Where are you?", postback_data="where"),
        RcsSuggestionActionOpenUrl(text="Shop", postback_data="shop", url=LINK, description="Our shop"),
        RcsSuggestionActionOpenUrlWebview(
            text="Book", postback_data="book", url=LINK + "book", description="Book a table", view_mode="TALL"
        ),
        RcsSuggestionActionCreateCalendarEvent(
            text="Save",
            postback_data="save",
            start_time="2026-12-24T18:00:00Z",
            end_time="2026-12-24T20:00:00Z",
            title="Dinner",
            description="At eight",
        ),
    )


def _whatsapp() -> Iterator[Exhibit]:
    to, sender = PERSON, COMPANY
    earlier = WhatsappContext(message_uuid=EARLIER)
    yield _both(WhatsappText(to=to, from_=sender, text="Your parcel is at the door."))
    yield Exhibit(WhatsappText(to=to, from_=sender, text="This one.", context=earlier), "answers another")
    yield Exhibit(WhatsappText(to="GB.13491208655302741918", from_=sender, text="Hello"), "to a user id")
    yield _both(
        WhatsappImage(to=to, from_=sender, image=WhatsappImageResource(url=LINK + "parcel.jpg", caption="Here")),
        "caption",
    )
    yield _both(WhatsappAudio(to=to, from_=sender, audio=LINK + "bell.mp3"))
    yield _both(WhatsappVideo(to=to, from_=sender, video=LINK + "door.mp4"))
    receipt = WhatsappFileResource(url=LINK + "receipt.pdf", caption="Your receipt", name="receipt.pdf")
    yield Exhibit(WhatsappFile(to=to, from_=sender, file=receipt), "caption, name")
    yield Exhibit(WhatsappFile(to=to, from_=sender, file=LINK + "receipt.pdf"), versions=("v0.1",))
    yield _both(
        WhatsappTemplate(
            to=to,
            from_=sender,
            template=WhatsappTemplateResource(name="order_shipped", parameters=("Ada", "AB123")),
            whatsapp=WhatsappTemplateSettings(locale="en_GB", policy="deterministic"),
        )
    )
    yield Exhibit(WhatsappSticker(to=to, from_=sender, sticker=LINK + "wave.webp"), "by URL")
    yield Exhibit(WhatsappSticker(to=to, from_=sender, sticker=WhatsappStickerId(id=EARLIER)), "by id")
    thumb = WhatsappReactionResource(action="react", emoji="👍")
    yield Exhibit(WhatsappReaction(to=to, from_=sender, reaction=thumb, context=earlier))


def _whatsapp_custom() -> Iterator[Exhibit]:
    for detail, custom in (*_whatsapp_custom_objects(), *_whatsapp_interactive_objects()):
        yield _both(WhatsappCustom(to=PERSON, from_=COMPANY, custom=custom), detail)


def _whatsapp_custom_objects() -> Iterator[tuple[str, WhatsappCustomObject]]:
    shop = WhatsappLocation(longitude=-0.1246, latitude=51.5007, name="Our shop", address="1 High Street")
    yield "location", shop
    phones = ({"phone": "+44 7700 900001", "wa_id": COMPANY},)
    yield "contacts", WhatsappContacts(contacts=({"name": "Ada Lovelace", "phones": phones},))
    yield (
        "template with parts",
        WhatsappTemplateComponents(
            name="parcel",
            language="en_GB",
            header=WhatsappTemplateHeader(image=LINK + "parcel.jpg"),
            body=("Ada", "AB123"),
            buttons=(WhatsappTemplateQuickReply(index=0, payload="ring"),),
        ),
    )
    yield "template with a code", WhatsappTemplateComponents.authentication(name="sign_in", code="314159")


def _whatsapp_interactive_objects() -> Iterator[tuple[str, WhatsappCustomObject]]:
    yield "buttons", WhatsappInteractiveButtons(body="Shall we ring?", buttons=("Yes", "No"), footer="Acme")
    rows = (WhatsappListRow(id="am", title="Morning"), WhatsappListRow(id="pm", title="Afternoon"))
    yield (
        "list",
        WhatsappInteractiveList(body="When?", button="Choose", sections=(WhatsappListSection(rows=rows),)),
    )
    yield (
        "product",
        WhatsappInteractiveProduct(catalog_id="c1", product_retailer_id="lamp-1", body="Look at this"),
    )
    lamps = WhatsappProductSection(title="Desk", product_retailer_ids=("lamp-1", "lamp-2"))
    yield (
        "product list",
        WhatsappInteractiveProductList(header="Lamps", body="Our best", catalog_id="c1", sections=(lamps,)),
    )
    yield "flow", WhatsappInteractiveFlow(body="Book a table", flow_id="1234567890", flow_cta="Book")
    yield "location request", WhatsappInteractiveLocationRequest(body="Where shall we deliver?")
    yield (
        "link",
        WhatsappInteractiveCtaUrl(body="Your table is booked", display_text="See it", url=LINK + "booking/1"),
    )
    yield (
        "catalogue",
        WhatsappInteractiveCatalog(body="Have a look round", thumbnail_product_retailer_id="lamp-1"),
    )


def _messenger() -> Iterator[Exhibit]:
    to, sender = FAN, PAGE
    tagged = MessengerOptions(category="message_tag", tag="POST_PURCHASE_UPDATE")
    yield _both(MessengerText(to=to, from_=sender, text="Your parcel is at the door."))
    yield _both(MessengerText(to=to, from_=sender, text="It has left.", messenger=tagged), "category, tag")
    yield _both(MessengerImage(to=to, from_=sender, image=LINK + "parcel.jpg"))
    yield _both(MessengerAudio(to=to, from_=sender, audio=LINK + "bell.mp3"))
    yield _both(MessengerVideo(to=to, from_=sender, video=LINK + "door.mp4"))
    yield _both(MessengerFile(to=to, from_=sender, file=LINK + "receipt.pdf"))
    buttons = (
        MessengerPostbackButton(title="Yes", payload="yes"),
        MessengerUrlButton(title="Shop", url=LINK),
        MessengerCallButton(title="Call us", phone_number="+447700900001"),
    )
    yield _both(
        MessengerCustom(to=to, from_=sender, custom=MessengerButtonTemplate(text="Shall we ring?", buttons=buttons)),
        "button template",
    )
    lamp = MessengerElement(title="Lamp", subtitle="Warm light", image_url=LINK + "lamp.jpg", buttons=buttons[:2])
    yield _both(
        MessengerCustom(to=to, from_=sender, custom=MessengerGenericTemplate(elements=(lamp,))), "generic template"
    )


def _viber() -> Iterator[Exhibit]:
    to, sender = PERSON, VIBER_SERVICE
    track = ViberAction(url=LINK + "track", text="Track it")
    yield _both(ViberText(to=to, from_=sender, text="Your parcel is at the door."))
    with_button = ViberTextOptions(category="transaction", ttl=600, action=track)
    yield Exhibit(ViberText(to=to, from_=sender, text="It has left.", viber_service=with_button), "button, ttl")
    parcel = ViberImageResource(url=LINK + "parcel.jpg", caption="Your parcel")
    yield Exhibit(ViberImage(to=to, from_=sender, image=parcel), "caption")
    yield Exhibit(ViberImage(to=to, from_=sender, image=LINK + "parcel.jpg"), versions=("v0.1",))
    yield Exhibit(
        ViberVideo(
            to=to,
            from_=sender,
            video=ViberVideoResource(url=LINK + "door.mp4", thumb_url=LINK + "door.jpg"),
            viber_service=ViberVideoOptions(duration="30", file_size="5"),
        )
    )
    yield Exhibit(ViberFile(to=to, from_=sender, file=LINK + "receipt.pdf"))
    template = ViberTemplateResource(name="order_shipped", parameters=("Ada", "AB123"))
    yield Exhibit(ViberTemplate(to=to, from_=sender, template=template), versions=("v0.1",))


def _email() -> Iterator[Exhibit]:
    to, sender = READER, NEWSPAPER
    options = EmailOptions(subject="Your parcel", from_name="Acme", importance="High", cc=("post@example.com",))
    both = (EmailContentText(text="It is at the door."), EmailContentHtml(body="<p>It is at the door.</p>"))
    yield Exhibit(EmailText(to=to, from_=sender, text="It is at the door.", email=options))
    yield Exhibit(EmailHtml(to=to, from_=sender, html="<p>It is at the door.</p>", email=options))
    yield Exhibit(EmailContent(to=to, from_=sender, content=both, email=options), "text and html")


def _raw() -> Iterator[Exhibit]:
    text = "Your parcel is at the door."
    flat = {"channel": "sms", "message_type": "text", "to": PERSON, "from": "Acme", "text": text}
    nested = {
        "to": {"type": "sms", "number": PERSON},
        "from": {"type": "sms", "number": "Acme"},
        "message": {"content": {"type": "text", "text": text}},
    }
    yield Exhibit(RawMessage(flat), "RawMessage")
    yield Exhibit(RawMessage(nested), "RawMessage", versions=("v0.1",))


def _failover() -> Iterator[Exhibit]:
    text = "Your parcel is at the door."
    instead = (WhatsappText(to=PERSON, from_=COMPANY, text=text), Sms(to=PERSON, from_="Acme", text=text))
    yield Exhibit(RcsText(to=PERSON, from_="Acme", text=text, failover=instead), "else whatsapp, sms")
