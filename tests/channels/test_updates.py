"""The typing indicator of a message update."""

from __future__ import annotations

import pytest

from vonage_messages import InvalidMessageError, ReplyingIndicatorText, to_payload


@pytest.mark.parametrize("show", [True, False])
def test_indicator_is_written_with_its_type(show: bool) -> None:
    assert to_payload(ReplyingIndicatorText(show=show)) == {"show": show, "type": "text"}


@pytest.mark.parametrize("show", ["true", 1, None], ids=repr)
def test_show_is_a_boolean(show: bool) -> None:
    with pytest.raises(InvalidMessageError) as caught:
        ReplyingIndicatorText(show=show)
    assert [problem.path for problem in caught.value.problems] == ["show"]


def test_type_is_text_alone() -> None:
    with pytest.raises(InvalidMessageError) as caught:
        ReplyingIndicatorText(show=True, type_="audio")
    assert [problem.path for problem in caught.value.problems] == ["type"]
