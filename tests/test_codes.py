from __future__ import annotations

import pickle

import pytest

from vonage_messages.codes import CODES, describe

RETRY_YES = {1000, 1030, 1100, 1180, 1220, 1230, 1241, 1290, 1331, 1360, 1460, 1461, 1472}
RETRY_NO = {1050, 1060, 1080, 1190, 1200, 1240, 1250, 1251, 1260, 1270, 1280, 1300, 1310, 1320, 1490, 2003}
"""Transcribed from the column "Retry" of the reference; every other code wants something changed first."""


def test_reference_lists_72_codes() -> None:
    assert len(CODES) == 72


def test_codes_stand_in_the_order_of_their_numbers() -> None:
    assert list(CODES) == sorted(CODES)


@pytest.mark.each("code", CODES)
def test_code_has_a_meaning_an_advice_and_the_verdict_of_the_reference(code: int) -> None:
    described = CODES[code]
    assert described.code == code
    assert described.meaning
    assert described.advice
    assert not described.meaning.endswith(".")
    assert described.retry == ("yes" if code in RETRY_YES else "no" if code in RETRY_NO else "fix")


@pytest.mark.parametrize("code", [None, 0, -1, 1281, 1471, 9999])
def test_code_that_no_document_lists_is_not_described(code: int | None) -> None:
    assert describe(code) is None


def test_described_code_survives_pickling() -> None:
    copied = pickle.loads(pickle.dumps(describe(1300)))  # noqa: S301  made right here
    assert copied == describe(1300)


def test_codes_cannot_be_changed() -> None:
    with pytest.raises(TypeError):
        CODES[1] = CODES[1000]  # type: ignore[index]
