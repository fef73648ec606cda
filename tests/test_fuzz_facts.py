"""The permanent lists of odd sheets, damaged archives and damaged releases."""

from pathlib import Path

import pytest

from tests.fuzz import archive_cases, release_cases, sheet_cases

SHEETS, ARCHIVES, RELEASES = (module.all_cases() for module in (sheet_cases, archive_cases, release_cases))


@pytest.mark.parametrize("name", SHEETS)
def test_an_odd_sheet_gives_the_codes_that_were_written_or_one_line(name: str, tmp_path: Path) -> None:
    assert SHEETS[name](tmp_path) == ""


@pytest.mark.parametrize("name", ARCHIVES)
def test_a_damaged_archive_gives_the_pages_that_were_fetched_or_one_line(name: str, tmp_path: Path) -> None:
    assert ARCHIVES[name](tmp_path) == ""


@pytest.mark.parametrize("name", RELEASES)
def test_a_damaged_release_gives_each_document_its_own_vector_or_one_line(name: str, tmp_path: Path) -> None:
    assert RELEASES[name](tmp_path) == ""


def test_the_lists_stay_as_long_as_they_are() -> None:
    assert min(map(len, (SHEETS, ARCHIVES, RELEASES))) >= 60
