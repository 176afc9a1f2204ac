"""Limits written in a file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from vonage_messages import ConfigurationError
from vonage_messages.limits.levels import Limits
from vonage_messages.limits.rate import Cap, Rate

WHOLE = """
account = { n = 30 }
[channels]
sms = { n = 20 }
"messenger/audio,video" = { n = 10 }
[senders]
14155550100 = [{ n = 1 }, { cap = 2000 }]
[each_sender]
whatsapp = { n = 80 }
[pairs]
whatsapp = { n = 1, per = 6.0, burst = 45 }
[prefixes]
1 = { n = 10 }
"""


def test_every_level_can_be_written() -> None:
    assert Limits.from_toml(WHOLE) == Limits(
        account=Rate(30),
        channels={"sms": Rate(20), "messenger/audio,video": Rate(10)},
        senders={"14155550100": (Rate(1), Cap(2_000))},
        each_sender={"whatsapp": Rate(80)},
        pairs={"whatsapp": Rate(1, per=6.0, burst=45)},
        prefixes={"1": Rate(10)},
    )


def test_empty_file_limits_nothing() -> None:
    assert Limits.from_toml("") == Limits.unlimited()


def test_file_may_begin_with_the_published_limits_and_replace_some() -> None:
    limits = Limits.from_toml('base = "published"\n[each_sender]\nwhatsapp = { n = 1000 }')

    assert limits.account == Rate(30)
    assert limits.each_sender["whatsapp"] == Rate(1000)
    assert limits.each_sender["mms"] == Rate(40)


def test_limit_of_the_account_can_be_taken_away() -> None:
    assert Limits.from_toml('base = "published"\naccount = false').account is None


def test_entry_can_be_taken_away() -> None:
    limits = Limits.from_toml(
        'base = "published"\n[pairs]\nwhatsapp = false\n[each_sender]\n"messenger/video,audio" = false'
    )

    assert limits == Limits.published().replacing(pairs={"whatsapp": None}, each_sender={"messenger/audio,video": None})
    assert list(limits.each_sender) == ["mms", "whatsapp", "messenger"]


def test_file_replaces_an_entry_however_its_key_is_written() -> None:
    limits = Limits.from_toml('base = "published"\n[each_sender]\n"messenger/video, audio" = { n = 5 }')

    assert limits.each_sender["messenger/audio,video"] == Rate(5)


@pytest.mark.parametrize("given", [Path("limits.toml"), b"account = { n = 1 }", None])
def test_what_is_no_text_is_refused_with_the_way_to_read_it(given: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"takes the text of a file, not \w+: .*read_text") as caught:
        Limits.from_toml(given)

    assert type(given).__name__ in str(caught.value)


@pytest.mark.parametrize("name", ["limits.toml", "/etc/campaign/limits.toml", "C:\\limits"])
def test_name_of_a_file_is_refused_with_the_way_to_read_it(name: str) -> None:
    with pytest.raises(ConfigurationError, match="takes the text of a file, not its name") as caught:
        Limits.from_toml(name)

    assert f"Limits.from_toml(Path({name!r}).read_text())" in str(caught.value)


@pytest.mark.parametrize("entry", ["{ n = 1, per = 2, brust = 3 }", "{ cap = 1, per = 2, brust = 3 }"])
def test_unknown_part_of_an_entry_is_named_alone(entry: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        Limits.from_toml(f"account = {entry}")

    assert "the limit of account has an unknown entry 'brust': beside" in str(caught.value)
    assert "2" not in str(caught.value)


@pytest.mark.each(
    ("text", "sentence"),
    [
        ("account = ", "the limits are no TOML"),
        ("account = { n = " + "9" * 5_000 + " }", "the limits are no TOML: Exceeds the limit"),
        ("account = " + "[" * 5_000, "the limits are no TOML: maximum recursion depth exceeded"),
        ("acount = { n = 1 }", "unknown entry 'acount'"),
        ('base = "mine"', "base must be one of published, sandbox, unlimited"),
        ("base = []", "base must be one of"),
        ("account = 30", "the limit of account must be { n = … }"),
        ("account = true", "the limit of account must be"),
        ("account = {}", "not nothing"),
        ("account = []", "the limit of account must be"),
        ("account = { n = 1, cap = 2 }", "must have n (and per, burst) or cap (and per), not both"),
        ("account = { pre = 2, burst = 3 }", "must have n (and per, burst) or cap (and per), not burst, pre"),
        ("account = { n = 1, pre = 2 }", "an unknown entry 'pre': beside n there may be per and burst"),
        ("account = { cap = 5, burst = 2 }", "an unknown entry 'burst': beside cap there may be per."),
        ("account = { n = 1, per = false }", "the limit of account: Rate per must be a finite number"),
        ("account = [false]", "the limit of account must be"),
        ("account", "the limits are no TOML"),
        (
            "[channels]\nmessenger/audio = { n = 1 }",
            "with anything but letters, digits, - and _ in it stands in quotes",
        ),
        ('[senders]\n"" = { n = 1 }', "Limits senders has an empty key"),
        ("[senders]\nacme.example = { n = 1 }", 'a name with a dot: "acme.example" must stand in quotes'),
        ("[senders]\nwww.acme.example = [{ n = 1 }]", 'a name with a dot: "www.acme.example" must stand in quotes'),
        ("[senders]\nAcme = { burst = 2 }", "the limit of senders Acme must have n"),
        ("[senders]\nAcme = { burst = {} }", "the limit of senders Acme must have n"),
        ("account = { burst = {} }", "the limit of account must have n"),
        ("account = { n = 0 }", "the limit of account: Rate n must be a finite number above 0, not 0"),
        ("account = { n = inf }", "the limit of account: Rate n"),
        ("account = { cap = 1.5 }", "the limit of account: Cap n must be a whole number"),
        ("channels = 5", "the limits of channels must be a table"),
        ("[channels]\nfax = { n = 1 }", "a channel that does not exist"),
        ("[senders]\nAcme = [1]", "the limit of senders Acme must be"),
    ],
)
def test_what_is_no_limit_is_refused_with_its_place(text: str, sentence: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        Limits.from_toml(text)

    assert sentence in str(caught.value)
