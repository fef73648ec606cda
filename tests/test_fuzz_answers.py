"""The permanent list of odd answers: each is an answer or one line, within the deadline."""

from pathlib import Path

import pytest

from tests.fuzz.answer_cases import all_cases

CASES = all_cases()


@pytest.mark.whole
@pytest.mark.parametrize("name", CASES)
def test_an_odd_answer_is_an_answer_or_one_line_soon(name: str, tmp_path: Path) -> None:
    assert CASES[name](tmp_path) == ""


def test_the_list_stays_as_long_as_it_is() -> None:
    assert len(CASES) >= 100
