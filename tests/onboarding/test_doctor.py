"""The doctor finds every planted fault, and names what mends it; and finds nothing where all is well."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs
import pytest
from aiohttp import web

from vonage_messages.onboarding import local
from vonage_messages.onboarding.doctor import Webhooks, examine, has_failed
from vonage_messages.onboarding.findings import Finding, Outcome
from vonage_messages.onboarding.keys import new_key_pair
from vonage_messages.simulator import Simulator
from vonage_messages.simulator.application_book import Application
from vonage_messages.wire.applications import is_application_id

PROJECT = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def failed(findings: list[Finding]) -> dict[str, Finding]:
    return {each.check: each for each in findings if each.outcome is Outcome.FAILED}


async def test_where_all_is_well_every_check_says_so(house: Any) -> None:
    findings = await examine(house.environment)
    assert [each for each in findings if each.outcome is not Outcome.OK] == []
    assert not has_failed(findings)
    assert len(findings) == 16
    assert all(each.mend == "" for each in findings)
    assert len(house.statuses) == 1
    assert not house.simulator.messages
    told = json.dumps([str(each) for each in findings])
    for name in ("VONAGE_API_SECRET", "VONAGE_SIGNATURE_SECRET"):
        assert house.environment[name] not in told


async def test_nothing_is_asked_of_webhooks_without_a_probe(house: Any) -> None:
    findings = await examine(house.environment, probe=False)
    assert [each.outcome for each in findings[-2:]] == [Outcome.SKIPPED] * 2
    assert not house.statuses


def _no_credentials(house: Any) -> None:
    for name in ("APPLICATION_ID", "PRIVATE_KEY", "API_KEY", "API_SECRET"):
        del house.environment[f"VONAGE_{name}"]


def _half_a_pair(house: Any) -> None:
    del house.environment["VONAGE_PRIVATE_KEY"]


def _no_uuid(house: Any) -> None:
    house.environment["VONAGE_APPLICATION_ID"] = "abcd1234"


def _no_key_file(house: Any) -> None:
    house.key_file.unlink()


def _folder_as_key_file(house: Any) -> None:
    house.folder.chmod(0o755)
    house.environment["VONAGE_PRIVATE_KEY"] = str(house.folder)


def _damaged_key(house: Any) -> None:
    house.key_file.write_bytes(house.key_file.read_bytes()[:300])


def _open_key_file(house: Any) -> None:
    house.key_file.chmod(0o644)


def _another_key(house: Any) -> None:
    house.key_file.write_bytes(new_key_pair()[0])


def _another_application(house: Any) -> None:
    house.environment["VONAGE_APPLICATION_ID"] = "78d335fa-323d-0114-9c3d-d6f0d48968cf"


def _wrong_api_secret(house: Any) -> None:
    house.environment["VONAGE_API_SECRET"] = "another"


def _no_secret(house: Any) -> None:
    del house.environment["VONAGE_SIGNATURE_SECRET"]


def _short_secret(house: Any) -> None:
    house.environment["VONAGE_SIGNATURE_SECRET"] = "12345"


def _secret_of_the_api(house: Any) -> None:
    house.environment["VONAGE_SIGNATURE_SECRET"] = house.environment["VONAGE_API_SECRET"]


def _another_secret(house: Any) -> None:
    house.environment["VONAGE_SIGNATURE_SECRET"] = "the secret of another account"


def _nobody_listens(house: Any) -> None:
    house.environment["VONAGE_BASE_URL"] = house.nowhere


def _plain_http(house: Any) -> None:
    house.environment["VONAGE_BASE_URL"] = "http://api.example.com"


def _path_in_the_address(house: Any) -> None:
    house.environment["VONAGE_BASE_URL"] += "/v1/messages"


def _webhook_elsewhere(house: Any) -> None:
    house.simulator.webhooks = house.simulator.webhooks.__class__(
        status_url=f"{house.url}/elsewhere", inbound_url=house.simulator.webhooks.inbound_url
    )


def _webhook_down(house: Any) -> None:
    house.simulator.webhooks = house.simulator.webhooks.__class__(
        status_url=house.simulator.webhooks.status_url, inbound_url=f"{house.nowhere}/inbound"
    )


PLANTED: list[tuple[Callable[[Any], None], set[str], str, str]] = [
    (_no_credentials, {"credentials"}, "none in the environment", "vonage-messages setup"),
    (_half_a_pair, {"credentials"}, "VONAGE_PRIVATE_KEY is not set", "Set VONAGE_PRIVATE_KEY"),
    (_no_uuid, {"application id"}, "no UUID", "36 characters with hyphens"),
    (_no_key_file, {"private key"}, "cannot be read: No such file", "path of the key file"),
    (_folder_as_key_file, {"private key"}, "Is a directory", "path of the key file"),
    (_damaged_key, {"private key"}, "cut short or damaged", "--new-key"),
    (_open_key_file, {"key file mode"}, "its mode is 0644", "chmod 600 "),
    (_another_key, {"application key", "token"}, "not the one of this application", "--new-key"),
    (_another_application, {"application", "token"}, "no application with this id", "vonage-messages setup"),
    (_wrong_api_secret, {"API key"}, "refuses VONAGE_API_KEY", "dashboard's settings"),
    (_no_secret, {"signature secret"}, "is not set", "Set VONAGE_SIGNATURE_SECRET"),
    (_short_secret, {"signature secret"}, "5 characters", "16 characters"),
    (_secret_of_the_api, {"signature secret", "status webhook"}, "the API secret", "which is another"),
    (_another_secret, {"status webhook"}, "answers a genuine callback with 401", "signature secret of this account"),
    (_nobody_listens, {"address"}, "is not reached", "firewall"),
    (_plain_http, {"address"}, "must be https", "https address"),
    (_path_in_the_address, {"address"}, "answers 404", "Leave the path out of VONAGE_BASE_URL"),
    (_webhook_elsewhere, {"status webhook"}, "answers 404", "vonage-messages setup"),
    (_webhook_down, {"inbound webhook"}, "is not reached", "Start the service"),
]


@pytest.mark.parametrize(("plant", "checks", "found", "mend"), PLANTED, ids=[row[0].__name__ for row in PLANTED])
async def test_a_planted_fault_is_found_and_its_mend_named(
    house: Any, plant: Callable[[Any], None], checks: set[str], found: str, mend: str
) -> None:
    plant(house)
    findings = await examine(house.environment)
    wrong = failed(findings)
    assert set(wrong) == checks
    assert has_failed(findings)
    first = next(each for each in findings if each.outcome is Outcome.FAILED)
    assert found in first.found
    assert mend in first.mend
    assert all(each.mend for each in wrong.values())
    assert "\n" not in first.mend


@pytest.mark.parametrize(("ahead", "said"), [(3600, "ahead of"), (-3600, "behind")])
async def test_a_clock_that_is_off_is_found(house: Any, ahead: float, said: str) -> None:
    findings = await examine(house.environment, clock=lambda: time.time() + ahead)
    assert set(failed(findings)) == {"clock"}
    assert said in failed(findings)["clock"].found
    assert "NTP" in failed(findings)["clock"].mend


@pytest.mark.parametrize("given", [Webhooks(), Webhooks(status_url="status"), Webhooks(inbound_url="inbound")])
async def test_a_webhook_that_is_not_given_is_that_of_the_application(house: Any, given: Webhooks) -> None:
    elsewhere = {name: url and f"{house.nowhere}/{url}" for name, url in attrs.asdict(given).items()}
    findings = await examine(house.environment, webhooks=Webhooks(**elsewhere))
    named = {f"{name.removesuffix('_url')} webhook" for name, url in elsewhere.items() if url}
    assert set(failed(findings)) == named
    assert [each for each in findings if each.outcome is Outcome.SKIPPED] == []


@pytest.mark.parametrize("checking", ["signature", "nothing"])
async def test_a_webhook_that_takes_a_forgery_is_found(house: Any, serve: Any, checking: str) -> None:
    async def take(request: web.Request) -> web.Response:
        await request.read()
        return web.Response(status=200 if checking == "nothing" else 401)

    application = web.Application()
    application.router.add_post("/{any}", take)
    async with serve(application) as url:
        webhooks = Webhooks(status_url=f"{url}/status", inbound_url=f"{url}/inbound")
        wrong = failed(await examine(house.environment, webhooks=webhooks))
    if checking == "nothing":
        assert set(wrong) == {"status webhook", "inbound webhook"}
        assert "SignatureVerifier" in wrong["inbound webhook"].mend
        assert "answers a forged callback with 200" in wrong["inbound webhook"].found
    else:
        assert set(wrong) == {"status webhook"}


async def test_an_application_without_messages_is_found(house: Any) -> None:
    private, public = new_key_pair()
    application_id = "78d335fa-323d-0114-9c3d-d6f0d48968cf"
    house.simulator.applications.put(Application(id=application_id, name="Voice", public_key=public))
    house.key_file.write_bytes(private)
    wrong = failed(await examine({**house.environment, "VONAGE_APPLICATION_ID": application_id}))
    assert set(wrong) == {"application"}
    assert "vonage-messages setup --application-id" in wrong["application"].mend


def plant_distribution(folder: Path, name: str, version: str) -> None:
    metadata = folder / f"{name.replace('-', '_')}-{version}.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")


async def test_the_other_distribution_of_the_same_name_is_found(
    house: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plant_distribution(tmp_path, "vonage-messages", "1.6.3")
    monkeypatch.syspath_prepend(tmp_path)
    wrong = failed(await examine(house.environment))
    assert set(wrong) == {"import name"}
    assert "1.6.3" in wrong["import name"].found
    assert "pip uninstall" in wrong["import name"].mend


@pytest.mark.parametrize("name", ["vonage_messages.py", "vonage_messages"])
async def test_a_file_that_hides_the_package_is_found(
    house: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    (tmp_path / name).mkdir() if "." not in name else (tmp_path / name).touch()
    monkeypatch.chdir(tmp_path)
    wrong = failed(await examine(house.environment))
    assert set(wrong) == {"import name"}
    assert f"{name} in the working folder" in wrong["import name"].found
    assert "another name" in wrong["import name"].mend


def test_the_command_line_names_the_other_distribution_before_anything_else(tmp_path: Path) -> None:
    plant_distribution(tmp_path, "vonage-messages", "1.6.3")
    paths = os.pathsep.join((str(Path(local.__file__).parents[2]), str(tmp_path)))
    command = [sys.executable, "-m", "vonage_messages", "doctor", "--no-probe"]
    environment = {**os.environ, "PYTHONPATH": paths}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300, check=False)  # noqa: S603  our own program
    assert done.returncode == 1
    assert "vonage_messages-1.6.3.dist-info" in done.stderr
    assert "pip uninstall -y vonage vonage-messages" in done.stderr


async def test_a_dependency_that_is_too_old_is_found(
    house: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plant_distribution(tmp_path, "aiohttp", "3.9.5")
    monkeypatch.syspath_prepend(tmp_path)
    wrong = failed(await examine(house.environment))
    assert set(wrong) == {"dependencies"}
    assert "aiohttp 3.9.5 is older than 3.11" in wrong["dependencies"].found
    assert "pip install" in wrong["dependencies"].mend


def test_a_python_that_is_too_old_is_found() -> None:
    assert local.check_python((3, 10, 4)).outcome is Outcome.FAILED
    assert local.check_python((3, 14, 0)).outcome is Outcome.OK


def test_the_versions_are_those_of_the_package() -> None:
    required = dict(re.fullmatch(r"(\w+)>=([\d.]+)", each).groups() for each in PROJECT["dependencies"])  # type: ignore[union-attr]
    assert {name: tuple(map(int, version.split("."))) for name, version in required.items()} == local.DEPENDENCIES
    assert PROJECT["requires-python"] == ">=" + ".".join(map(str, local.OLDEST_PYTHON))


async def test_without_an_api_key_the_token_still_tells(house: Any) -> None:
    del house.environment["VONAGE_API_KEY"], house.environment["VONAGE_API_SECRET"]
    house.key_file.write_bytes(new_key_pair()[0])
    findings = await examine(house.environment)
    assert set(failed(findings)) == {"token"}
    outcomes = {each.check: each.outcome for each in findings}
    assert outcomes["API key"] is outcomes["application key"] is outcomes["status webhook"] is Outcome.SKIPPED


async def test_a_platform_that_fails_is_no_fault_of_the_credentials(house: Any) -> None:
    house.simulator.faults.add("error")
    findings = await examine(house.environment)
    assert not has_failed(findings)


@pytest.mark.parametrize("value", ["", "x", None, "78d335fa323d01149c3dd6f0d48968cf"])
def test_what_is_no_application_id(value: object) -> None:
    assert not is_application_id(value)
    assert is_application_id(Simulator().application_id)
