"""Set-up: an application that works, a key for its owner alone, and no key that is lost."""

from __future__ import annotations

import asyncio
import os
import stat
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from vonage_messages import (
    APIError,
    ApplicationAuth,
    ApplicationsClient,
    BasicAuth,
    Client,
    ConfigurationError,
    ResponseLostError,
    RetryPolicy,
    Sms,
)
from vonage_messages.onboarding.keys import KeyFile
from vonage_messages.onboarding.setup import Wanted, set_up

URLS = {"inbound_url": "https://example.com/inbound", "status_url": "https://example.com/status"}
SMS = Sms(to="447700900000", from_="Acme", text="Hello")


@pytest.fixture
async def applications(house: Any) -> AsyncIterator[ApplicationsClient]:
    async with ApplicationsClient.from_env(environ=house.environment, retry=RetryPolicy(attempts=1)) as client:
        yield client


async def test_what_is_set_up_can_send(house: Any, applications: ApplicationsClient) -> None:
    file = house.folder / "new.key"
    ready = await set_up(applications, Wanted(name="Shop", key_file=file, **URLS))
    assert (ready.created, ready.key_file, stat.S_IMODE(file.stat().st_mode)) == (True, file, 0o600)
    assert ready.lines() == [f"VONAGE_APPLICATION_ID={ready.application.id}", f"VONAGE_PRIVATE_KEY={file}"]
    environment = {"VONAGE_BASE_URL": house.simulator.url, **ready.environment()}
    async with Client.from_env(environ=environment) as client:
        await client.send(SMS)
    assert len(house.simulator.messages) == 1
    assert sorted(each.name for each in house.folder.iterdir()) == ["new.key", "private.key"]


async def test_an_application_is_changed_and_keeps_its_key(house: Any, applications: ApplicationsClient) -> None:
    before = house.key_file.read_bytes()
    wanted = Wanted(application_id=house.simulator.application_id, key_file=house.key_file, **URLS)
    ready = await set_up(applications, wanted)
    assert (ready.created, ready.key_file) == (False, None)
    assert house.simulator.webhooks.status_url == URLS["status_url"]
    assert house.key_file.read_bytes() == before
    assert ready.lines() == [f"VONAGE_APPLICATION_ID={house.simulator.application_id}"]


@pytest.mark.parametrize("overwrite", [False, True])
async def test_a_key_file_is_overwritten_only_when_it_is_said(
    house: Any, applications: ApplicationsClient, overwrite: bool
) -> None:
    before = house.key_file.read_bytes()
    wanted = Wanted(name="Shop", key_file=house.key_file, overwrite_key=overwrite, **URLS)
    if overwrite:
        await set_up(applications, wanted)
        assert house.key_file.read_bytes() != before
        assert stat.S_IMODE(house.key_file.stat().st_mode) == 0o600
    else:
        with pytest.raises(ConfigurationError, match="is there already"):
            await set_up(applications, wanted)
        assert house.key_file.read_bytes() == before
        assert not list(house.simulator.applications)
    assert [each.name for each in house.folder.iterdir()] == ["private.key"]


async def test_another_key_for_an_application(house: Any, applications: ApplicationsClient) -> None:
    made = await set_up(applications, Wanted(name="Shop", key_file=house.folder / "1.key", **URLS))
    wanted = Wanted(application_id=made.application.id, new_key=True, key_file=house.folder / "2.key")
    changed = await set_up(applications, wanted)
    assert changed.application.public_key != made.application.public_key
    environment = {"VONAGE_BASE_URL": house.simulator.url, **changed.environment()}
    async with Client.from_env(environ=environment) as client:
        await client.send(SMS)


@pytest.mark.parametrize("overwrite", [False, True])
async def test_a_refusal_leaves_no_key(house: Any, overwrite: bool) -> None:
    file = house.key_file if overwrite else house.folder / "new.key"
    before = house.key_file.read_bytes()
    async with ApplicationsClient(BasicAuth("no", "body"), base_url=house.simulator.url) as stranger:
        with pytest.raises(APIError):
            await set_up(stranger, Wanted(name="Shop", key_file=file, overwrite_key=overwrite, **URLS))
    assert [each.name for each in house.folder.iterdir()] == ["private.key"]
    assert house.key_file.read_bytes() == before


