"""
Assertions about what a simulator was sent and what became of it. A failure says what was there instead.

They raise ``AssertionError`` by hand, so they hold under ``python -O`` and outside pytest. What they print shows
numbers and texts in full: they are made-up ones, and a test that failed must tell why.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from vonage_messages.codes import describe
from vonage_messages.testing.comparing import Comparison, compared, field, shown

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from vonage_messages.receiving.tracker import Sent
    from vonage_messages.simulator import ReceivedMessage, Refusal, StatusNote
    from vonage_messages.simulator.callbacks import CallbackTry

_MOST_LISTED = 5
"""How many messages, refusals or callbacks a failure lists."""
_OK = range(200, 300)


class Received(Protocol):
    """What has received messages: a ``Simulator``, or the one of the fixture."""

    @property
    def messages(self) -> Sequence[ReceivedMessage]:
        """Every accepted message."""

    @property
    def refusals(self) -> Sequence[Refusal]:
        """Every refused request."""


class Told(Received, Protocol):
    """What knows also what became of messages, and which callbacks were tried."""

    @property
    def callbacks(self) -> Sequence[CallbackTry]:
        """Every try."""

    @property
    def state(self) -> Any:
        """The memory of the simulator."""


def assert_sent(simulator: Received, *, count: int | None = None, **wanted: Any) -> ReceivedMessage:
    """
    Check that a message like this has arrived, and give it: the last one where there are several.

    ::

        assert_sent(vonage_simulator, to="+44 7700 900000", text="Hello")
        assert_sent(vonage_simulator, channel="whatsapp", text=re.compile("[0-9]{6}"), count=1)
        assert_sent(vonage_simulator, template={"name": "greeting"}, client_ref=...)

    The names are ``channel``, ``message_type``, ``to``, ``from_``, ``client_ref``, ``version``, ``workflow_id``,
    ``sent_by``, any member of the body by its JSON name, and ``payload`` for all of it. A value is the value itself, a
    mapping of which each member must be there, a compiled pattern to be found in the text, a function that says yes,
    ``...`` for any value at all, or ``None`` for none. With *count* exactly so many must have arrived.

    Raises:
        AssertionError: none has arrived, or not *count*. It shows the nearest message field by field, and what was
            refused.
        ValueError: *count* is less than 1.
    """
    __tracebackhide__ = True
    if count is not None and count < 1:
        raise ValueError("count must be 1 or more: assert_not_sent checks that nothing has arrived")
    comparisons = [compared(number, message, wanted) for number, message in enumerate(simulator.messages, 1)]
    found = [each for each in comparisons if not each.differences]
    if count is not None and len(found) != count:
        raise AssertionError("\n".join(_wrong_count(count, found, comparisons, wanted, simulator)))
    if not found and count is None:
        raise AssertionError("\n".join(_not_found(comparisons, wanted, simulator)))
    return found[-1].message


def assert_not_sent(simulator: Received, **unwanted: Any) -> None:
    """
    Check that no message like this has arrived; without arguments, that none has. See ``assert_sent``.

    Raises:
        AssertionError: one has. It shows which.
    """
    __tracebackhide__ = True
    comparisons = [compared(number, message, unwanted) for number, message in enumerate(simulator.messages, 1)]
    found = [each for each in comparisons if not each.differences]
    if found:
        lines = [f"{_messages(len(found))} sent that should not have been:", *_listed(found)]
        raise AssertionError("\n".join([*lines, *_wanted_lines("not wanted", unwanted)]))


def assert_status(simulator: Told, sent: Sent | ReceivedMessage | str, status: str, *, code: int | None = None) -> None:
    """
    Check that something has become of a message: ``assert_status(vonage_simulator, sent, "delivered")``.

    *sent* is what ``send`` gave, a message of the simulator, or an id. With *code* it must have failed with that error
    code. Nothing is waited for: ``settle()`` of the simulator waits until nothing more happens.

    Raises:
        AssertionError: that is not so. It shows what has become of the message.
    """
    __tracebackhide__ = True
    message_uuid = sent if isinstance(sent, str) else sent.message_uuid
    notes: Sequence[StatusNote] = simulator.state.statuses(message_uuid)
    if any(note.status == status and (code is None or note.code == code) for note in notes):
        return
    wanted = status if code is None else f"{status} with {_code(code)}"
    lines = [f"message {message_uuid} was never {wanted}."]
    if notes:
        lines.append("What became of it:")
        lines += [f"  {note.at:%H:%M:%S.%f} {_note(note)}" for note in notes]
    elif simulator.state.message(message_uuid) is None:
        lines.append("No such message has arrived.")
    else:
        lines.append("Nothing has become of it so far: wait for `settle()` first.")
    raise AssertionError("\n".join(lines))


def assert_callbacks_accepted(simulator: Told) -> None:
    """
    Check that every callback so far was taken by the service in the end: its last try was answered with a 2xx.

    Raises:
        AssertionError: one was not. It shows which, and each answer.
    """
    __tracebackhide__ = True
    tries: dict[tuple[str, str, str], list[CallbackTry]] = {}
    for each in simulator.callbacks:
        key = (each.kind, each.message_uuid, str(each.payload.get("status", "")))
        tries.setdefault(key, []).append(each)
    failed = {key: made for key, made in tries.items() if made[-1].status not in _OK}
    if failed:
        lines = [f"{len(failed)} of {len(tries)} callbacks were not accepted:"]
        for (kind, message_uuid, status), made in list(failed.items())[:_MOST_LISTED]:
            lines.append(f"  {kind} {status}".rstrip() + f" of message {message_uuid} to {made[-1].url}")
            lines += [f"      try {each.number}: {each.status or each.error}" for each in made[-_MOST_LISTED:]]
        raise AssertionError("\n".join([*lines, *_more(len(failed))]))


def _not_found(comparisons: list[Comparison], wanted: Mapping[str, object], simulator: Received) -> Iterator[str]:
    yield "no such message was sent."
    yield from _wanted_lines("wanted", wanted)
    yield from _nearest(comparisons)
    yield from _refused(simulator.refusals)


def _wrong_count(
    count: int,
    found: list[Comparison],
    comparisons: list[Comparison],
    wanted: Mapping[str, object],
    simulator: Received,
) -> Iterator[str]:
    yield f"{_messages(len(found))} sent like that, not {count}."
    yield from _wanted_lines("wanted", wanted)
    if found:
        yield "These were:"
        yield from _listed(found)
    others = [each for each in comparisons if each.differences]
    if len(found) < count and others:
        yield from _nearest(others)
    yield from _refused(simulator.refusals)


def _nearest(comparisons: list[Comparison]) -> Iterator[str]:
    if not comparisons:
        yield "Nothing was sent at all."
        return
    nearest = max(comparisons, key=lambda each: (each.likeness, each.number))
    message = nearest.message
    of_all = f" of {len(comparisons)}" if len(comparisons) > 1 else ""
    yield f"The nearest is message {nearest.number}{of_all} ({message.channel} {message.message_type}, {message.to}):"
    yield from nearest.lines()


def _refused(refusals: Sequence[Refusal]) -> Iterator[str]:
    if not refusals:
        return
    yield f"{'1 request was' if len(refusals) == 1 else f'{len(refusals)} requests were'} refused; the last:"
    for refusal in list(refusals)[-_MOST_LISTED:]:
        problem = refusal.problem
        said = problem.get("detail") or problem.get("title") or ""
        parameters = "; ".join(
            f"{each.get('name')}: {each.get('reason')}"
            for each in problem.get("invalid_parameters") or problem.get("invalid_params") or ()
        )
        yield f"  {refusal.status} {refusal.method} {refusal.path}: {said}{f' ({parameters})' if parameters else ''}"


def _wanted_lines(heading: str, wanted: Mapping[str, object]) -> Iterator[str]:
    if wanted:
        yield f"{heading.capitalize()}:"
        width = max(len(name) for name in wanted)
        for name, value in wanted.items():
            yield f"  {name:{width}}  {shown(value)}"


def _listed(found: list[Comparison]) -> Iterator[str]:
    for each in found[:_MOST_LISTED]:
        message = each.message
        text = field(message, "text")
        words = f": {shown(text)}" if isinstance(text, str) else ""
        yield (
            f"  message {each.number}: {message.channel} {message.message_type} "
            f"from {message.from_} to {message.to}{words}"
        )
    yield from _more(len(found))


def _more(count: int) -> Iterator[str]:
    if count > _MOST_LISTED:
        yield f"  … and {count - _MOST_LISTED} more"


def _messages(count: int) -> str:
    if count == 0:
        return "no message was"
    return "1 message was" if count == 1 else f"{count} messages were"


def _note(note: StatusNote) -> str:
    return note.status if note.code is None else f"{note.status} with {_code(note.code)}"


def _code(code: int) -> str:
    known = describe(code)
    return str(code) if known is None else f"{code} ({known.meaning})"
