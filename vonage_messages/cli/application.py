"""The group ``vonage-messages``: its subcommands, its version, and the one place where an error becomes a sentence."""

from __future__ import annotations

import errno
import os
import sys
from typing import Any, Final

import click

from vonage_messages import __version__
from vonage_messages.cli.accounts import accounts
from vonage_messages.cli.bulk import bulk
from vonage_messages.cli.demo import demo
from vonage_messages.cli.doctor import doctor
from vonage_messages.cli.listen import listen
from vonage_messages.cli.migrate import migrate_command
from vonage_messages.cli.segments import segments_command
from vonage_messages.cli.send import send
from vonage_messages.cli.setup import setup
from vonage_messages.cli.simulator import simulator
from vonage_messages.cli.terminal import (
    INTERRUPTED,
    REFUSED,
    errors,
    printable,
    survive_any_encoding,
    survive_closed_streams,
    told,
)
from vonage_messages.cli.workers import workers
from vonage_messages.errors import VonageMessagesError

NAME = "vonage-messages"

_NO_ROOM: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO})
"""What a disk says that takes no more."""


class _Application(click.Group):
    """A group whose commands may raise the errors of the package."""

    def invoke(self, context: click.Context) -> Any:
        """Run a subcommand; an error of the package becomes one sentence and an exit code."""
        try:
            return super().invoke(context)
        except VonageMessagesError as error:
            raise told(error) from error
        except KeyboardInterrupt as error:
            # asyncio raises it in the place of what the broken-off work has raised, which may know where things are.
            notes = getattr(error.__context__, "__notes__", ())
            errors().print("\n" + printable(" ".join(["Interrupted.", *notes])), soft_wrap=True)
            raise click.exceptions.Exit(INTERRUPTED) from None


@click.group(
    cls=_Application,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 80},
    epilog="Try it without an account: vonage-messages demo",
)
@click.version_option(__version__, prog_name=NAME)
def application() -> None:
    """Send SMS, MMS, RCS, WhatsApp, Messenger, Viber and email messages with the Vonage Messages API."""


application.add_command(accounts)
application.add_command(bulk)
application.add_command(demo)
application.add_command(doctor)
application.add_command(listen)
application.add_command(migrate_command)
application.add_command(segments_command)
application.add_command(send)
application.add_command(setup)
application.add_command(simulator)
application.add_command(workers)


def run() -> None:
    """Run the command that the arguments of the process name, and leave with its exit code."""
    survive_closed_streams()
    survive_any_encoding()
    try:
        application(prog_name=NAME)
    except OSError as error:
        # Only what is printed has no name: a file that a command opens is told of by the command.
        if error.errno not in _NO_ROOM or error.filename is not None:
            raise
        # What is left of it would be tried once more at the end of the process, with a second complaint.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        errors().print(f"The output cannot be written: {error.strerror}.", soft_wrap=True)
        sys.exit(REFUSED)
