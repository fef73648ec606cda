"""The report shows how sure calls of single documents are: each frame's numbers and its reliability curve."""

from types import SimpleNamespace
from typing import cast

import pandas as pd

from pipeline.report.calls import SIDE, draw_curve, fill_calls
from pipeline.report.content import Content


def bands(frame: str, share: float) -> pd.DataFrame:
    rows = {"frame": frame, "band": ["0.0–0.1", "0.9–1.0"], "n_read": [4, 16], "chance": [0.05, 0.95]}
    return pd.DataFrame({**rows, "share": [0.0, share], "low": [0.0, share - 0.1], "high": [0.2, 1.0], "level": 0.95})


def content(**tables: pd.DataFrame) -> Content:
    frames = {"b": SimpleNamespace(title="The second"), "a": SimpleNamespace(title="The first")}
    return cast(Content, SimpleNamespace(extras=tables, frames=frames))


def test_frames_stand_in_the_order_of_the_report_all_documents_first_and_unread_ones_not_at_all() -> None:
    scores = pd.DataFrame({"frame": ["", "a", "b", "new", "unread"], "n_read": [60, 20, 20, 20, 0], "recall": 0.98})
    curves = pd.concat([bands(frame, 0.9) for frame in ("", "a", "b", "new")])
    rows = fill_calls(content(scope_calls=scores, reliability=curves))["scope_calls"]
    assert [row["title"] for row in rows] == ["all documents", "The second", "The first", "new"]
    assert all(str(row["curve"]).startswith("<svg") for row in rows)


def test_without_calls_the_section_is_absent() -> None:
    assert fill_calls(content())["scope_calls"] == []
    assert fill_calls(content(scope_calls=pd.DataFrame(), reliability=pd.DataFrame()))["scope_calls"] == []


def test_a_curve_says_in_words_what_it_shows_and_marks_lie_where_chance_and_share_are() -> None:
    picture = str(draw_curve(bands("a", 0.9)))
    assert "5% said, 0% so (4 read); 95% said, 90% so (16 read)" in picture
    assert picture.count("<circle") == 2
    high, low = (str(draw_curve(bands("a", share))) for share in (0.9, 0.5))
    y_of = [float(text.rsplit('cy="', 1)[1].split('"')[0]) for text in (high, low)]
    assert 0 < y_of[0] < y_of[1] < SIDE, "a higher share lies higher"
