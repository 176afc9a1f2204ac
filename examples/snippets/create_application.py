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


def place_for_key() -> Path:
    """Find out where the key goes before it is made: nothing is written over."""
    path = Path(os.environ["PRIVATE_KEY_FILE"])
    if path.exists():
        sys.exit(f"{path} is there already.")
    return path


def keep(key: str, path: Path) -> None:
    """Write the key where only you can read it: the platform gives it once, and never again."""
    path.touch(mode=0o600, exist_ok=False)
    path.write_text(key, encoding="utf-8")


async def main() -> None:
    """Make an application with both webhooks, and keep its key."""
    path = place_for_key()
    async with ApplicationsClient.from_env() as applications:
        made = await applications.create(
            "Shop", inbound_url=os.environ["INBOUND_URL"], status_url=os.environ["STATUS_URL"]
        )
    keep(made.private_key or "", path)
    print(f"export VONAGE_APPLICATION_ID={made.id}")
    print(f"export VONAGE_PRIVATE_KEY={path}")


if __name__ == "__main__":
    asyncio.run(main())
