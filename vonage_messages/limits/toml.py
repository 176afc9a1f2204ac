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

``base = "published"`` (or ``"sandbox"``) at the top starts from those limits, as ``Limits.replacing`` does: an entry of
the file replaces the same entry, and ``false`` takes it away (``account = false``). A name with anything but letters,
digits, ``-`` and ``_`` in it stands in quotes: ``"messenger/audio,video"``.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from typing import Any, Final

from vonage_messages.errors import ConfigurationError
from vonage_messages.limits.levels import LEVELS, Limit, LimitGiven, Limits
from vonage_messages.limits.rate import Cap, Rate

_BASES: Final = {"published": Limits.published, "sandbox": Limits.sandbox, "unlimited": Limits.unlimited}


def read_limits(text: str) -> Limits:
    """
    Read limits from the text of a TOML document.

    Raises:
        ConfigurationError: the text is no TOML, or names what is no limit; the sentence names the entry.
    """
    document = _document(text)
    unknown = sorted(document.keys() - {"base", "account", *LEVELS})
    if unknown:
        raise ConfigurationError(
            f"the limits have an unknown entry {unknown[0]!r}: there are base, account, {', '.join(LEVELS)}."
        )
    base = _base(document.pop("base", "unlimited"))
    changes: dict[str, Any] = {
        level: _entry(value, level) if level == "account" else _level(value, level) for level, value in document.items()
    }
    return base.replacing(**changes)


def _document(text: object) -> dict[str, Any]:
    if not isinstance(text, str):
        raise ConfigurationError(
            f"Limits.from_toml takes the text of a file, not {type(text).__name__}: Limits.from_toml(path.read_text())."
        )
    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # no TOML; a number too long to read; nested too deeply
        if _is_file_name(text):
            raise ConfigurationError(
                f"Limits.from_toml takes the text of a file, not its name {text!r}: "
                f"Limits.from_toml(Path({text!r}).read_text())."
            ) from None
        raise ConfigurationError(
            f"the limits are no TOML: {error}. A name with anything but letters, digits, - and _ in it stands in "
            "quotes."
        ) from None


def _is_file_name(text: str) -> bool:
    """Tell whether a text that is no TOML is rather the name of a file: one line, and no sign of an entry."""
    return not set(text) & set("=[\n") and bool(set(text) & set("./\\"))


def _base(name: object) -> Limits:
    if not isinstance(name, str) or name not in _BASES:
        raise ConfigurationError(f"the limits are based on {name!r}: base must be one of {', '.join(_BASES)}.")
    return _BASES[name]()


def _level(table: object, level: str) -> dict[str, LimitGiven | None]:
    if not isinstance(table, Mapping):
        raise ConfigurationError(f"the limits of {level} must be a table, such as [{level}], not {table!r}.")
    return {key: _entry(value, f"{level} {key}") for key, value in table.items()}


def _entry(value: object, where: str) -> LimitGiven | None:
    if value is False:
        return None
    if isinstance(value, list):
        return tuple(_limit(each, where) for each in value)
    return _limit(value, where)


def _limit(value: object, where: str) -> Limit:
    if not isinstance(value, Mapping):
        raise ConfigurationError(
            f"the limit of {where} must be {{ n = … }} or {{ cap = … }}, a list of such, or false for none, "
            f"not {value!r}."
        )
    fields = dict(value)
    cap = "cap" in fields
    if cap == ("n" in fields):
        _check_dots(fields, where)
        found = "both" if cap else ", ".join(sorted(fields)) or "nothing"
        raise ConfigurationError(f"the limit of {where} must have n (and per, burst) or cap (and per), not {found}.")
    allowed = ("cap", "per") if cap else ("n", "per", "burst")
    for key in fields:
        if key not in allowed:
            raise ConfigurationError(
                f"the limit of {where} has an unknown entry {key!r}: beside {allowed[0]} there may be "
                f"{' and '.join(allowed[1:])}."
            )
    try:
        return Cap(fields.pop("cap"), **fields) if cap else Rate(fields.pop("n"), **fields)
    except ConfigurationError as error:
        raise ConfigurationError(f"the limit of {where}: {error}") from None


def _check_dots(fields: Mapping[str, object], where: str) -> None:
    """Refuse a name that was taken apart: ``acme.example = …`` without quotes is a table in a table."""
    level, _, name = where.partition(" ")
    while name and len(fields) == 1:  # ends: every step is one table deeper
        ((key, value),) = fields.items()
        name = f"{name}.{key}"
        if isinstance(value, list) or (isinstance(value, Mapping) and value.keys() & {"n", "cap"}):
            raise ConfigurationError(f'the limits of {level} have a name with a dot: "{name}" must stand in quotes.')
        if not isinstance(value, Mapping):
            return
        fields = value
