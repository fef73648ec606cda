"""The files of each figure: light, dark, and its numbers."""

from collections.abc import Mapping

from pipeline.report.colours import DARK_PAPER, PAPER, darken, put_on
from pipeline.report.findings import find
from pipeline.report.results import Results
from pipeline.report.tables import neutralise_formulas


def draw_files(content: Results, figures: Mapping[str, str]) -> dict[str, str]:
    """Returns the files of each figure: light, dark, and its numbers as CSV."""
    files = {}
    for name, svg in figures.items():
        files[f"{name}.svg"] = put_on(svg, PAPER)
        files[f"{name}-dark.svg"] = put_on(darken(svg), DARK_PAPER)
        rows = neutralise_formulas(find(content, name).rows.reset_index(drop=True))
        files[f"{name}.csv"] = rows.to_csv(index=False, lineterminator="\n", float_format="%.6f")
    return files
