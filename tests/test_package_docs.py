"""Every public name says what it takes, returns and raises, and where it is from; its example runs."""

import doctest
import inspect
import re

import pytest

import alignment_census

NAMES = sorted(set(alignment_census.__all__) - {"__version__"})
ENCODER = doctest.register_optionflag("ENCODER")  # examples that need the encoder: see test_package.py
NEEDS_PARTS = ("Raises:", "Source:")


@pytest.fixture(scope="module")
def shown(census_folder, tmp_path_factory):
    """The names an example may use, with the census of this checkout as the newest."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CENSUS_DATA", str(census_folder))
        yield {name: getattr(alignment_census, name) for name in NAMES}


def is_function(name: str) -> bool:
    return inspect.isfunction(getattr(alignment_census, name))


@pytest.mark.parametrize("name", [name for name in NAMES if is_function(name)])
def test_every_function_documents_arguments_result_errors_and_source(name: str) -> None:
    function = getattr(alignment_census, name)
    text = inspect.getdoc(function) or ""
    assert re.match(r"[A-Z].*\.", text), "the first line is a sentence"
    for argument in inspect.signature(function).parameters:
        assert re.search(rf"\b{argument}\b", text.partition("Args:")[2]), argument
    for part in ("Returns:", "Raises:", "Source:", "Example:"):
        assert part in text, part


@pytest.mark.parametrize("name", NAMES)
def test_the_example_of_every_name_runs(name: str, shown) -> None:
    found = getattr(alignment_census, name)
    if name in {"Census", "CensusError"}:
        return  # made by load_census; raised by all
    tests = list(doctest.DocTestFinder(recurse=False).find(found, name, globs=dict(shown)))
    assert tests and tests[0].examples
    runner = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE)
    for test in tests:
        test.examples = [example for example in test.examples if not example.options.get(ENCODER)]
        assert runner.run(test).failed == 0
