"""
Builders of WhatsApp custom objects: template components, contacts, location.

Give one to ``WhatsappCustom(custom=…)``. The interactive ones stand in ``whatsapp_interactive``.
Reference: Messages API v1, section "custom payloads (WhatsApp)"; limits of the WhatsApp concept page: 60 characters in
a template's header, 1,024 in its body.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias, cast

import attrs

from vonage_messages.channels import rules
from vonage_messages.channels.base import Value, build, build_each, nested
from vonage_messages.channels.custom import CustomObject, without_none
from vonage_messages.errors import Problem


@attrs.frozen(kw_only=True, weakref_slot=False)
class WhatsappCustomObject(CustomObject):
    """The base of everything that can be a ``WhatsappCustom.custom``."""


@attrs.frozen(kw_only=True, weakref_slot=False)
class WhatsappLocation(WhatsappCustomObject):
    """
    A place on the map; ``address`` is shown only beside a ``name``.

    ``WhatsappLocation(longitude=-0.1246, latitude=51.5007, name="Our shop", address="1 High Street")``
    """

    longitude: float = attrs.field(metadata=rules.number(minimum=-180, maximum=180, unit="degrees"))
    latitude: float = attrs.field(metadata=rules.number(minimum=-90, maximum=90, unit="degrees"))
    name: str | None = attrs.field(default=None, metadata=rules.text())
    address: str | None = attrs.field(default=None, metadata=rules.text())

    def _problems_across_fields(self) -> Iterable[Problem]:
        if self.address is not None and self.name is None:
            yield Problem("name", "is required with address: WhatsApp shows an address only beside a name")

    def place(self) -> dict[str, Any]:
        """Write the place alone, as a template header takes it."""
        return without_none(longitude=self.longitude, latitude=self.latitude, name=self.name, address=self.address)

    def to_json(self) -> dict[str, Any]:
        """Write the object out as the provider wants it."""
        return {"type": "location", "location": self.place()}


@attrs.frozen(kw_only=True, weakref_slot=False)
class WhatsappContactName(Value):
    """A contact's name; ``formatted_name`` is the one that is shown."""

    formatted_name: str = attrs.field(metadata=rules.text())
    first_name: str | None = attrs.field(default=None, metadata=rules.text())
    last_name: str | None = attrs.field(default=None, metadata=rules.text())
    middle_name: str | None = attrs.field(default=None, metadata=rules.text())
    prefix: str | None = attrs.field(default=None, metadata=rules.text())
    suffix: str | None = attrs.field(default=None, metadata=rules.text())


@attrs.frozen(kw_only=True, weakref_slot=False)
class WhatsappContactAddress(Value):
    """A postal address; ``type_`` is HOME or WORK."""

    street: str | None = attrs.field(default=None, metadata=rules.text())
    city: str | None = attrs.field(default=None, metadata=rules.text())
    state: str | None = attrs.field(default=None, metadata=rules.text())
    zip: str | None = attrs.field(default=None, metadata=rules.text())
    country: str | None = attrs.field(default=None, metadata=rules.text())
    country_code: str | None = attrs.field(default=None, metadata=rules.text())
    type_: str | None = attrs.field(default=None, metadata=rules.text())


@attrs.frozen(kw_only=True, weakref_slot=False)
class WhatsappContactEmail(Value):
    """An e-mail address."""

    email: str = attrs.field(metadata=rules.text())
    type_: str | None = attrs.field(default=None, metadata=rules.text())


@attrs.frozen(kw_only=True, weakref_slot=False)
class WhatsappContactPhone(Value):
    """A phone number as it is shown; with ``wa_id`` it can be written to on WhatsApp."""

    phone: str = attrs.field(metadata=rules.text())
    type_: str | None = attrs.field(default=None, metadata=rules.text())
    wa_id: str | None = attrs.field(default=None, metadata=rules.text())


@attrs.frozen(kw_only=True, weakref_slot=False)
class WhatsappContactUrl(Value):
    """A web page."""

    url: str = attrs.field(metadata=rules.url())
    type_: str | None = attrs.field(default=None, metadata=rules.text())


@attrs.frozen(kw_only=True, weakref_slot=False)
class WhatsappContactOrganization(Value):
    """Where the contact works."""

    company: str | None = attrs.field(default=None, metadata=rules.text())
    department: str | None = attrs.field(default=None, metadata=rules.text())
    title: str | None = attrs.field(default=None, metadata=rules.text())


