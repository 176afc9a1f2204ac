"""
The base of the builders of custom objects: typed values that are written out as the JSON a provider wants.

The platform passes a custom object on unread, so the shapes are the provider's (Meta's), and so are most limits;
each builder says where its limits come from. A plain dictionary is always accepted in a builder's place.
"""

from __future__ import annotations

from typing import Any

import attrs

from vonage_messages.channels.base import Value


@attrs.frozen(kw_only=True, weakref_slot=False)
class CustomObject(Value):
    """A value that can be written out as (a part of) a custom object."""

    def to_json(self) -> dict[str, Any]:
        """Write the value out; ``None`` fields are left out."""
        raise NotImplementedError


def without_none(**fields: Any) -> dict[str, Any]:
    """Make a JSON object of the fields that are set."""
    return {key: value for key, value in fields.items() if value is not None}


def text_object(text: str | None) -> dict[str, str] | None:
    """Wrap a text as WhatsApp wants it: ``{"text": …}``."""
    return None if text is None else {"text": text}