@pytest.mark.parametrize("overwrite", [False, True])
async def test_a_lost_answer_loses_no_key(house: Any, applications: ApplicationsClient, overwrite: bool) -> None:
    file = house.key_file if overwrite else house.folder / "new.key"
    before = house.key_file.read_bytes()
    house.simulator.faults.add("reset_in_answer")
    with pytest.raises(ResponseLostError) as caught:
        await set_up(applications, Wanted(name="Shop", key_file=file, overwrite_key=overwrite, **URLS))
    (made,) = house.simulator.applications
    (kept,) = (
        Path(word)
        for word in caught.value.__notes__[0].replace(": ", " ").split()
        if "key" in Path(word).name and os.sep in word
    )
    environment = {
        "VONAGE_BASE_URL": house.simulator.url,
        "VONAGE_APPLICATION_ID": made.id,
        "VONAGE_PRIVATE_KEY": str(kept),
    }
    house.simulator.faults.clear()
    async with Client.from_env(environ=environment) as client:
        await client.send(SMS)
    assert house.key_file.read_bytes() == before


@pytest.mark.parametrize("overwrite", [False, True])
async def test_a_request_that_is_broken_off_loses_no_key(
    house: Any, applications: ApplicationsClient, overwrite: bool
) -> None:
    file = house.key_file if overwrite else house.folder / "new.key"
    before = house.key_file.read_bytes()
    house.simulator.faults.add("slow", seconds=60)
    wanted = Wanted(name="Shop", key_file=file, overwrite_key=overwrite, **URLS)
    setting_up = asyncio.create_task(set_up(applications, wanted))
    async with asyncio.timeout(60):
        while not list(house.simulator.applications):  # noqa: ASYNC110  it tells nobody
            await asyncio.sleep(0.01)
    setting_up.cancel()
    with pytest.raises(asyncio.CancelledError) as caught:
        await setting_up
    (kept,) = (each for each in house.folder.iterdir() if each.name != "private.key")
    assert caught.value.__notes__ == [f"The new key is in {kept}: the platform may have taken it."]
    auth = ApplicationAuth("unknown", kept)
    (made,) = house.simulator.applications
    assert auth.public_key().split() == made.public_key.split()
    assert house.key_file.read_bytes() == before


async def test_what_is_missing_is_named_before_anything_is_made(house: Any, applications: ApplicationsClient) -> None:
    with pytest.raises(ConfigurationError, match="inbound_url, status_url"):
        await set_up(applications, Wanted(name="Shop", key_file=house.folder / "new.key"))
    assert [each.name for each in house.folder.iterdir()] == ["private.key"]


def test_a_folder_that_is_not_there_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="cannot be written"):
        KeyFile.write(tmp_path / "no" / "private.key", b"pem", overwrite=False)


async def test_a_folder_is_no_key_file(house: Any, applications: ApplicationsClient) -> None:
    with pytest.raises(ConfigurationError, match="it is a folder"):
        await set_up(applications, Wanted(name="Shop", key_file=house.folder, overwrite_key=True, **URLS))
    assert not list(house.simulator.applications)


async def test_a_place_that_is_lost_meanwhile_loses_no_key(
    house: Any, applications: ApplicationsClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = house.folder / "new.key"
    create = applications.create

    async def create_as_somebody_makes_a_folder(*arguments: Any, **named: Any) -> Any:
        file.mkdir()
        return await create(*arguments, **named)

    monkeypatch.setattr(applications, "create", create_as_somebody_makes_a_folder)
    with pytest.raises(ConfigurationError, match=r"It is in (\S+)\.") as caught:
        await set_up(applications, Wanted(name="Shop", key_file=file, overwrite_key=True, **URLS))
    (made,) = house.simulator.applications
    assert caught.value.__notes__ == [f"The application is {made.id}."]
    (kept,) = house.folder.glob(".new.key.*")
    assert str(kept) in str(caught.value)
    assert kept.read_text().startswith("-----BEGIN")


def test_a_key_that_finds_no_room_leaves_nothing(tmp_path: Path) -> None:
    import resource  # noqa: PLC0415  not on Windows

    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, limits[1]))
    try:
        with pytest.raises(ConfigurationError, match="cannot be written"):
            KeyFile.write(tmp_path / "private.key", b"pem", overwrite=False)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert list(tmp_path.iterdir()) == []


def test_a_link_that_leads_nowhere_is_in_the_way_too(tmp_path: Path) -> None:
    (tmp_path / "private.key").symlink_to(tmp_path / "nowhere")
    with pytest.raises(ConfigurationError, match="is there already"):
        KeyFile.write(tmp_path / "private.key", b"pem", overwrite=False)
    assert not (tmp_path / "nowhere").exists()
