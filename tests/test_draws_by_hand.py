"""Draws that the plan asks for, by hand: which strata, how many documents of each band, and what is written down."""

import logging
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from pipeline.coding.extension import NAME, draw_extension, read_extension
from pipeline.coding.sample import Sample
from pipeline.errors import SheetError
from pipeline.estimate import draw_edge, draw_more
from pipeline.estimate.domains import Population
from pipeline.estimate.draw_edge import BATCH, DOUBTFUL, doubt_of, share_doubtful
from pipeline.estimate.draw_more import LEAST, _split_target, choose_strata, find_folders, share_out
from tests.survey_of import CODEBOOK, sample_of

IDS = np.array([f"d{number:06d}" for number in range(40)])


def two_strata(read: list[int], chance: np.ndarray | None = None) -> tuple[Sample, Population]:
    """Returns forty documents, the first thirty of `f/s0` in 2019 and the last ten of `f/s1` in 2020."""
    stratum = (np.arange(40) >= 30).astype(int)
    prediction = None
    if chance is not None:
        prediction = np.stack([chance, 1 - chance, np.zeros(40)], axis=1)  # all of it counts broadly
    sample, population = sample_of(np.zeros(40, dtype=int), stratum, np.array(read), prediction=prediction)
    return replace(sample, strata=sample.strata.assign(year=["2019", "2020"], part=["", ""])), population


def bands_of(**numbers: list[int]) -> dict[str, pd.Series]:
    """Returns bands by stratum, over documents that follow one another."""
    found, start = {}, 0
    for name, each in numbers.items():
        found[name] = pd.Series(each, IDS[start : start + len(each)])
        start += len(each)
    return found


def test_what_a_band_asks_for_is_shared_out_over_the_strata_by_what_each_has_left() -> None:
    sample, _ = two_strata([0, 1, 12])
    bands = bands_of(a=[0] * 8 + [1] * 2, b=[0] * 4 + [1] * 6)  # read: two of a's and one of b's lowest band
    assert share_out(bands, sample, {0: 3, 1: 4}) == {"a": {0: 2, 1: 2}, "b": {0: 1, 1: 3}}
    # No more than there is: six and three are left.
    assert share_out(bands, sample, {0: 50}) == {"a": {0: 6}, "b": {0: 3}}


def test_of_a_band_without_a_reading_two_are_drawn_and_of_one_that_is_not_there_none() -> None:
    sample, _ = two_strata([0, 11])
    assert LEAST == 2
    bands = bands_of(a=[0] * 9 + [1], b=[0] * 10, c=[2] * 5)
    assert share_out(bands, sample, {0: 0, 1: 0, 2: 0}) == {"a": {0: 0, 1: 1}, "b": {0: 0}, "c": {2: 2}}
    assert share_out(bands, sample, {2: 4}) == {"a": {}, "b": {}, "c": {2: 4}}
    # Nothing is left of a band that is read in full.
    sample, _ = two_strata([0, 1])
    assert share_out(bands_of(a=[0, 0]), sample, {0: 5}) == {"a": {0: 0}}


def test_doubt_begins_at_a_quarter_and_ends_below_three_quarters() -> None:
    chance = np.array([0.0, 0.2499, 0.25, 0.25 - 1e-13, 0.5, 0.7499, 0.75, 0.75 - 1e-13, 1.0])
    assert doubt_of(chance).tolist() == [0, 0, 1, 1, 1, 1, 2, 2, 2]


def test_doubtful_documents_are_shared_out_by_what_is_left_and_other_bands_get_two_where_none_is_read() -> None:
    sample, _ = two_strata([0, 1, 12, 13])
    bands = bands_of(a=[1] * 8 + [0, 2, 2], b=[0] * 3 + [1] * 3)  # read: two of a's doubtful, two of b's lowest
    assert share_doubtful(bands, sample, 3) == {"a": {1: 2, 0: 1, 2: 2}, "b": {1: 2}}
    # One of b is its share, and a second keeps its band from waiting; of 99 there are no more than six and three.
    assert share_doubtful(bands, sample, 99) == {"a": {1: 6, 0: 1, 2: 2}, "b": {1: 3}}
    assert share_doubtful(bands_of(a=[1, 1], b=[0]), sample, 4) == {"a": {1: 0}, "b": {1: 0, 0: 1}}


def test_a_target_is_a_frame_a_year_of_it_or_a_stratum_of_either() -> None:
    plan = pd.DataFrame({"frame": ["f", "f", "g"], "year": ["", "2019", "2020"]})
    assert _split_target("f", plan) == ("f", "")
    assert _split_target("f/2019", plan) == ("f", "2019")
    assert _split_target("f/2019/part", plan) == ("f", "2019")
    assert _split_target("f/2019b", plan) == ("f", "2019")  # half a year is a window of its own
    assert _split_target("f/2020", plan) == ("f", "")  # a year of another frame
    assert _split_target("f/part", plan) == ("f", "")


def write_extended(folder: Path, stratum: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / NAME).write_text(f"doc_id,stratum,band,reserve_order,is_wanted\nold,{stratum},0,0,True\n")


