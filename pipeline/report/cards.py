"""A page and a picture for each named position: what a link to it shows where links are shown with a preview."""

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlencode

from pipeline.coding.positions import Position
from pipeline.report.findings import MIN_YEARS
from pipeline.report.results import Results, has_rows
from pipeline.report.words import format_interval, format_percent

FOLDER = "positions"
NOTHING = "none"  # as state.js calls a position that starts from no definition


def list_cards(content: Results) -> list[dict[str, Any]]:
    """Returns, for each named position: id, title, finding, says, link (into the report) and rows (of its windows).

    None without the table `positions`. Rows are of the headline's frame and denominator, by year where there are years.
    """
    if not has_rows(content, "positions"):
        return []
    table, settings = content.extras["positions"], content.settings
    own = table[(table["frame"] == settings.headline_frame) & (table["denominator"] == settings.denominator)]
    cards = []
    for position in content.positions:
        rows = own[(own["position"] == position.id) & own["share"].notna()].sort_values("year").to_dict("records")
        whole = [row for row in rows if not row["year"]]
        if whole:
            years = [row for row in rows if row["year"]]
            cards.append(
                {
                    "id": position.id,
                    "title": position.title,
                    "says": f"{position.who}: {position.says}",
                    "finding": _tell(whole[0], years, content),
                    "link": _link(position, content),
                    "rows": years or whole,
                }
            )
    return cards


def _tell(whole: dict[Any, Any], years: Sequence[dict[Any, Any]], content: Results) -> str:
    frame = content.frames[content.settings.headline_frame].title
    start = f"{format_percent(whole['share'])} ({format_interval(whole)}) of {content.codebook.study.output} on {frame}"
    if len(years) < MIN_YEARS:
        return start
    first, last = years[0], years[-1]
    shares = [f"{format_percent(row['share'])} in {row['year']}" for row in (first, last)]
    return f"{start}: {shares[0]}, {shares[1]}"


def _link(position: Position, content: Results) -> str:
    state = {
        "frame": content.settings.headline_frame,
        "def": position.definition or NOTHING,
        "in": ",".join(sorted(position.include)),
        "out": ",".join(sorted(position.exclude)),
    }
    return "../index.html#" + urlencode({key: value for key, value in state.items() if value}, safe=",")
