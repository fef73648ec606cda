"""The permanent list of odd configurations: one line at the start, never a stage later."""

from pathlib import Path

import pytest

from tests.fuzz.config_cases import all_cases

CASES = all_cases()


@pytest.mark.parametrize("name", CASES)
def test_an_odd_configuration_is_one_line_at_once(name: str, tmp_path: Path) -> None:
    assert CASES[name](tmp_path) == ""


def test_the_list_stays_as_long_as_it_is() -> None:
    assert len(CASES) >= 250