def test_a_stratum_that_is_extended_cut_by_several_rounds_or_not_all_here_is_left_out_with_its_reason(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    sample, population = two_strata([0, 1, 30, 31])
    folders = {"f/s0": tmp_path, "f/s1": tmp_path}
    assert choose_strata(sample, population, folders, ["f/s0", "f/s1"], "f") == ["f/s0", "f/s1"]
    with caplog.at_level(logging.INFO):
        assert choose_strata(sample, population, {"f/s0": tmp_path}, ["f/s0", "f/s1"], "f") == ["f/s0"]
    assert "f/s1: cut by several rounds" in caplog.text
    with pytest.raises(SheetError, match="f/s1 cannot be extended"):
        choose_strata(sample, population, {"f/s0": tmp_path}, ["f/s1"], "f")
    fewer = replace(sample, strata=sample.strata.assign(n_population=[30, 11]))  # one of the second is not here
    with caplog.at_level(logging.INFO):
        assert choose_strata(fewer, population, folders, ["f/s0", "f/s1"], "f") == ["f/s0"]
    assert "f/s1: not all of its documents are in the census" in caplog.text
    write_extended(tmp_path, "f/s0")
    with caplog.at_level(logging.INFO):
        assert choose_strata(sample, population, folders, ["f/s0", "f/s1"], "f") == ["f/s1"]
    assert "f/s0: extended already" in caplog.text
    # A stratum of a part lies in one that was extended whole.
    with pytest.raises(SheetError, match="f/s0/0 cannot be extended"):
        choose_strata(sample, population, folders, ["f/s0/0"], "f")
    with pytest.raises(SheetError, match="g has no stratum of its own here"):
        choose_strata(sample, population, folders, [], "g")


@pytest.fixture
def project(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., Any]:
    """Returns a configuration under which a made-up sample is what was read."""

    def open_project(
        sample: Sample, population: Population, shown: str = "one", calls: pd.DataFrame | None = None
    ) -> Any:
        for module in (draw_more, draw_edge):
            monkeypatch.setattr(module, "load_inputs", lambda _: (CODEBOOK, sample, population))
        monkeypatch.setattr(draw_more, "list_rounds", lambda *_: ["one", "two", "three"])
        monkeypatch.setattr(draw_more, "shown_round", lambda *_: shown)
        strata = {"one": ["f/s0", "f/s1"], "two": ["f/s0"]}
        for name in strata:
            (tmp_path / "rounds" / name).mkdir(parents=True, exist_ok=True)
            (tmp_path / "rounds" / name / "sample.csv").write_text("")
        monkeypatch.setattr(
            draw_more, "read_draw", lambda _, name, __: SimpleNamespace(strata=pd.DataFrame(index=strata[name]))
        )
        monkeypatch.setattr(draw_edge.store, "read_table", lambda *_: calls)
        return SimpleNamespace(
            path=lambda _: tmp_path, paths=SimpleNamespace(handcheck="."), processed=str, frames={},
            estimate=SimpleNamespace(rounds=(), round=""),
        )  # fmt: skip

    return open_project


def test_a_stratum_belongs_to_the_first_round_that_drew_it(project: Callable[..., Any], tmp_path: Path) -> None:
    config = project(*two_strata([0, 30]))
    assert find_folders(config) == {"f/s0": tmp_path / "rounds/one", "f/s1": tmp_path / "rounds/one"}


def plan_of(year: str, *n_more: int) -> pd.DataFrame:
    line = {"frame": "f", "year": year, "definition": "strict", "denominator": "safety"}
    return pd.DataFrame([{**line, "band": band, "n_more": count} for band, count in enumerate(n_more)])


def test_what_the_plan_asks_for_is_drawn_of_every_stratum_of_a_frame_and_of_a_year_alone(
    project: Callable[..., Any], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    chance = np.where(np.arange(40) % 2, 0.1, 0.9)  # bands 1 and 3
    config = project(*two_strata([0, 1, 30, 31], chance))
    plan = pd.concat([plan_of("", 0, 8, 0, 4), plan_of("2020", 0, 3, 0, 0), plan_of("2019", 0, 0, 0, 0)])
    with caplog.at_level(logging.INFO):
        draw_more.draw_documents(config, plan, "f/2020 strict")
    drawn = read_extension(tmp_path / "rounds/one")
    assert set(drawn["stratum"]) == {"f/s1"} and len(drawn) == 10  # every document of it is written down
    assert drawn.loc[drawn["is_wanted"], "band"].tolist() == [1, 1, 1]
    assert "plan: 3 documents of f/s1 drawn" in caplog.text and "ROUND=" not in caplog.text
    with pytest.raises(SheetError, match="needs no more documents read"):
        draw_more.draw_documents(config, plan, "f/2019 strict")
    for wrong in ("f/2020 broad", "g strict", "strict"):
        with pytest.raises(SheetError, match="is not in the plan"):
            draw_more.draw_documents(config, plan, wrong)
    # Of the whole frame: the second stratum is extended, so that the first gets all of it.
    draw_more.draw_documents(config, plan, "f strict")
    drawn = read_extension(tmp_path / "rounds/one").query("stratum == 'f/s0'")
    assert drawn["band"][drawn["is_wanted"]].value_counts().to_dict() == {1: 8, 3: 4}


def test_of_a_named_stratum_its_own_part_is_drawn_and_no_other(project: Callable[..., Any], tmp_path: Path) -> None:
    config = project(*two_strata([0, 1, 30, 31], np.where(np.arange(40) % 2, 0.1, 0.9)), shown="two")
    with pytest.raises(SheetError, match="f/s2 is no stratum that can be extended") as caught:
        draw_more.draw_documents(config, plan_of("", 0, 9, 0, 0), "f/s2 strict")
    assert caught.value.do == "name one of f/s0, f/s1, or f for all of them"
    draw_more.draw_documents(config, plan_of("", 0, 9, 0, 0), "f/s0 strict")
    drawn = read_extension(tmp_path / "rounds/one")
    assert set(drawn["stratum"]) == {"f/s0"} and int(drawn["is_wanted"].sum()) == 7  # nine by 14 and 4: seven and two


def test_without_predictions_there_is_nothing_to_draw_by(project: Callable[..., Any]) -> None:
    with pytest.raises(SheetError, match="the census has no predictions to draw by"):
        draw_more.draw_documents(project(*two_strata([0, 30])), plan_of("", 1), "f strict")


def test_a_document_that_is_read_for_another_stratum_is_not_asked_for_again(
    project: Callable[..., Any], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    sample, population = two_strata([0, 1, 30])
    config = project(sample, population, shown="two")
    bands = {"f/s0": pd.Series([0] * 30 + [0], IDS[:31])}  # the last is read for the other stratum
    with caplog.at_level(logging.INFO):
        draw_more.write_draw(config, sample, {"f/s0": tmp_path / "rounds/one"}, bands, {"f/s0": {0: 29}})
    drawn = read_extension(tmp_path / "rounds/one")
    assert set(drawn.loc[~drawn["is_wanted"], "doc_id"]) == {IDS[0], IDS[1], IDS[30]}
    assert drawn.loc[drawn["reserve_order"] < 0, "doc_id"].tolist() == [IDS[0], IDS[1]]
    assert "plan: 28 documents of f/s0 drawn" in caplog.text and caplog.text.rstrip().endswith("ROUND=one")
    expected = draw_extension("f/s0", bands["f/s0"], pd.Series(np.arange(31) < 2, IDS[:31]), {0: 29}, 1)
    assert drawn["doc_id"].tolist() == expected["doc_id"].tolist()  # the seed is the round's


def test_doubtful_documents_of_a_frame_are_drawn_and_a_stratum_without_any_is_left_alone(
    project: Callable[..., Any], tmp_path: Path
) -> None:
    sample, population = two_strata([0, 1, 30, 31])
    chance = np.where(np.arange(40) < 30, np.where(np.arange(40) % 3 == 0, 0.5, 0.1), 0.9)
    calls = pd.DataFrame({"doc_id": IDS[::-1], "chance": chance[::-1]})
    config = project(sample, population, calls=calls)
    draw_edge.draw_edge(config, "scope/f", 4)
    drawn = read_extension(tmp_path / "rounds/one")
    assert set(drawn["stratum"]) == {"f/s0"} and int(drawn["is_wanted"].sum()) == 4
    assert set(drawn.loc[drawn["band"] == DOUBTFUL, "doc_id"]) == set(IDS[:30:3])
    with pytest.raises(SheetError, match="no unread document of f is doubtful"):
        draw_edge.draw_edge(config, "scope/f", 4)  # the first stratum is extended, the second has no doubt
    with pytest.raises(SheetError, match="no frame 'g' was drawn from") as caught:
        draw_edge.draw_edge(config, "scope/g", 4)
    assert caught.value.do == "name one of f"
    with pytest.raises(SheetError, match="-1 documents cannot be drawn"):
        draw_edge.draw_edge(config, "scope/f", -1)
    with pytest.raises(SheetError, match="no document is called in or out of scope here"):
        draw_edge.draw_edge(project(sample, population, calls=calls[:0]), "scope/f", 4)


def test_no_number_is_a_hundred_doubtful_documents_and_a_part_is_a_frame(
    project: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sample, population = two_strata([0, 30])
    sample = replace(sample, strata=sample.strata.assign(part=["core", "rest"]))
    calls = pd.DataFrame({"doc_id": IDS, "chance": 0.5})
    asked: list[int] = []

    def count(bands: dict[str, pd.Series], _: Sample, number: int) -> dict[str, dict[int, int]]:
        asked.append(number)
        return {name: {DOUBTFUL: 3} for name in bands}

    monkeypatch.setattr(draw_edge, "share_doubtful", count)
    config = project(sample, population, calls=calls)
    config.frames = {"part-of-f": SimpleNamespace(part_of="f/rest")}
    draw_edge.draw_edge(config, "scope/part-of-f", 0)
    assert asked == [100] == [BATCH]
    assert set(read_extension(tmp_path / "rounds/one")["stratum"]) == {"f/s1"}
