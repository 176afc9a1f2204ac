"""
Who may read a file that holds numbers, texts or wishes of people.

Files that this package makes are for their owner alone. A file that was there keeps the mode that somebody gave it.
That everybody on the machine may read it is said in the log, because it is mostly an accident of the umask.
"""

from __future__ import annotations

import logging
import os
import shlex
import stat
from typing import TYPE_CHECKING

from vonage_messages.logs import LogEvent, about

if TYPE_CHECKING:
    from pathlib import Path

logger = logging.getLogger("vonage_messages")


def warn_if_open_to_all(path: Path) -> None:
    """Say in the log that every user of this machine may read or change *path*, where that is so. Never raises."""
    if os.name == "nt":  # where such modes say nothing
        return
    try:
        mode = path.stat().st_mode
    except OSError:
        return  # whoever opens it says so better
    if stat.S_ISREG(mode) and mode & (stat.S_IROTH | stat.S_IWOTH):
        logger.warning(
            "every user of this machine may use %s (mode %04o), which holds what belongs to people: chmod o-rwx %s",
            path,
            stat.S_IMODE(mode),
            shlex.quote(str(path)),
            extra=about(LogEvent.FILE_OPEN_TO_OTHERS),
        )
