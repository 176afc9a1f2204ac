"""
You will see: the ids of seven MMS, one of each type: text, picture, contact card, sound, film, document, several files.

Environment: VONAGE_APPLICATION_ID and VONAGE_PRIVATE_KEY (or VONAGE_API_KEY and VONAGE_API_SECRET), MMS_SENDER_ID (a
US or Canadian number), MMS_TO_NUMBER; VONAGE_BASE_URL for a local simulator.
"""

import asyncio
import os

from vonage_messages import (
    Client,
    MmsAudio,
    MmsContent,
    MmsContentItemFile,
    MmsContentItemImage,
    MmsFile,
    MmsImage,
    MmsResource,
    MmsText,
    MmsVcard,
    MmsVideo,
)


async def main() -> None:
    """Send one MMS of each type."""
    to, sender = os.environ["MMS_TO_NUMBER"], os.environ["MMS_SENDER_ID"]
    messages = [
        MmsText(to=to, from_=sender, text="Your parcel is at the door."),
        MmsImage(to=to, from_=sender, image=MmsResource(url="https://example.com/parcel.jpg", caption="Your parcel")),
        MmsVcard(to=to, from_=sender, vcard="https://example.com/driver.vcf"),
        MmsAudio(to=to, from_=sender, audio="https://example.com/bell.mp3"),
        MmsVideo(to=to, from_=sender, video="https://example.com/tour.mp4"),
        MmsFile(to=to, from_=sender, file="https://example.com/terms.pdf"),
        MmsContent(
            to=to,
            from_=sender,
            content=[
                MmsContentItemImage(url="https://example.com/parcel.jpg", caption="Your parcel"),
                MmsContentItemFile(url="https://example.com/terms.pdf"),
            ],
        ),
    ]
    async with Client.from_env() as client:
        for message in messages:
            sent = await client.send(message)
            print(f"{message.message_type}: {sent.message_uuid}")


if __name__ == "__main__":
    asyncio.run(main())
