"""Small pictures inside tables, as SVG: each says in words what it shows."""

from collections.abc import Mapping
from typing import Any

from markupsafe import Markup, escape

from pipeline.coding.codebook import Codebook

BAR_WIDTH, BAR_GAP, BAR_HEIGHT = 6, 1, 22  # pixels
STRIP_WIDTH, STRIP_HEIGHT = 120, 10


def draw_sparkline(years: Mapping[int, int], first: int, last: int) -> Markup:
    """Returns bars for the documents of each year from `first` to `last`."""
    span = range(first, last + 1)
    most = max((years.get(year, 0) for year in span), default=0)
    if not most:
        return Markup("")
    bars = []
    for place, year in enumerate(span):
        height = round(BAR_HEIGHT * years.get(year, 0) / most, 1)
        bars.append(
            f'<rect x="{place * (BAR_WIDTH + BAR_GAP)}" y="{BAR_HEIGHT - height:g}" '
            f'width="{BAR_WIDTH}" height="{height:g}"/>'
        )
    peak = max(span, key=lambda year: years.get(year, 0))
    label = f"{years.get(first, 0)} documents in {first}, {years.get(last, 0)} in {last}; most in {peak}, {most}"
    return draw_svg(len(span) * (BAR_WIDTH + BAR_GAP), BAR_HEIGHT, "".join(bars), label, "spark")


def draw_groups(row: Mapping[str, Any], codebook: Codebook) -> Markup:
    """Returns a strip of the read documents by group, and the counts in words."""
    counts = {group: int(row[f"n_read_{group}"]) for group in codebook.groups}
    total = sum(counts.values())
    if not total:
        return Markup("none read")
    left, parts = 0.0, []
    for group, count in counts.items():
        width = STRIP_WIDTH * count / total
        series = codebook.colours.get(group)
        fill = f"var(--series-{series})" if series else "var(--soft)"
        parts.append(
            f'<rect x="{left:.1f}" y="0" width="{width:.1f}" height="{STRIP_HEIGHT}" style="fill:{fill}"/>'
            if count
            else ""
        )
        left += width
    words = ", ".join(f"{group} {count}" for group, count in sorted(counts.items(), key=lambda i: -i[1]) if count)
    picture = draw_svg(STRIP_WIDTH, STRIP_HEIGHT, "".join(parts), "", "strip")
    return picture + Markup(f'<span class="small">{escape(words)}</span>')


def draw_svg(width: int, height: int, inside: str, label: str, name: str) -> Markup:
    """Returns a picture of this size; what it shows is said in `label`, or where that is empty by words beside it."""
    says = f'role="img" aria-label="{escape(label)}"' if label else 'aria-hidden="true"'
    return Markup(
        f'<svg class="{name}" width="{width}" height="{height}" viewBox="0 0 {width} {height}" {says}>{inside}</svg>'
    )
