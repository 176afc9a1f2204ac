"""What brings the name of a file to the disk, and not only what stands in it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def sync_folder(folder: Path) -> None:
    """
    Bring the names of the files in *folder* to the disk, where the system can do that.

    Raises:
        OSError: the disk does not take them.
    """
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except OSError:  # Windows opens no folders, and elsewhere one may be for writing only
        return
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
