"""
``Limits``: which limits there are, as data, and which of them a message falls under.

Six levels: the account, the channel, the sender, the pair of sender and recipient, the country prefix of the
recipient, and caps on any of them. The published values stand in ``vonage_messages.limits.published``, what is left
of them in ``vonage_messages.limits.state``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache, partial
from itertools import islice
from types import EllipsisType, MappingProxyType
from typing import Any, Final, TypeAlias

import attrs

from vonage_messages.channels.base import Message
from vonage_messages.channels.enums import ChannelType
from vonage_messages.errors import ConfigurationError
from vonage_messages.limits.rate import Cap, Rate
from vonage_messages.values import masked, normalize_number

Limit: TypeAlias = Rate | Cap
"""One limit."""

LimitOrLimits: TypeAlias = Limit | tuple[Limit, ...]
"""One limit, or several that all hold."""

LimitGiven: TypeAlias = Limit | Sequence[Limit]
"""What ``Limits`` takes for one entry: a limit, or a list of limits that all hold."""

Table: TypeAlias = Mapping[str, LimitOrLimits]
"""The entries of one level, by what they are for."""

TableGiven: TypeAlias = Mapping[str, LimitGiven]
"""What ``Limits`` takes for one level."""

Changes: TypeAlias = Mapping[str, LimitGiven | None]
"""What ``Limits.replacing`` takes for one level: entries that are set, and with ``None`` those that are taken away."""

_CHANNELS: Final = frozenset(channel.value for channel in ChannelType)
_MOST_LINES: Final = 10
"""How many entries of one level ``str`` shows."""


@cache
def _message_types() -> Mapping[str, frozenset[str]]:
    """Give the message types of every channel, those of the older API version among them."""
    # They are looked up for keys that name message types alone, and only then.
    from vonage_messages.wire import v0_1, v1  # noqa: PLC0415  who sets ten limits need not load all channels

    types: dict[str, set[str]] = {}
    for cls in {*v1.SHAPES, *v0_1.SHAPES}:
        fields = attrs.fields_dict(cls)
        types.setdefault(str(fields["channel"].default), set()).add(str(fields["message_type"].default))
    return {channel: frozenset(names) for channel, names in types.items()}


def _limits(value: object, where: str) -> LimitOrLimits:
    """Check one entry: a limit, or a list of them."""
    if isinstance(value, (Rate, Cap)):
        return value
    if isinstance(value, Sequence) and value and all(isinstance(each, (Rate, Cap)) for each in value):
        return tuple(value)
    raise ConfigurationError(f"the limit of {where} must be a Rate, a Cap, or a list of them, not {value!r}.")


def _channel(level: str, key: str) -> str:
    """
    Check ``whatsapp`` or ``messenger/audio,video``: a channel, and the message types that share the limit.

    However the types are ordered and spaced, they make one key.
    """
    channel, slash, listed = key.partition("/")
    if channel not in _CHANNELS:
        raise ConfigurationError(
            f"Limits {level} names a channel that does not exist, {channel!r}: it must be one of "
            f"{', '.join(sorted(_CHANNELS))}."
        )
    if not slash:
        return channel
    types = sorted({each.strip() for each in listed.split(",")})
    if not all(types):
        raise ConfigurationError(
            f"Limits {level} {key!r} must name message types behind the slash, such as audio,video."
        )
    known = _message_types()[channel]
    for each in types:
        if each not in known:
            raise ConfigurationError(
                f"Limits {level} {key!r} names a message type that {channel} does not have, {each!r}: it must be one "
                f"of {', '.join(sorted(known))}."
            )
    return f"{channel}/{','.join(types)}"


def _sender(level: str, key: str) -> str:
    """
    Normalise ``14155550100``, ``Acme`` or ``whatsapp/14155550100``.

    What stands before the first slash must be a channel: an address may hold a slash itself, and is then written
    behind its channel.
    """
    channel, slash, sender = key.partition("/")
    if not slash:
        return normalize_number(key)
    if channel not in _CHANNELS:
        raise ConfigurationError(
            f"Limits {level} {key!r} must have a channel before the slash, not {channel!r}: one of "
            f"{', '.join(sorted(_CHANNELS))}."
        )
    if not sender:
        raise ConfigurationError(f"Limits {level} {key!r} must name a sender behind the slash, such as {channel}/Acme.")
    return f"{channel}/{normalize_number(sender)}"


def _prefix(level: str, key: str) -> str:
    digits = key.removeprefix("+")
    if not digits.isascii() or not digits.isdigit() or digits.startswith("0"):
        raise ConfigurationError(f"Limits {level} {key!r} must be the first digits of a number, such as 44.")
    return digits


_CHECKS: Final[Mapping[str, Callable[[str, str], str]]] = {
    "channels": _channel,
    "senders": _sender,
    "each_sender": _channel,
    "pairs": _channel,
    "prefixes": _prefix,
}

LEVELS: Final = tuple(_CHECKS)
"""The levels that have a table, in the order in which they are written."""


def _entries(level: str, value: object) -> Iterator[tuple[str, object]]:
    """List what was given for one level, with its keys checked and normalised."""
    if not isinstance(value, Mapping):
        raise ConfigurationError(f"Limits {level} must be a mapping, not {type(value).__name__}.")
    seen: set[str] = set()
    for key, limit in value.items():
        _check_text(level, key)
        checked = _CHECKS[level](level, str(key))  # a member of an enum is no plain text
        if checked in seen:
            raise ConfigurationError(f"Limits {level} names {checked} twice.")
        seen.add(checked)
        yield checked, limit


def _check_text(level: str, key: object) -> None:
    if isinstance(key, int):
        raise ConfigurationError(f'Limits {level} has the number {key} for a key: write it in quotes, "{key}".')
    if not isinstance(key, str):
        raise ConfigurationError(f"Limits {level} has a key that is no text: {key!r}.")
    if not key.strip():
        raise ConfigurationError(f"Limits {level} has an empty key: each must name whom its limit is for.")


def _table(level: str, value: object) -> Table:
    """Check one level: keys checked and normalised, values checked."""
    return MappingProxyType({key: _limits(limit, f"{level} {key}") for key, limit in _entries(level, value)})


# One function for each field: type checkers read from it what the constructor takes.


def _account(value: LimitGiven | None) -> LimitOrLimits | None:
    return None if value is None else _limits(value, "account")


def _channels(value: TableGiven) -> Table:
    return _table("channels", value)


def _senders(value: TableGiven) -> Table:
    return _table("senders", value)


def _each_sender(value: TableGiven) -> Table:
    return _table("each_sender", value)


def _pairs(value: TableGiven) -> Table:
    return _table("pairs", value)


def _prefixes(value: TableGiven) -> Table:
    return _table("prefixes", value)


@attrs.frozen(kw_only=True)
class Limits:
    """
    What may be sent, and how fast. Every limit that a message falls under must have a place for it.

    ::

        Limits(
            account=Rate(30),
            channels={"sms": Rate(20)},
            senders={"14155550100": (Rate(1), Cap(2_000))},
            each_sender={"whatsapp": Rate(80)},
            pairs={"whatsapp": Rate(1, per=6.0, burst=45)},
            prefixes={"1": Rate(10)},
        )

    *account*: all requests of the API key.
    *channels*: by channel, or by channel and message types that share a limit (``messenger/audio,video``).
    *senders*: by sender; ``whatsapp/14155550100`` is that sender on that channel only.
    *each_sender*: by channel (or channel and types): the limit of every sender that *senders* does not name, each by
    itself.
    *pairs*: by channel: the limit from one sender to one recipient.
    *prefixes*: by the first digits of the recipient's number; of several that fit, the longest counts.

    Each value is a ``Rate``, a ``Cap``, or a list of them. A native failover chain is charged for its first message:
    when the platform sends a later one is not known here.

    A value: it is compared by its content, hashed, copied and pickled. ``replacing`` gives one with other entries.
    ``str`` gives a line for each entry; senders stand in it as they were given.

    Raises:
        ConfigurationError: a key or a value that cannot be a limit; the sentence names it.
    """

    account: LimitOrLimits | None = attrs.field(default=None, converter=_account)
    channels: Table = attrs.field(factory=dict, converter=_channels)
    senders: Table = attrs.field(factory=dict, converter=_senders)
    each_sender: Table = attrs.field(factory=dict, converter=_each_sender)
    pairs: Table = attrs.field(factory=dict, converter=_pairs)
    prefixes: Table = attrs.field(factory=dict, converter=_prefixes)

    @classmethod
    def published(cls) -> Limits:
        """Give the limits that the platform and its providers publish; see ``limits.published``."""
        from vonage_messages.limits.published import PUBLISHED  # noqa: PLC0415  it is built out of this class

        return PUBLISHED

    @classmethod
    def sandbox(cls) -> Limits:
        """Give the limits of the Messages Sandbox: one message a second, 100 in a month of 30 days."""
        from vonage_messages.limits.published import SANDBOX  # noqa: PLC0415  see published

        return SANDBOX

    @classmethod
    def unlimited(cls) -> Limits:
        """Give no limit at all: for an account whose limits somebody else keeps, and for measuring."""
        return cls()

    @classmethod
    def from_toml(cls, text: str) -> Limits:
        """
        Read limits from the text of a TOML file; see ``limits.toml`` for its form.

        ``Limits.from_toml(Path("limits.toml").read_text())``

        Raises:
            ConfigurationError: the text is no TOML, or names what is no limit.
        """
        from vonage_messages.limits.toml import read_limits  # noqa: PLC0415  tomllib is not needed for anything else

        return read_limits(text)

    def replacing(  # noqa: PLR0913  one for each level
        self,
        *,
        account: LimitGiven | EllipsisType | None = ...,
        channels: Changes | None = None,
        senders: Changes | None = None,
        each_sender: Changes | None = None,
        pairs: Changes | None = None,
        prefixes: Changes | None = None,
    ) -> Limits:
        """
        Give these limits with other entries: each that is named is set, ``None`` takes it away, the others stay.

        ::

            Limits.published().replacing(each_sender={"whatsapp": Rate(1000)}, pairs={"whatsapp": None})

        ``account=None`` takes the limit of the account away. Where there is no entry, there is nothing to take away,
        and nothing changes. An entry is found by the whole of its key: ``messenger/audio`` is not a part of
        ``messenger/audio,video``.

        Raises:
            ConfigurationError: a key or a value that cannot be a limit; the sentence names it.
        """
        return Limits(
            account=self.account if isinstance(account, EllipsisType) else account,
            channels=_changed("channels", self.channels, channels),
            senders=_changed("senders", self.senders, senders),
            each_sender=_changed("each_sender", self.each_sender, each_sender),
            pairs=_changed("pairs", self.pairs, pairs),
            prefixes=_changed("prefixes", self.prefixes, prefixes),
        )

    @property
    def caps(self) -> tuple[str, ...]:
        """Name every limit that is a ``Cap``: those need a store that outlives the process."""
        return tuple(where for where, limit in self.each() if isinstance(limit, Cap))

    def each(self) -> Iterator[tuple[str, Limit]]:
        """List every limit with its place: ``("account", Rate(30))``, ``("pairs whatsapp", …)``."""
        for limit in as_limits(self.account):
            yield "account", limit
        for level in LEVELS:
            for key, limits in getattr(self, level).items():
                for limit in as_limits(limits):
                    yield f"{level} {key}", limit

    def __str__(self) -> str:
        lines = [] if self.account is None else [f"account: {_written(self.account)}"]
        for level in LEVELS:
            table: Table = getattr(self, level)
            lines += [f"{level} {key}: {_written(limits)}" for key, limits in islice(table.items(), _MOST_LINES)]
            if len(table) > _MOST_LINES:
                lines.append(f"{level}: {len(table) - _MOST_LINES:,} more")
        return "\n".join(lines) or "no limits"

    def __repr__(self) -> str:
        return f"Limits({', '.join(f'{name}={value!r}' for name, value in self._given().items())})"

    def __hash__(self) -> int:
        return hash((self.account, *(frozenset(getattr(self, level).items()) for level in LEVELS)))

    def __reduce__(self) -> tuple[Callable[[], Limits], tuple[()]]:
        # Read-only views of a dictionary are not pickled: it is built anew, as it was given.
        return partial(Limits, **self._given()), ()

    def _given(self) -> dict[str, Any]:
        """Give the arguments that these limits are built of, without levels that are empty."""
        given: dict[str, Any] = {} if self.account is None else {"account": self.account}
        return given | {level: dict(table) for level in LEVELS if (table := getattr(self, level))}


def _changed(level: str, table: Table, changes: Changes | None) -> TableGiven:
    """Give the entries of one level with *changes* made; the values are checked by whoever takes them."""
    if changes is None:
        return table
    changed: dict[str, Any] = dict(table)
    for key, limit in _entries(level, changes):
        if limit is None:
            changed.pop(key, None)
        else:
            changed[key] = limit
    return changed


def _written(limits: LimitOrLimits) -> str:
    return "; ".join(map(str, as_limits(limits)))


def as_limits(value: LimitOrLimits | None) -> tuple[Limit, ...]:
    """Give the limits of an entry, none, one or several."""
    if value is None:
        return ()
    return value if isinstance(value, tuple) else (value,)


def shared_levels(limits: Limits, message: Message) -> Iterator[tuple[str, Limit]]:
    """
    List the limits of channel and sender that *message* falls under, each with its key.

    They depend on channel, message type and sender alone, and may be remembered for the three.
    """
    channel, message_type, sender = message.channel, message.message_type, message.from_
    yield from _of_channel(limits.channels, "channel", channel, message_type, "")
    named = limits.senders.get(f"{channel}/{sender}")
    if named is not None:
        yield from _numbered(f"sender {channel}/{sender}", named)
        return
    named = limits.senders.get(sender)
    if named is not None:
        yield from _numbered(f"sender {sender}", named)
        return
    yield from _of_channel(limits.each_sender, "sender", channel, message_type, f"/{sender}")


def own_levels(limits: Limits, message: Message) -> Iterator[tuple[str, Limit]]:
    """List the limits of *message* that depend on its recipient: the pair, and the country prefix."""
    recipient = message.to
    if limits.prefixes and recipient.isascii() and recipient.isdigit():
        for length in range(len(recipient), 0, -1):
            found = limits.prefixes.get(recipient[:length])
            if found is not None:
                yield from _numbered(f"prefix {recipient[:length]}", found)
                break
    if limits.pairs:
        yield from _of_channel(
            limits.pairs, "pair", message.channel, message.message_type, f"/{message.from_}/{recipient}"
        )


def typed_channels(limits: Limits) -> frozenset[str]:
    """Name the channels on which some message types have limits that others have not."""
    tables = (limits.channels, limits.each_sender, limits.pairs)
    return frozenset(key.partition("/")[0] for table in tables for key in table if "/" in key)


def shown(key: str) -> str:
    """Write the key of a limit as it may be logged: whom it names is masked."""
    level, _, rest = key.partition(" ")
    if level not in {"sender", "pair"}:
        return key
    names, number = _without_number(rest)
    channel, *people = names.split("/")
    if not people:
        return f"{level} {masked(channel)}{number}"
    return f"{level} {'/'.join([channel, *(masked(each) for each in people)])}{number}"


def _without_number(key: str) -> tuple[str, str]:
    """Take off what tells the second limit of an entry from the first: ``Acme #2`` is ``Acme`` and `` #2``."""
    names, mark, number = key.rpartition(" #")
    return (names, f"{mark}{number}") if number.isdigit() and mark else (key, "")


def _of_channel(
    table: Mapping[str, LimitOrLimits], level: str, channel: str, message_type: str, who: str
) -> Iterator[tuple[str, Limit]]:
    """List the entries of *table* that stand for *channel*, or for *message_type* on it."""
    for key, limits in table.items():
        name, _, types = key.partition("/")
        if name == channel and (not types or message_type in types.split(",")):
            yield from _numbered(f"{level} {key.replace('/', ':')}{who}", limits)


def _numbered(key: str, limits: LimitOrLimits) -> Iterator[tuple[str, Limit]]:
    """Give each limit of an entry a key of its own: the second of ``sender Acme`` is ``sender Acme #2``."""
    for number, limit in enumerate(as_limits(limits), start=1):
        yield (key if number == 1 else f"{key} #{number}"), limit
