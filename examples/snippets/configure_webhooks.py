"""
You will see: where the platform calls for messages and statuses of your application, and in which version.

Environment: VONAGE_API_KEY and VONAGE_API_SECRET, VONAGE_APPLICATION_ID, INBOUND_URL and STATUS_URL (such as
https://your-host/webhooks/inbound-message and https://your-host/webhooks/message-status); VONAGE_BASE_URL for a local
simulator.

`vonage-messages setup` does the same at the command line.
"""

import asyncio
import os

from vonage_messages import ApplicationsClient


async def main() -> None:
    """Set both addresses; what the application has beside messages stays as it is."""
    async with ApplicationsClient.from_env() as applications:
        application = await applications.update(
            os.environ["VONAGE_APPLICATION_ID"],
            inbound_url=os.environ["INBOUND_URL"],
            status_url=os.environ["STATUS_URL"],
            webhook_version="v1",
        )
    print(f"Messages: {application.inbound_url}")
    print(f"Statuses: {application.status_url}")
    print(f"Version:  {application.webhook_version}")


if __name__ == "__main__":
    asyncio.run(main())
