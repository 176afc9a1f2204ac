"""The table of first lines says what a dictionary would say."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from vonage_messages.bulk.duplicates import FirstLines


@given(st.lists(st.tuples(st.sampled_from(["sms", "mms"]), st.integers(0, 30), st.integers(1, 2**32 - 1))))
def test_table_says_what_a_dictionary_says(seen: list[tuple[str, int, int]]) -> None:
    table, expected = FirstLines(), dict[tuple[str, str], int]()
    for channel, number, line in seen:
        recipient = str(number)
        assert table.seen_before(channel, recipient, line) == expected.get((channel, recipient))
        expected.setdefault((channel, recipient), line)
    assert len(table) == len(expected)


def test_table_remembers_while_it_grows() -> None:
    table = FirstLines()
    for line in range(1, 20_001):
        assert table.seen_before("sms", str(line), line) is None
    assert all(table.seen_before("sms", str(line), 1) == line for line in range(1, 20_001))
    assert table.seen_before("mms", "1", 7) is None
    assert len(table) == 20_001
