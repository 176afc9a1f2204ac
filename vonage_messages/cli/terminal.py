"""
What every command shares of the terminal: the two consoles, and how an error is told.

Nothing printed through here is read as markup, and no control character reaches the terminal: what a message holds is
somebody else's text.
"""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click
from rich.console import Console
from rich.text import Text

from vonage_messages.errors import (
    ConfigurationError,
    InvalidMessageError,
    SimulatorError,
    VonageMessagesError,
)
from vonage_messages.errors import printable as escaped

if TYPE_CHECKING:
    from collections.abc import Iterator

REFUSED = 1
"""The exit code for what the platform refused, or did not answer."""

BAD_INPUT = 2
"""The exit code for input or configuration that cannot work; click uses the same."""

INTERRUPTED = 130
"""The exit code of what Ctrl-C has broken off, as of any program: 128 and the number of the signal."""

_OURS = (ConfigurationError, InvalidMessageError, SimulatorError)


def output() -> Console:
    """Give the console of standard output: plain when piped, 80 columns wide when nothing says otherwise."""
    return Console(file=sys.stdout, highlight=False, markup=False, emoji=False)


def errors() -> Console:
    """Give the console of standard error."""
    return Console(file=sys.stderr, highlight=False, markup=False, emoji=False)


def printable(text: str) -> str:
    """Write control characters out as escapes: a message must not move the cursor of whoever looks at it."""
    return escaped(text)


def survive_any_encoding() -> None:
    """Let a terminal that knows no UTF-8 show escapes in place of an error."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="backslashreplace")


def survive_closed_streams() -> None:
    """
    Put nothing in the place of a standard stream that whoever started the program has closed (``>&-``).

    Its number would be that of the next file that is opened, an outbox perhaps.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            nothing = os.open(os.devnull, os.O_RDWR)
            setattr(sys, name, os.fdopen(nothing, mode, encoding="utf-8", closefd=False))


class RefusedError(click.ClickException):
    """An error of the package as the command line tells it: one red sentence on standard error, and an exit code."""

    exit_code = REFUSED

    def __init__(self, error: VonageMessagesError, *, of_message: bool = True) -> None:
        sentence = printable(" ".join([str(error), *getattr(error, "__notes__", ())]))
        if error.maybe_sent and of_message:
            sentence += " The message may be on its way all the same: look before you send it again."
        super().__init__(sentence)

    def show(self, file: object = None) -> None:  # noqa: ARG002  click hands in a file for usage errors only
        """Print the sentence."""
        errors().print(Text(self.format_message(), style="red"), soft_wrap=True)


class BadInputError(RefusedError):
    """The same for what never left: a message, an option or credentials that cannot work."""

    exit_code = BAD_INPUT


def told(error: VonageMessagesError, *, of_message: bool = True) -> RefusedError:
    """Give an error of the package the form that click prints, and its exit code."""
    return (BadInputError if isinstance(error, _OURS) else RefusedError)(error, of_message=of_message)


@contextmanager
def telling_of_no_message() -> Iterator[None]:
    """Tell errors of a block that sends no message: what may have been done is in their own words."""
    try:
        yield
    except VonageMessagesError as error:
        raise told(error, of_message=False) from error
