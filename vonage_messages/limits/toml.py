"""
Limits in a file: the text of a TOML document becomes ``Limits``.

::

    account = { n = 30 }                                   # per = 1.0 second where nothing is said

    [senders]
    14155550100 = [{ n = 1 }, { cap = 2000 }]              # one a second, and 2,000 in any day (per = 86400.0)

    [each_sender]
    whatsapp = { n = 80 }

    [pairs]
    whatsapp = { n = 1, per = 6.0, burst = 45 }

    [prefixes]
    1 = { n = 10 }

``base = "published"`` (or ``"sandbox"``) at the top starts from those limits; a level that the file names replaces
the same entries, and ``account = false`` takes the account's limit away.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from typing import Any

from vonage_messages.errors import ConfigurationError
from vonage_messages.limits.levels import Limit, LimitOrLimits, Limits
from vonage_messages.limits.rate import Cap, Rate

_TABLES = ("channels", "senders", "each_sender", "pairs", "prefixes")
_BASES = {"published": Limits.published, "sandbox": Limits.sandbox, "unlimited": Limits.unlimited}


def read_limits(text: str) -> Limits:
    """
    Read limits from the text of a TOML document.

    Raises:
        ConfigurationError: the text is no TOML, or names what is no limit; the sentence names the entry.
    """
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError(f"the limits are no TOML: {error}.") from None
    unknown = sorted(document.keys() - {"base", "account", *_TABLES})
    if unknown:
        raise ConfigurationError(
            f"the limits have an unknown entry {unknown[0]!r}: there are base, account, {', '.join(_TABLES)}."
        )
    base = _base(document.get("base", "unlimited"))
    arguments: dict[str, Any] = {"account": base.account}
    if "account" in document:
        arguments["account"] = None if document["account"] is False else _entry(document["account"], "account")
    for level in _TABLES:
        arguments[level] = {**getattr(base, level), **_level(document.get(level, {}), level)}
    return Limits(**arguments)


def _base(name: object) -> Limits:
    if not isinstance(name, str) or name not in _BASES:
        raise ConfigurationError(f"the limits are based on {name!r}: base must be one of {', '.join(_BASES)}.")
    return _BASES[name]()


def _level(table: object, level: str) -> dict[str, LimitOrLimits]:
    if not isinstance(table, Mapping):
        raise ConfigurationError(f"the limits of {level} must be a table, such as [{level}], not {table!r}.")
    return {key: _entry(value, f"{level} {key}") for key, value in table.items()}


def _entry(value: object, where: str) -> LimitOrLimits:
    if isinstance(value, list):
        return tuple(_limit(each, where) for each in value)
    return _limit(value, where)


def _limit(value: object, where: str) -> Limit:
    if not isinstance(value, Mapping):
        raise ConfigurationError(
            f"the limit of {where} must be {{ n = … }} or {{ cap = … }}, or a list of such, not {value!r}."
        )
    fields = dict(value)
    cap = "cap" in fields
    allowed = {"cap", "per"} if cap else {"n", "per", "burst"}
    unknown = sorted(fields.keys() - allowed)
    if unknown or ("n" not in fields and not cap):
        raise ConfigurationError(
            f"the limit of {where} must have n (and per, burst) or cap (and per), not "
            f"{', '.join(sorted(fields)) or 'nothing'}."
        )
    try:
        return Cap(fields.pop("cap"), **fields) if cap else Rate(fields.pop("n"), **fields)
    except ConfigurationError as error:
        raise ConfigurationError(f"the limit of {where}: {error}") from None
