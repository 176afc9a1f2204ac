"""What messages cost: the table from code, TOML and CSV, and estimates that are exact to the last digit."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from decimal import Decimal, localcontext

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vonage_messages.channels.base import Message
from vonage_messages.channels.mail import EmailText
from vonage_messages.channels.messenger import MessengerText
from vonage_messages.channels.mms import MmsImage
from vonage_messages.channels.raw import RawMessage
from vonage_messages.channels.sms import Sms
from vonage_messages.channels.whatsapp import WhatsappText
from vonage_messages.errors import ConfigurationError
from vonage_messages.pricing import CostEstimate, PriceTable

TOML = """
currency = "EUR"

[sms]
default = "0.05"
44 = "0.04"
"+4420" = 0.03
1 = 1

[whatsapp]
default = "0.01"
"""

CSV = """channel,prefix,price,currency
sms,default,0.05,EUR
sms,44,0.04,EUR
sms,+4420,0.03,EUR
sms,1,1,EUR
whatsapp,,0.01,EUR
"""

TABLE = PriceTable(
    currency="EUR",
    prices={
        "sms": {"default": "0.05", "44": Decimal("0.04"), "4420": "0.03", "1": 1},
        "whatsapp": {"default": "0.01"},
    },
)

BRITISH, LONDON, GERMAN, AMERICAN = "447700900000", "442079460000", "491510000000", "14155550100"


def sms(to: str = BRITISH, text: str = "Hello", failover: list[Message] | None = None, **options: str) -> Sms:
    return Sms(to=to, from_="Acme", text=text, failover=failover, sms=options or None)


def whatsapp(to: str = BRITISH, failover: list[Message] | None = None) -> WhatsappText:
    return WhatsappText(to=to, from_="447700900001", text="Hello", failover=failover)


def mms() -> MmsImage:
    return MmsImage(to=AMERICAN, from_="14155550199", image={"url": "https://example.com/a.jpg"})


@pytest.mark.parametrize(
    ("recipient", "price"), [(BRITISH, "0.04"), (LONDON, "0.03"), (GERMAN, "0.05"), (AMERICAN, "1")]
)
def test_longest_prefix_that_fits_counts(recipient: str, price: str) -> None:
    assert TABLE.cost(sms(recipient)) == Decimal(price)


def test_default_is_no_prefix_of_a_number() -> None:
    table = PriceTable(currency="EUR", prices={"sms": {"44": "0.04"}})
    assert table.cost(sms(BRITISH)) == Decimal("0.04")
    assert table.cost(sms(GERMAN)) is None


@pytest.mark.parametrize(
    ("text", "parts"), [("a" * 160, 1), ("a" * 161, 2), ("ç" * 70, 1), ("ç" * 71, 2), ("a" * 159 + "ç", 3)]
)
def test_sms_costs_its_parts(text: str, parts: int) -> None:
    assert TABLE.cost(sms(text=text)) == parts * Decimal("0.04")


@pytest.mark.parametrize(("encoding", "parts"), [("auto", 3), ("text", 1), ("unicode", 3)])
def test_sms_costs_its_parts_in_its_own_encoding(encoding: str, parts: int) -> None:
    assert TABLE.cost(sms(text="a" * 159 + "ç", encoding_type=encoding)) == parts * Decimal("0.04")
    assert TABLE.cost(sms(text="a" * 71, encoding_type="unicode")) == 2 * Decimal("0.04")


def test_other_channels_cost_by_the_message() -> None:
    table = PriceTable(currency="USD", prices={"mms": {"1": "0.02"}, "messenger": {"default": 0}})
    assert table.cost(mms()) == Decimal("0.02")
    assert table.cost(MessengerText(to="1234567890", from_="98765", text="a" * 600)) == 0


def test_channel_without_prices_has_no_cost() -> None:
    assert TABLE.cost(mms()) is None


def test_recipient_who_is_no_number_takes_the_default() -> None:
    table = PriceTable(currency="EUR", prices={"whatsapp": {"1": "0.02", "default": "0.01"}, "email": {"default": 2}})
    assert table.cost(whatsapp("US.13491208655302741918")) == Decimal("0.01")
    assert table.cost(RawMessage({"channel": "email", "to": "1@example.com"})) == 2


@pytest.mark.parametrize(
    ("payload", "price"),
    [
        ({"channel": "sms", "to": BRITISH, "text": "a" * 161}, "0.08"),
        ({"channel": "sms", "to": BRITISH, "text": "ç" * 160, "sms": {"encoding_type": "text"}}, "0.04"),
        (
            {
                "to": {"type": "sms", "number": BRITISH},
                "message": {"content": {"type": "text", "text": "a" * 161}},
            },
            "0.08",
        ),
        ({"channel": "whatsapp", "to": BRITISH}, "0.01"),
    ],
)
def test_raw_message_costs_what_it_shows(payload: dict[str, object], price: str) -> None:
    assert TABLE.cost(RawMessage(payload)) == Decimal(price)


@pytest.mark.parametrize(
    "payload",
    [
        {"channel": "sms", "to": BRITISH},
        {"channel": "sms", "to": BRITISH, "text": 5},
        {"channel": "sms", "to": BRITISH, "text": "Hi", "sms": {"encoding_type": "morse"}},
        {"channel": "sms", "to": BRITISH, "text": "Hi", "sms": {"encoding_type": []}},
        {"to": {"type": "sms", "number": BRITISH}, "message": "Hi"},
        {"channel": "fax", "to": BRITISH, "text": "Hi"},
        {"text": "Hi"},
    ],
)
def test_raw_message_that_does_not_show_its_parts_has_no_cost(payload: dict[str, object]) -> None:
    assert TABLE.cost(RawMessage(payload)) is None


class Telegram(Message):
    """A message class from elsewhere that calls itself an SMS."""

    __slots__ = ()

    channel = "sms"
    to = BRITISH


def test_sms_of_a_foreign_class_has_no_cost() -> None:
    assert TABLE.cost(Telegram()) is None


def test_failover_is_in_the_worst_case_only() -> None:
    chain = whatsapp(failover=[sms(text="a" * 161), sms()])
    assert TABLE.cost(chain) == Decimal("0.01")
    assert TABLE.worst(chain) == Decimal("0.08")
    assert TABLE.worst(sms(failover=[whatsapp()])) == Decimal("0.04")


def test_worst_case_passes_over_what_has_no_price() -> None:
    assert TABLE.worst(sms(failover=[mms()])) == Decimal("0.04")
    assert TABLE.worst(mms()) is None


def test_estimate_adds_up_by_channel_and_prefix() -> None:
    messages = [sms(), sms(LONDON), sms(GERMAN, text="a" * 161), whatsapp(failover=[sms(AMERICAN)]), mms()]
    assert TABLE.estimate(messages) == CostEstimate(
        total=Decimal("0.18"),
        currency="EUR",
        worst=Decimal("1.17"),
        messages=5,
        unpriced=1,
        segments=4,
        by_channel={"sms": Decimal("0.17"), "whatsapp": Decimal("0.01")},
        by_prefix={"44": Decimal("0.04"), "4420": Decimal("0.03"), "default": Decimal("0.11")},
    )


def test_chain_whose_first_message_has_no_price_is_unpriced_and_in_the_worst_case() -> None:
    table = PriceTable(currency="EUR", prices={"sms": {"default": "0.05"}})
    estimate = table.estimate([whatsapp(failover=[sms()])])
    assert (estimate.total, estimate.worst, estimate.unpriced, estimate.segments) == (0, Decimal("0.05"), 1, 0)


def test_estimate_of_nothing_is_nothing() -> None:
    estimate = TABLE.estimate([])
    assert (estimate.total, estimate.worst, estimate.messages, estimate.unpriced) == (0, 0, 0, 0)
    assert estimate.by_channel == estimate.by_prefix == {}


def test_estimate_takes_messages_one_by_one() -> None:
    taken: list[Sms] = []

    def stream() -> Iterator[Sms]:
        for _ in range(1000):
            taken.append(sms())
            yield taken[-1]

    assert TABLE.estimate(stream()).total == Decimal(40)
    assert len(taken) == 1000


def test_money_is_exact_in_whatever_context_the_caller_computes() -> None:
    table = PriceTable(currency="EUR", prices={"sms": {"default": "123456789.123456789"}})
    with localcontext() as context:
        context.prec = 3
        assert str(table.cost(sms(text="a" * 161))) == "246913578.246913578"
        assert str(table.estimate([sms()] * 10).total) == "1234567891.234567890"


@given(st.lists(st.sampled_from([sms(), sms(LONDON, "ç" * 71), sms(GERMAN), whatsapp(), whatsapp(failover=[sms()])])))
def test_estimate_is_the_sum_of_the_costs(messages: list[Message]) -> None:
    estimate = TABLE.estimate(messages)
    assert estimate.total == sum((TABLE.cost(each) or 0 for each in messages), Decimal(0))
    assert estimate.worst == sum((TABLE.worst(each) or 0 for each in messages), Decimal(0))
    assert sum(estimate.by_channel.values(), Decimal(0)) == estimate.total
    assert sum(estimate.by_prefix.values(), Decimal(0)) == estimate.total


def test_toml_csv_and_code_make_the_same_table() -> None:
    assert PriceTable.from_toml(TOML) == TABLE
    assert PriceTable.from_csv(CSV) == TABLE


def test_price_in_toml_without_quotes_is_exact() -> None:
    table = PriceTable.from_toml('currency = "EUR"\n[sms]\ndefault = 0.1\n44 = 1e-3\n33 = 0.10\n')
    assert {prefix: str(price) for prefix, price in table.prices["sms"].items()} == {
        "default": "0.1",
        "44": "0.001",
        "33": "0.10",
    }


@pytest.mark.parametrize(
    "text",
    [
        "\ufeff" + CSV,
        CSV.replace("\n", "\r\n"),
        CSV.replace("sms,44,", '\n , ,\n"sms", 44 , '),
        CSV.replace("channel,prefix,price,currency", "Channel, Prefix ,PRICE,Currency"),
    ],
)
def test_csv_as_a_spreadsheet_writes_it_is_read(text: str) -> None:
    assert PriceTable.from_csv(text) == TABLE


def test_csv_may_leave_the_currency_to_the_caller_and_have_columns_of_its_own() -> None:
    table = PriceTable.from_csv("country,price,prefix,channel\nUK,0.04,44,sms\n", currency="GBP")
    assert table == PriceTable(currency="GBP", prices={"sms": {"44": "0.04"}})


@pytest.mark.each(
    ("text", "sentence"),
    [
        ('[sms]\ndefault = "0.05"\n', "names no currency"),
        ('currency = "euro"\n[sms]\ndefault = "0.05"\n', "three capitals.*'euro'"),
        ('currency = "EUR"\n', "names no price"),
        ('currency = "EUR"\n[sms]\n', "Price table, sms: there must be a table"),
        ('currency = "EUR"\nsms = "0.05"\n', "Price table, sms: there must be a table"),
        ('currency = "EUR"\n[viber]\ndefault = "0.05"\n', "no channel 'viber'.*viber_service"),
        ('currency = "EUR"\n[sms]\nUK = "0.05"\n', "sms UK: the prefix must be"),
        ('currency = "EUR"\n[sms]\n044 = "0.05"\n', "sms 044: the prefix must be"),
        ('currency = "EUR"\n[sms]\n44 = "0.05"\n"+44" = "0.04"\n', r"sms \+44: sms has a price for 44 already"),
        ('currency = "EUR"\n[sms]\n44 = "0,05"\n', "sms 44: the price must be written.*'0,05'"),
        ('currency = "EUR"\n[sms]\n44 = -0.05\n', "sms 44: the price must be written"),
        ('currency = "EUR"\n[sms]\n44 = nan\n', "sms 44: the price must be written"),
        ('currency = "EUR"\n[sms]\n44 = inf\n', "sms 44: the price must be written"),
        ('currency = "EUR"\n[sms]\n44 = 1e999999\n', "sms 44: the price must be written"),
        ('currency = "EUR"\n[sms]\n44 = 1e-999999\n', "sms 44: the price must be written"),
        ('currency = "EUR"\n[sms]\n44 = ' + "1" * 5000, "not readable as TOML"),
        ('currency = "EUR"\n[sms]\n44 = 0x' + "f" * 5000, "sms 44: the price must be written.*far larger number"),
        ('currency = "EUR"\n[sms]\n44 = true\n', "sms 44: the price must be written.*True"),
        ('currency = "EUR"\n[sms]\n44 = ["0.05"]\n', "sms 44: the price must be written"),
        ('currency = "EUR"\n[messenger]\n44 = "0.05"\n', "messenger 44: recipients on messenger are no numbers"),
        ('currency = "EUR"\n[email]\n1 = "0.05"\n', "email 1: recipients on email are no numbers"),
        ('currency = "EUR"\n[sms\n', "not readable as TOML.*line 2"),
        ('currency = "EUR"\n[sms]\n44 = ' + "[" * 100_000, "not readable as TOML"),
    ],
)
def test_bad_toml_is_refused_with_its_place(text: str, sentence: str) -> None:
    with pytest.raises(ConfigurationError, match=f"(?s){sentence}"):
        PriceTable.from_toml(text)


@pytest.mark.each(
    ("text", "sentence"),
    [
        ("", "names no price"),
        ("channel,prefix,price,currency\n", "names no price"),
        ("sms,44,0.04,EUR\n", "line 1: the header must name channel, prefix, price; channel, prefix, price is missing"),
        ("channel,prefix,price,price\n", "line 1: the header names a column twice"),
        ("channel,prefix,price,currency\nsms,44,0.04\n", "line 2: there must be 4 columns as in the header, not 3"),
        ("channel,prefix,price,currency\nsms,44,0,04,EUR\n", "line 2: there must be 4 columns as in the header, not 5"),
        ('channel,prefix,price,currency\nsms,44,"0,04",EUR\n', "line 2: the price must be written"),
        ("channel,prefix,price,currency\n\nfax,44,0.04,EUR\n", "line 3: there is no channel 'fax'"),
        ("channel,prefix,price,currency\nsms,x,0.04,EUR\n", "line 2: the prefix must be"),
        ("channel,prefix,price,currency\nsms,44,1,EUR\nsms,+44,2,EUR\n", "line 3: sms has a price for 44 already"),
        ("channel,prefix,price,currency\nsms,44,1,EUR\nsms,1,1,USD\n", "line 3: the currency is 'USD', and 'EUR'"),
        ("channel,prefix,price,currency\nsms,44,1,\n", "names no currency"),
        ('channel,prefix,price,currency\nsms,44,"1', "line 2: unexpected end of data"),
        ("channel,prefix,price,currency\nsms,44,1,eur\n", "three capitals"),
    ],
)
def test_bad_csv_is_refused_with_its_line(text: str, sentence: str) -> None:
    with pytest.raises(ConfigurationError, match=sentence):
        PriceTable.from_csv(text)


def test_currency_of_the_caller_and_of_the_file_must_agree() -> None:
    assert PriceTable.from_csv(CSV, currency="EUR") == TABLE
    with pytest.raises(ConfigurationError, match="line 2: the currency is 'EUR', and 'USD' elsewhere"):
        PriceTable.from_csv(CSV, currency="USD")


@pytest.mark.each("price", [0.05, True, "1e3", "1_000", "\u0661", " 1", "", "-1", None, "1" * 10, Decimal("NaN")])
def test_what_is_no_exact_price_is_refused(price: object) -> None:
    with pytest.raises(ConfigurationError, match="sms default: the price must be written"):
        PriceTable(currency="EUR", prices={"sms": {"default": price}})


def test_prices_that_are_no_mapping_are_refused() -> None:
    with pytest.raises(ConfigurationError, match="must be a mapping, not list"):
        PriceTable(currency="EUR", prices=["sms"])


def test_later_change_of_the_callers_mapping_changes_no_price() -> None:
    mine = {"sms": {"default": "0.05"}}
    table = PriceTable(currency="EUR", prices=mine)
    mine["sms"]["default"] = "9"
    assert table.cost(sms()) == Decimal("0.05")


def test_table_and_estimate_pickle() -> None:
    assert pickle.loads(pickle.dumps(TABLE)) == TABLE  # noqa: S301  made on the line itself
    estimate = TABLE.estimate([sms()])
    assert pickle.loads(pickle.dumps(estimate)) == estimate  # noqa: S301  made on the line itself


def test_e_mail_costs_by_the_message() -> None:
    table = PriceTable(currency="EUR", prices={"email": {"default": "0.001"}})
    news = EmailText(to="a@example.com", from_="b@example.com", text="Hello", email={"subject": "News"})
    assert table.estimate([news] * 3).total == Decimal("0.003")
