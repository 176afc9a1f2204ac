"""
You will see: the id of a new application for messages, and where its private key was written, for your eyes only.

Environment: VONAGE_API_KEY and VONAGE_API_SECRET, INBOUND_URL and STATUS_URL (such as
https://your-host/webhooks/inbound-message), PRIVATE_KEY_FILE (is made); VONAGE_BASE_URL for a local simulator.

`vonage-messages setup` does the same at the command line.
"""

import asyncio
import os
import sys
from pathlib import Path

from vonage_messages import ApplicationsClient


def take_place_for_key() -> Path:
    """Make the file before the key is made: nothing is written over, and no key is lost for want of a place."""
    path = Path(os.environ["PRIVATE_KEY_FILE"])
    try:
        path.touch(mode=0o600, exist_ok=False)  # only you can read it
    except OSError as error:
        sys.exit(f"{path} cannot be made: {error.strerror}.")
    return path


async def main() -> None:
    """Make an application with both webhooks, and keep its key."""
    async with ApplicationsClient.from_env() as applications:
        path = take_place_for_key()
        try:
            made = await applications.create(
                "Shop", inbound_url=os.environ["INBOUND_URL"], status_url=os.environ["STATUS_URL"]
            )
        except BaseException:
            path.unlink()
            raise
    path.write_text(made.private_key or "", encoding="utf-8")  # the platform gives it once, and never again
    print(f"export VONAGE_APPLICATION_ID={made.id}")
    print(f"export VONAGE_PRIVATE_KEY={path}")


if __name__ == "__main__":
    asyncio.run(main())
