"""The page of settings and faults: what is set there holds, and what somebody is writing stays."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import Route, expect

from vonage_messages import RateLimitedError, WhatsappText

if TYPE_CHECKING:
    from vonage_messages import SentMessage
    from vonage_messages.testing import RunningSimulator

    from .watching import Watched

QUESTION = WhatsappText(to="447700900000", from_="447700900001", text="Shall we ring?")
Send = Callable[..., "SentMessage"]


def test_a_fault_of_the_page_is_an_error_of_the_client(inbox: Watched, send: Send) -> None:
    inbox.open("/inbox/settings")
    form = inbox.page.get_by_test_id("fault-form")
    form.get_by_label("What goes wrong").select_option("throttle")
    form.get_by_label("How often at most").fill("1")
    form.get_by_test_id("add-fault").click()
    expect(inbox.page.get_by_test_id("fault-list")).to_contain_text("throttle")
    inbox.check_accessible("settings with a fault")

    with pytest.raises(RateLimitedError):
        send(QUESTION)
    send(QUESTION)

    expect(inbox.page.get_by_test_id("fault-list")).to_contain_text("Struck once, spent")
    inbox.page.get_by_role("button", name="Clear all faults").click()
    expect(inbox.page.get_by_test_id("fault-list")).to_contain_text("Nothing goes wrong on purpose")


def test_the_settings_keep_what_somebody_is_writing(inbox: Watched, vonage_simulator: RunningSimulator) -> None:
    inbox.open("/inbox/settings")
    form, rate = inbox.page.get_by_test_id("webhooks-form"), inbox.page.get_by_test_id("account-form")
    expect(rate.get_by_label("Rate")).to_have_value("")
    form.get_by_label("Status URL").fill("http://127.0.0.1:9/status")
    form.get_by_label("Inbound URL").focus()

    vonage_simulator.limit(7)

    expect(rate.get_by_label("Rate")).to_have_value("7")
    expect(form.get_by_label("Status URL")).to_have_value("http://127.0.0.1:9/status")
    form.get_by_role("button", name="Save").click()
    expect(inbox.page.locator("#toast")).to_have_text("Saved")
    assert vonage_simulator.webhooks.status_url == "http://127.0.0.1:9/status"


def test_saving_the_balance_leaves_the_rate_and_its_burst_and_the_other_way_round(
    inbox: Watched, vonage_simulator: RunningSimulator, send: Send
) -> None:
    vonage_simulator.limit(7, 3)
    inbox.open("/inbox/settings")
    form = inbox.page.get_by_test_id("account-form")
    expect(form.get_by_label("Rate")).to_have_value("7")
    form.get_by_label("Balance").fill("5")
    form.get_by_role("button", name="Save").click()
    expect(inbox.page.locator("#toast")).to_have_text("Saved")
    assert (vonage_simulator.rate, vonage_simulator.burst, vonage_simulator.balance.amount) == (7, 3, Decimal(5))

    expect(form.get_by_label("Balance")).to_have_value("5")
    form.get_by_label("Rate").fill("9")
    send(QUESTION)  # costs something, while somebody writes
    with inbox.page.expect_response(lambda answer: answer.request.method == "PATCH"):
        form.get_by_role("button", name="Save").click()
    assert vonage_simulator.rate == 9
    assert Decimal(0) < (vonage_simulator.balance.amount or 0) < Decimal(5)


def test_what_somebody_writes_while_a_save_is_under_way_stays_and_is_saved_next(
    inbox: Watched, vonage_simulator: RunningSimulator
) -> None:
    vonage_simulator.limit(7)
    inbox.open("/inbox/settings")
    form = inbox.page.get_by_test_id("account-form")
    rate = form.get_by_label("Rate")
    expect(rate).to_have_value("7")
    bodies = []

    def write_meanwhile(route: Route) -> None:
        if route.request.method == "PATCH":
            bodies.append(route.request.post_data_json)
            rate.fill(str(8 + len(bodies)))
        route.continue_()

    inbox.page.route("**/_simulator/settings", write_meanwhile)
    form.get_by_label("Balance").fill("5")
    form.get_by_role("button", name="Save").click()
    expect(inbox.page.locator("#toast")).to_have_text("Saved")
    with inbox.page.expect_response(lambda answer: answer.request.method == "PATCH"):
        form.get_by_role("button", name="Save").click()
    inbox.page.unroute_all(behavior="wait")

    assert bodies == [{"balance": "5"}, {"rate": 9}]
    assert vonage_simulator.rate == 9
    expect(rate).to_have_value("10")


def test_a_fault_asks_for_what_it_takes_and_for_nothing_else(
    inbox: Watched, vonage_simulator: RunningSimulator
) -> None:
    inbox.open("/inbox/settings")
    form = inbox.page.get_by_test_id("fault-form")
    form.get_by_label("What goes wrong").select_option("slow")
    form.get_by_label("Seconds").fill("3")
    form.get_by_label("What goes wrong").select_option("truncated_json")
    expect(form.get_by_label("Seconds")).to_be_disabled()
    expect(form.get_by_label("Status")).to_be_disabled()
    form.get_by_test_id("add-fault").click()
    expect(inbox.page.get_by_test_id("fault-list")).to_contain_text("truncated json")
    form.get_by_label("What goes wrong").select_option("error")
    form.get_by_label("Status").fill("503")
    form.get_by_label("From").fill("Acme")
    form.get_by_label("Path").fill("/v0.1/*")
    form.get_by_test_id("add-fault").click()
    expect(inbox.page.get_by_test_id("fault-list")).to_contain_text("status 503")

    first, second = (each.fault for each in vonage_simulator.faults)
    assert (first.kind, first.seconds, first.status) == ("truncated_json", None, None)
    assert (second.kind, second.status, second.from_, second.path) == ("error", 503, "Acme", "/v0.1/*")