def to_name(value: WhatsappContactName | Mapping[str, Any] | str) -> WhatsappContactName:
    """Build the name from a plain dictionary, or from the name as it is shown. Never raises."""
    given = {"formatted_name": value} if isinstance(value, str) else value
    return cast("WhatsappContactName", build(WhatsappContactName, given))


def to_organization(
    value: WhatsappContactOrganization | Mapping[str, Any] | None,
) -> WhatsappContactOrganization | None:
    """Build the organisation from a plain dictionary. Never raises."""
    return cast("WhatsappContactOrganization | None", build(WhatsappContactOrganization, value))


def to_contact_addresses(
    value: Iterable[WhatsappContactAddress | Mapping[str, Any]] | None,
) -> tuple[WhatsappContactAddress, ...] | None:
    """Build the addresses from plain dictionaries. Never raises."""
    items = build_each(lambda item: build(WhatsappContactAddress, item), value)
    return cast("tuple[WhatsappContactAddress, ...] | None", items)


def to_contact_emails(
    value: Iterable[WhatsappContactEmail | Mapping[str, Any]] | None,
) -> tuple[WhatsappContactEmail, ...] | None:
    """Build the e-mail addresses from plain dictionaries. Never raises."""
    items = build_each(lambda item: build(WhatsappContactEmail, item), value)
    return cast("tuple[WhatsappContactEmail, ...] | None", items)


def to_contact_phones(
    value: Iterable[WhatsappContactPhone | Mapping[str, Any]] | None,
) -> tuple[WhatsappContactPhone, ...] | None:
    """Build the phone numbers from plain dictionaries. Never raises."""
    items = build_each(lambda item: build(WhatsappContactPhone, item), value)
    return cast("tuple[WhatsappContactPhone, ...] | None", items)


def to_contact_urls(
    value: Iterable[WhatsappContactUrl | Mapping[str, Any]] | None,
) -> tuple[WhatsappContactUrl, ...] | None:
    """Build the pages from plain dictionaries. Never raises."""
    items = build_each(lambda item: build(WhatsappContactUrl, item), value)
    return cast("tuple[WhatsappContactUrl, ...] | None", items)


@attrs.frozen(kw_only=True, weakref_slot=False)
class WhatsappContact(Value):
    """
    One contact card.

    ``WhatsappContact(name="Ada Lovelace", phones=[{"phone": "+44 7700 900000", "wa_id": "447700900000"}])``
    """

    name: WhatsappContactName = attrs.field(converter=to_name, metadata=nested(WhatsappContactName))
    addresses: tuple[WhatsappContactAddress, ...] | None = attrs.field(
        default=None, converter=to_contact_addresses, metadata=rules.array(nested(WhatsappContactAddress))
    )
    birthday: str | None = attrs.field(
        default=None,
        metadata=rules.pattern(
            r"[0-9]{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])", "must be a date such as 1815-12-10"
        ),
    )
    emails: tuple[WhatsappContactEmail, ...] | None = attrs.field(
        default=None, converter=to_contact_emails, metadata=rules.array(nested(WhatsappContactEmail))
    )
    org: WhatsappContactOrganization | None = attrs.field(
        default=None, converter=to_organization, metadata=nested(WhatsappContactOrganization)
    )
    phones: tuple[WhatsappContactPhone, ...] | None = attrs.field(
        default=None, converter=to_contact_phones, metadata=rules.array(nested(WhatsappContactPhone))
    )
    urls: tuple[WhatsappContactUrl, ...] | None = attrs.field(
        default=None, converter=to_contact_urls, metadata=rules.array(nested(WhatsappContactUrl))
    )


def to_contacts(value: Iterable[WhatsappContact | Mapping[str, Any]]) -> tuple[WhatsappContact, ...]:
    """Build the contacts from plain dictionaries. Never raises."""
    items = build_each(lambda item: build(WhatsappContact, item), value)
    return cast("tuple[WhatsappContact, ...]", items)


@attrs.frozen(kw_only=True, weakref_slot=False)
class WhatsappContacts(WhatsappCustomObject):
    """
    One or more contact cards.

    ``WhatsappContacts(contacts=[WhatsappContact(name="Ada Lovelace")])``
    """

    contacts: tuple[WhatsappContact, ...] = attrs.field(
        converter=to_contacts, metadata=rules.array(nested(WhatsappContact))
    )

    def to_json(self) -> dict[str, Any]:
        """Write the object out as the provider wants it."""
        return {"type": "contacts", "contacts": [_plain(contact) for contact in self.contacts]}


