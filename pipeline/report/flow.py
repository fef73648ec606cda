"""The flow of documents, as PRISMA draws it: found, merged, rejected; covered, drawn, read, adjudicated, inside."""

from collections.abc import Iterator

import pandas as pd

from pipeline.report.content import Content
from pipeline.report.words import make_link

# Each step with what it counts; those of a frame are columns of the table `coverage`.
CORPUS_STEPS = {
    "found": "items that the sources gave",
    "rejected": "of these, could not be read as a document, or were withdrawn",
    "merged": "of these, the same document a second time",
    "documents": "distinct documents",
}
FRAME_STEPS = {
    "members": ("n_members", "documents of the frame now"),
    "covered": ("n_covered", "of these, in a stratum that was drawn from"),
    "uncovered": ("n_uncovered", "of these, in none: no share says anything of them"),
    "drawn": ("n_drawn", "drawn at random to be read"),
    "read": ("n_read", "read by at least one reader"),
    "adjudicated": ("n_adjudicated", "of these, settled by an adjudicator or a person"),
}
INSIDE = "inside"


def tabulate_flow(content: Content) -> pd.DataFrame:
    """Returns the rows of the table `flow`: step by step, how many documents; of the corpus, then of each frame."""
    return pd.DataFrame(_rows(content), columns=["frame", "step", "count", "meaning"])


def _rows(content: Content) -> Iterator[tuple[str, str, int, str]]:
    counts = content.counts
    found = counts["records"] + counts["rejects"]
    numbers = (found, counts["rejects"], counts["duplicates"], len(content.documents))
    for (step, meaning), number in zip(CORPUS_STEPS.items(), numbers, strict=True):
        yield "", step, number, meaning
    coverage = content.extras.get("coverage", pd.DataFrame())
    whole = coverage[coverage["window"] == ""].set_index("frame") if len(coverage) else coverage
    inside = _count_inside(content)
    for frame in content.frames:
        for step, (column, meaning) in FRAME_STEPS.items():
            if frame in whole.index:
                yield frame, step, int(whole.loc[[frame], column].iloc[0]), meaning
        if frame in inside:
            title = content.codebook.denominators[content.settings.denominator].title
            yield frame, INSIDE, inside[frame], f"estimated to be {title}"


def _count_inside(content: Content) -> dict[str, int]:
    totals = content.extras.get("totals")
    if totals is None:
        return {}
    kept = (
        (totals["year"] == "") & (totals["definition"] == "") & (totals["denominator"] == content.settings.denominator)
    )
    return {str(row["frame"]): round(row["count"]) for row in totals[kept].to_dict("records")}


def link_step(frame: str, step: str, is_in_page: bool = True) -> str:
    """Returns where the rows behind a step are: within the page, or in a table beside it; empty where in neither.

    `is_in_page` says whether the page can show the read documents of the frame.
    """
    if not is_in_page and step in ("drawn", "read", "adjudicated"):
        return "tables/codes.csv"
    if step in ("drawn", "read"):
        return make_link(frame)
    if step == "adjudicated":
        return f"{make_link(frame)}&phase=adjudicated"
    if step == INSIDE:
        return "tables/totals.csv"
    if step == "documents":
        return "#map"
    return "tables/coverage.csv" if frame else ""
