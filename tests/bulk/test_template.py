"""A template and the columns of a row make a payload; what a column holds is never read as a template."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vonage_messages import ConfigurationError, InvalidMessageError, Problem
from vonage_messages.bulk.template import Template, compile_template, rows_as_payloads

SMS = {"channel": "sms", "message_type": "text", "from": "Acme", "to": "{phone}", "text": "Hi {name}"}


def text_of(template: str, **columns: Any) -> Any:
    """Render one text of a template."""
    return compile_template({"channel": "sms", "text": template}).render(columns).get("text")


def problems_of(template: Template, columns: dict[str, Any]) -> list[str]:
    with pytest.raises(InvalidMessageError) as caught:
        template.render(columns)
    return [str(problem) for problem in caught.value.problems]


def refused(source: Any) -> list[str]:
    with pytest.raises(InvalidMessageError) as caught:
        compile_template(source)
    return [str(problem) for problem in caught.value.problems]


def test_placeholders_become_the_values_of_their_columns() -> None:
    payload = compile_template(SMS).render({"phone": "447700900000", "name": "Anna", "more": "unused"})
    assert payload == {**SMS, "to": "447700900000", "text": "Hi Anna"}


def test_template_lists_its_columns_in_their_order() -> None:
    template = compile_template({**SMS, "failover": [{"text": "{code?} for {name}"}]})
    assert template.columns == ("phone", "name", "code")


def test_doubled_braces_are_braces() -> None:
    assert text_of("{{{name}}} {{name}} }}{{", name="A") == "{A} {name} }{"


def test_doubled_braces_without_a_placeholder_are_braces_too() -> None:
    assert text_of("{{name}}") == "{name}"


@pytest.mark.parametrize(
    "name", ["a.b", "a[0]", "__class__", "a!r", "a:>10", "0", "Straße", "two words", "a.__init__.__globals__"]
)
def test_everything_between_the_braces_is_the_name(name: str) -> None:
    template = compile_template({"channel": "sms", "text": "x{" + name + "}"})
    assert template.columns == (name,)
    assert template.render({name: "value"})["text"] == "xvalue"
    assert problems_of(template, {"a": "value"}) == [f'text: needs the column "{name}", which the row does not have']


def test_value_that_looks_like_a_placeholder_stays_as_it_is() -> None:
    assert text_of("Hi {name}", name="{secret} {{x}} %s", secret="no") == "Hi {secret} {{x}} %s"


def test_spaces_around_a_name_do_not_count() -> None:
    assert text_of("Hi { name }", name="A") == "Hi A"


@pytest.mark.parametrize("value", ["", "  ", None])
def test_empty_value_is_a_problem_that_names_the_column(value: object) -> None:
    template = compile_template(SMS)
    assert problems_of(template, {"phone": value, "name": value}) == [
        'to: needs the column "phone", which is empty',
        'text: needs the column "name", which is empty',
    ]


@pytest.mark.parametrize("columns", [{}, {"name": ""}, {"name": None}])
def test_optional_placeholder_inside_a_text_may_be_empty(columns: dict[str, Any]) -> None:
    assert text_of("Hi{name?}!", **columns) == "Hi!"


def test_optional_placeholder_with_a_value_is_a_placeholder() -> None:
    assert text_of("Hi {name?}", name="Anna") == "Hi Anna"


def test_optional_placeholder_alone_leaves_its_field_out() -> None:
    template = compile_template({**SMS, "ttl": "{ttl?}", "sms": {"pool_id": "{pool?}", "content_id": "x"}})
    payload = template.render({"phone": "1", "name": "A", "ttl": "", "pool": None})
    assert "ttl" not in payload
    assert payload["sms"] == {"content_id": "x"}


def test_optional_item_of_a_list_keeps_its_place() -> None:
    template = compile_template({"channel": "whatsapp", "template": {"parameters": ["{a?}", "{b}"]}})
    assert template.render({"a": "", "b": "B"})["template"] == {"parameters": ["", "B"]}


def test_placeholder_alone_takes_the_type_of_its_field() -> None:
    template = compile_template(
        {**SMS, "ttl": "{ttl}", "trusted_recipient": "{trusted}", "failover": [{**SMS, "ttl": "{ttl}"}]}
    )
    payload = template.render({"phone": 447700900000, "name": "A", "ttl": "90", "trusted": "TRUE"})
    assert (payload["to"], payload["ttl"], payload["trusted_recipient"]) == ("447700900000", 90, True)
    assert payload["failover"][0]["ttl"] == 90


def test_value_that_does_not_fit_is_left_for_the_class_to_refuse() -> None:
    assert compile_template({**SMS, "ttl": "{ttl}"}).render({"phone": "1", "name": "A", "ttl": "soon"})["ttl"] == "soon"


@pytest.mark.parametrize("value", ["5", 5, True, [1, 2], {"a": None}])
def test_value_in_a_custom_object_keeps_its_type(value: object) -> None:
    template = compile_template({"channel": "whatsapp", "custom": {"deep": ["{value}"]}})
    found = template.render({"value": value})["custom"]["deep"][0]
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(("value", "written"), [(7, "7"), (1.5, "1.5"), (True, "true"), ("x", "x")])
def test_scalar_inside_a_text_is_written_as_json_writes_it(value: object, written: str) -> None:
    assert text_of("={value}=", value=value) == f"={written}="


@pytest.mark.parametrize(("value", "kind"), [({}, "an object"), ([1], "a list")])
def test_object_or_list_inside_a_text_is_a_problem(value: object, kind: str) -> None:
    template = compile_template({"channel": "sms", "text": "x{value}"})
    assert problems_of(template, {"value": value}) == [
        f'text: cannot take the column "value" into a text: it holds {kind}'
    ]


def test_payload_is_new_each_time() -> None:
    template = compile_template({**SMS, "sms": {"list": [{"deep": 1}]}})
    columns = {"phone": "1", "name": "A"}
    first = template.render(columns)
    first["sms"]["list"][0]["deep"] = 2
    first["more"] = True
    assert template.render(columns)["sms"] == {"list": [{"deep": 1}]}


def test_later_change_of_the_source_changes_no_template() -> None:
    source = {**SMS, "sms": {"content_id": "a"}}
    template = compile_template(source)
    source["sms"]["content_id"] = "b"  # type: ignore[index]
    assert template.render({"phone": "1", "name": "A"})["sms"] == {"content_id": "a"}


def test_message_type_is_implied() -> None:
    template = compile_template({"channel": "{channel}", "to": "{to}", "image": {"url": "{url}"}})
    assert template.render({"channel": "whatsapp", "to": "1", "url": "u"})["message_type"] == "image"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("a { b", "text: has a { without its pair at character 3: write {{ for the character itself"),
        ("a } b", "text: has a } without its pair at character 3: write }} for the character itself"),
        ("{a{b}", "text: has a { without its pair at character 1: write {{ for the character itself"),
        ("{}", "text: has a placeholder without a name at character 1"),
        ("x{ ? }", "text: has a placeholder without a name at character 2"),
    ],
)
def test_braces_that_make_no_placeholder_are_refused_at_once(text: str, problem: str) -> None:
    assert refused({"channel": "sms", "text": text}) == [problem]


def test_all_problems_of_a_template_are_listed() -> None:
    assert refused({"text": "{", "failover": [{"to": "}"}]}) == [
        "channel: is required",
        "text: has a { without its pair at character 1: write {{ for the character itself",
        "failover[0].to: has a } without its pair at character 1: write }} for the character itself",
    ]


def test_empty_template_is_refused() -> None:
    assert refused({}) == ["must not be empty"]


def test_value_that_is_no_json_is_refused() -> None:
    assert refused('channel = "sms"\nttl = 2026-11-23') == ["ttl: must be a JSON value, not date: put it in quotes"]


def test_template_of_endless_depth_is_refused() -> None:
    source: dict[str, Any] = {"channel": "sms"}
    source["custom"] = source
    assert any("nest deeper than 64" in problem for problem in refused(source))


def test_json_and_toml_say_the_same(tmp_path: Path) -> None:
    toml = 'channel = "sms"\nmessage_type = "text"\nfrom = "Acme"\nto = "{phone}"\ntext = "Hi {name}"\n'
    (tmp_path / "template.toml").write_text(toml, encoding="utf-8")
    (tmp_path / "template.json").write_text("\ufeff" + json.dumps(SMS), encoding="utf-8")
    columns = {"phone": "447700900000", "name": "Anna"}
    sources: list[Any] = [SMS, toml, json.dumps(SMS), tmp_path / "template.toml", tmp_path / "template.json"]
    assert {json.dumps(compile_template(source).render(columns), sort_keys=True) for source in sources} == {
        json.dumps({**SMS, "to": "447700900000", "text": "Hi Anna"}, sort_keys=True)
    }


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("{", "not valid JSON: .* \\(line 1\\)"),
        ("channel: sms", "neither a JSON object nor TOML"),
        ('"text"', "must be one JSON object, not str"),
        ('{"a": ' + "[" * 100_000, "nested too deeply"),
        ('{"a": ' + "9" * 5000 + "}", "more digits"),
        ('{"text": "Hi", "to": "{phone}", "text": "Bye"}', 'the template names "text" twice in one object'),
        ('{"ttl": NaN}', "the template is not valid JSON: NaN is no JSON number"),
    ],
)
def test_text_that_holds_no_template_is_a_sentence(text: str, sentence: str) -> None:
    with pytest.raises(ConfigurationError, match=sentence):
        compile_template(text)


def test_file_that_cannot_be_read_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"none\.json cannot be read"):
        compile_template(tmp_path / "none.json")
    (tmp_path / "latin.toml").write_bytes(b'text = "Ren\xe9e"')
    with pytest.raises(ConfigurationError, match="not UTF-8"):
        compile_template(tmp_path / "latin.toml")


CHOICE = {
    "templates": {
        "text": {"channel": "whatsapp", "to": "{to}", "text": "{text}"},
        "image": {"channel": "whatsapp", "to": "{to}", "image": {"url": "{url}"}},
    }
}


def test_each_row_takes_the_template_that_it_names() -> None:
    template = compile_template(CHOICE)
    assert template.columns == ("message_type", "to", "text", "url")
    assert template.render({"message_type": " image ", "to": "1", "url": "u"})["image"] == {"url": "u"}
    assert template.render({"message_type": "text", "to": "1", "text": "x"})["text"] == "x"


def test_column_that_chooses_may_have_another_name() -> None:
    template = compile_template({**CHOICE, "column": "kind"})
    assert template.render({"kind": "text", "to": "1", "text": "x"})["message_type"] == "text"


def test_row_that_names_no_template_is_a_problem() -> None:
    template = compile_template(CHOICE)
    assert problems_of(template, {"to": "1"}) == [
        "message_type: is required: it says which template the row takes, one of text, image"
    ]
    assert problems_of(template, {"message_type": "vide0"}) == [
        "message_type: must be one of text, image: there is no other template"
    ]


@pytest.mark.parametrize(
    ("source", "problems"),
    [
        ({"templates": {}}, ["templates: must be an object of templates by their names, and not empty"]),
        ({"templates": [1]}, ["templates: must be an object of templates by their names, and not empty"]),
        ({"templates": {"a": 1}}, ["templates.a: must be an object, not int"]),
        ({"templates": {"a": {}}}, ["templates.a: must not be empty"]),
        ({"templates": {"a": {"text": "x"}}}, ["templates.a.channel: is required"]),
        (
            {"templates": {"a": {"channel": "{"}}},
            ["templates.a.channel: has a { without its pair at character 1: write {{ for the character itself"],
        ),
        ({**CHOICE, "column": 7}, ["column: must be the name of a column"]),
        ({**CHOICE, "colum": "a"}, ["colum: has no place beside templates"]),
    ],
)
def test_choice_that_cannot_be_made_is_refused(source: dict[str, Any], problems: list[str]) -> None:
    assert refused(source) == problems


def test_problem_of_the_message_is_explained_by_its_column() -> None:
    template = compile_template({**SMS, "text": "{greeting} {name}"})
    assert template.explained(Problem("to", "must be …"), {}) == Problem("to", 'must be … (from the column "phone")')
    assert template.explained(Problem("text", "is long"), {}).message == (
        'is long (from the column "greeting" and the column "name")'
    )
    assert template.explained(Problem("from", "must be …"), {}) == Problem("from", "must be …")


def test_problem_is_explained_by_the_template_that_was_chosen() -> None:
    source = {
        "templates": {"a": {"channel": "sms", "to": "{mobile}"}, "b": {"channel": "sms", "to": "{phone}"}},
    }
    template = compile_template(source)
    assert template.explained(Problem("to", "no"), {"message_type": "b"}).message == 'no (from the column "phone")'
    assert template.explained(Problem("to", "no"), {}).message == "no"


def test_row_of_json_lines_is_a_payload_as_it_is() -> None:
    row = {"channel": "sms", "message_type": "text", "to": "1", "from": "A", "text": "{name}", "ttl": "60", "x": ""}
    assert rows_as_payloads("jsonl").render(row) == row


def test_rendering_changes_no_row() -> None:
    row = {"channel": "sms", "text": "x", "message_type": None, "failover": [{"channel": "sms", "text": "y"}]}
    before = json.dumps(row)
    payload = rows_as_payloads("jsonl").render(row)
    assert json.dumps(row) == before
    assert payload["message_type"] == payload["failover"][0]["message_type"] == "text"


def test_columns_of_csv_are_paths() -> None:
    payload = rows_as_payloads("csv").render(
        {
            "channel": "whatsapp",
            "to": "447700900000",
            "image.url": "https://example.com/a.png",
            "image.caption": "",
            "ttl": "60",
            "failover[0].channel": "sms",
            "failover[0].text": "x",
            "failover[0].trusted_recipient": "true",
            "failover[1].channel": "",
        }
    )
    assert payload == {
        "channel": "whatsapp",
        "message_type": "image",
        "to": "447700900000",
        "image": {"url": "https://example.com/a.png"},
        "ttl": 60,
        "failover": [{"channel": "sms", "text": "x", "trusted_recipient": True, "message_type": "text"}],
    }


def test_parameters_of_a_template_are_items_of_a_list() -> None:
    payload = rows_as_payloads("csv").render({"template.parameters[0]": "1", "template.parameters[1]": "b"})
    assert payload["template"] == {"parameters": ["1", "b"]}


@pytest.mark.parametrize(
    ("columns", "problem"),
    [
        ({"a..b": "1"}, "a..b: is no path such as text, image.url or failover[0].to"),
        ({"a[x]": "1"}, "a[x]: is no path such as text, image.url or failover[0].to"),
        ({"image": "1", "image.url": "2"}, "image.url: goes through a field that another column fills"),
        ({"image.url": "1", "image": "2"}, "image: is filled by another column, too"),
        ({"a[0]": "1", "a.b": "2"}, "a.b: goes through a field that another column fills"),
        ({"a[0]": "", "a[1]": "2"}, "a[1]: leaves a gap: the list has no item 0 before it"),
    ],
)
def test_columns_that_make_no_payload_are_problems(columns: dict[str, Any], problem: str) -> None:
    assert problems_of(rows_as_payloads("csv"), columns) == [problem]


def test_unknown_format_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="csv, jsonl"):
        rows_as_payloads("xlsx")


NAMES = st.text(st.characters(exclude_characters="{}?"), min_size=1, max_size=8).map(str.strip).filter(bool)
VALUES = st.one_of(
    st.text(min_size=1).filter(lambda value: bool(value.strip())),
    st.sampled_from(["{name}", "{{", "}", '"', "'", "a\nb\r\n", "{0.__class__}", "%(x)s", "\\", "a\u2028b", "🙂"]),
)


@given(st.lists(st.tuples(st.text(), NAMES, VALUES), max_size=6), st.text())
def test_text_is_its_literals_and_values_and_nothing_else(pieces: list[tuple[str, str, str]], tail: str) -> None:
    columns: dict[str, str] = {name: value for _, name, value in pieces}
    escaped = [literal.replace("{", "{{").replace("}", "}}") for literal, _, _ in pieces]
    template = "".join(f"{literal}{{{name}}}" for literal, (_, name, _) in zip(escaped, pieces, strict=True))
    template += tail.replace("{", "{{").replace("}", "}}")
    expected = "".join(literal + columns[name] for literal, name, _ in pieces) + tail
    assert text_of(template, **columns) == expected


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


@given(JSON_VALUES, st.text())
def test_no_template_and_no_row_crash(value: Any, text: str) -> None:
    try:
        template = compile_template({"channel": "sms", "text": text, "more": value})
        template.render(dict.fromkeys(template.columns, value))
    except InvalidMessageError as error:
        assert error.problems  # noqa: PT017  either outcome is right; an error has to say why