def _plain(value: object) -> Any:
    """Write a contact out field by field; its attributes are called as its JSON keys are."""
    if isinstance(value, tuple):
        return [_plain(each) for each in value]
    if not isinstance(value, Value):
        return value
    return {
        field.name.removesuffix("_"): _plain(each)
        for field in attrs.fields(type(value))
        if (each := getattr(value, field.name)) is not None
    }


def to_location(value: WhatsappLocation | Mapping[str, Any] | None) -> WhatsappLocation | None:
    """Build the place from a plain dictionary. Never raises."""
    return cast("WhatsappLocation | None", build(WhatsappLocation, value))


@attrs.frozen(kw_only=True, weakref_slot=False)
class WhatsappTemplateHeader(CustomObject):
    """
    The header of a template: exactly one of a text (60 characters), a media link, a place.

    ``WhatsappTemplateHeader(image="https://example.com/parcel.jpg")``
    """

    text: str | None = attrs.field(default=None, metadata=rules.text(max=60))
    image: str | None = attrs.field(default=None, metadata=rules.url())
    video: str | None = attrs.field(default=None, metadata=rules.url())
    document: str | None = attrs.field(default=None, metadata=rules.url())
    filename: str | None = attrs.field(default=None, metadata=rules.text())
    """The name under which a document is shown."""
    location: WhatsappLocation | None = attrs.field(
        default=None, converter=to_location, metadata=nested(WhatsappLocation)
    )

    def _problems_across_fields(self) -> Iterable[Problem]:
        given = [each for each in (self.text, self.image, self.video, self.document, self.location) if each is not None]
        if len(given) != 1:
            yield Problem("", "exactly one of text, image, video, document, location must be given")
        if self.filename is not None and self.document is None:
            yield Problem("filename", "goes with a document only")

    def to_json(self) -> dict[str, Any]:
        """Write the object out as the provider wants it."""
        parameter: dict[str, Any]
        if self.text is not None:
            parameter = {"type": "text", "text": self.text}
        elif self.location is not None:
            parameter = {"type": "location", "location": self.location.place()}
        else:
            kind = next(each for each in ("image", "video", "document") if getattr(self, each) is not None)
            parameter = {"type": kind, kind: without_none(link=getattr(self, kind), filename=self.filename)}
        return {"type": "header", "parameters": [parameter]}


def to_body_parameters(value: Iterable[str] | None) -> tuple[str, ...] | None:
    """Turn the values into a tuple. Never raises."""
    return cast("tuple[str, ...] | None", rules.as_tuple(value))


def to_named_parameters(value: Mapping[str, str] | None) -> Mapping[str, str] | None:
    """Copy the values. Never raises."""
    return dict(value) if isinstance(value, Mapping) else value


@attrs.frozen(kw_only=True, weakref_slot=False)
class WhatsappTemplateBody(CustomObject):
    """
    The values of a template's body: in order, or by name (exactly one of the two), 1,024 characters each at most.

    ``WhatsappTemplateBody(parameters=["Ada", "AB123"])`` or ``WhatsappTemplateBody(named={"customer": "Ada"})``
    """

    parameters: tuple[str, ...] | None = attrs.field(
        default=None,
        converter=to_body_parameters,
        metadata=rules.array(rules.text(max=1024)),
    )
    named: Mapping[str, str] | None = attrs.field(
        default=None,
        converter=to_named_parameters,
        metadata=rules.mapping_of(rules.text(max=1024)),
        hash=False,
    )

    def _problems_across_fields(self) -> Iterable[Problem]:
        if (self.parameters is None) == (self.named is None):
            yield Problem("", "exactly one of parameters (in order) and named (by name) must be given")

    def to_json(self) -> dict[str, Any]:
        """Write the object out as the provider wants it."""
        in_order = [{"type": "text", "text": each} for each in self.parameters or ()]
        by_name = [{"type": "text", "parameter_name": name, "text": each} for name, each in (self.named or {}).items()]
        return {"type": "body", "parameters": in_order or by_name}


@attrs.frozen(kw_only=True, weakref_slot=False)
class WhatsappTemplateQuickReply(CustomObject):
    """
    A quick-reply button; its payload comes back in the webhook.

    ``WhatsappTemplateQuickReply(index=0, payload="yes")``
    """

    index: int = attrs.field(metadata=rules.integer(0, 9, "position of the button"))
    payload: str = attrs.field(metadata=rules.text())

    def to_json(self) -> dict[str, Any]:
        """Write the object out as the provider wants it."""
        return {
            "type": "button",
            "sub_type": "quick_reply",
            "index": self.index,
            "parameters": [{"type": "payload", "payload": self.payload}],
        }


@attrs.frozen(kw_only=True, weakref_slot=False)
class WhatsappTemplateLink(CustomObject):
    """
    A link button: ``text`` completes its URL. An authentication template takes the code here and in the body.

    ``WhatsappTemplateLink(index=0, text="AB123")``
    """

    index: int = attrs.field(metadata=rules.integer(0, 9, "position of the button"))
    text: str = attrs.field(metadata=rules.text())

    def to_json(self) -> dict[str, Any]:
        """Write the object out as the provider wants it."""
        return {
            "type": "button",
            "sub_type": "url",
            "index": str(self.index),
            "parameters": [{"type": "text", "text": self.text}],
        }


WhatsappTemplateButton: TypeAlias = WhatsappTemplateQuickReply | WhatsappTemplateLink


def to_template_header(
    value: WhatsappTemplateHeader | Mapping[str, Any] | None,
) -> WhatsappTemplateHeader | None:
    """Build the header from a plain dictionary. Never raises."""
    return cast("WhatsappTemplateHeader | None", build(WhatsappTemplateHeader, value))


def to_template_body(
    value: WhatsappTemplateBody | Iterable[str] | Mapping[str, Any] | None,
) -> WhatsappTemplateBody | None:
    """Build the body from a list of values, or from a dictionary of names and values. Never raises."""
    if isinstance(value, Mapping) and not value.keys() <= {"parameters", "named"}:
        given: object = {"named": value}
    elif isinstance(value, list | tuple):
        given = {"parameters": value}
    else:
        given = value
    return cast("WhatsappTemplateBody | None", build(WhatsappTemplateBody, given))


def to_template_buttons(
    value: Iterable[WhatsappTemplateButton] | None,
) -> tuple[WhatsappTemplateButton, ...] | None:
    """Turn the buttons into a tuple. Never raises."""
    return cast("tuple[WhatsappTemplateButton, ...] | None", rules.as_tuple(value))


@attrs.frozen(kw_only=True, weakref_slot=False)
class WhatsappTemplateComponents(WhatsappCustomObject):
    """
    A template with components: header, body, buttons.

    ``WhatsappTemplateComponents(name="parcel", language="en_GB", body=["Ada", "AB123"],
    header=WhatsappTemplateHeader(image="https://example.com/parcel.jpg"))``

    ``language`` is WhatsApp's spelling, such as ``en_GB``. ``body`` may be a plain list (in order) or dictionary
    (by name). For an authentication template see ``authentication``.
    """

    name: str = attrs.field(metadata=rules.text())
    language: str = attrs.field(default="en_US", metadata=rules.text())
    policy: str = attrs.field(default="deterministic", metadata=rules.constant("deterministic"))
    namespace: str | None = attrs.field(default=None, metadata=rules.text())
    header: WhatsappTemplateHeader | None = attrs.field(
        default=None,
        converter=to_template_header,
        metadata=nested(WhatsappTemplateHeader),
    )
    body: WhatsappTemplateBody | None = attrs.field(
        default=None, converter=to_template_body, metadata=nested(WhatsappTemplateBody)
    )
    buttons: tuple[WhatsappTemplateButton, ...] | None = attrs.field(
        default=None,
        converter=to_template_buttons,
        metadata=rules.array(nested(WhatsappTemplateQuickReply, WhatsappTemplateLink), max=10),
    )

    @classmethod
    def authentication(cls, *, name: str, code: str, language: str = "en_US") -> WhatsappTemplateComponents:
        """
        Build the form of an authentication template: the code in the body and, the same, in the link button.

        Raises:
            InvalidMessageError: a field is refused.
        """
        return cls(name=name, language=language, body=[code], buttons=[WhatsappTemplateLink(index=0, text=code)])

    def to_json(self) -> dict[str, Any]:
        """Write the object out as the provider wants it."""
        parts = [self.header, self.body, *(self.buttons or ())]
        components = [part.to_json() for part in parts if part is not None]
        template = without_none(
            namespace=self.namespace,
            name=self.name,
            language={"policy": self.policy, "code": self.language},
            components=components or None,
        )
        return {"type": "template", "template": template}
