"""Numbers and sentences as the report writes them."""

import math
from urllib.parse import urlencode

import pandas as pd

from pipeline.coding.sample import SCREENED
from pipeline.report.content import Content
from pipeline.report.results import Results

ESTIMATOR_NOTE = (
    "The explorer computes from the same table of weights in the page, and agrees with the tables to nine digits."
)


def format_percent(share: float | None) -> str:
    """Returns a share as a percentage with one decimal below 10%, none above."""
    if share is None or pd.isna(share):
        return "–"
    return f"{100 * share:.1f}%" if 100 * share < 9.95 else f"{100 * share:.0f}%"


def format_interval(row: pd.Series | dict) -> str:
    """Returns the interval of a row of shares as "12–18%"."""
    if row.get("low") is None or pd.isna(row["low"]):
        return "–"
    return f"{format_percent(row['low']).rstrip('%')}–{format_percent(row['high'])}"


def format_points(change: float) -> str:
    """Returns a change of share in percentage points, with its sign: "+4.2" or "−1.0"."""
    return f"{100 * change:+.1f}".replace("-", "−")


def format_decimals(number: float | None) -> str:
    """Returns a coefficient with two decimals: "0.82", "−0.05"; a dash where there is none."""
    if number is None or pd.isna(number):
        return "–"
    return f"{round(number, 2) + 0.0:.2f}".replace("-", "−")  # nothing below nought is nought


def format_number(number: float) -> str:
    """Returns a whole number with commas between the thousands."""
    return f"{int(number):,}"


def format_count(number: float) -> str:
    """Returns an estimated number of documents, rounded to a whole one (halves up, as the page's script does)."""
    return f"{math.floor(number + 0.5):,}"


def make_link(frame: str, definition: str = "", year: str = "", denominator: str = "", show: str = "documents") -> str:
    """Returns the link, within the page, to a position of the explorer or to the documents behind a share."""
    state = {"frame": frame, "year": year, "def": definition, "of": denominator, "show": show}
    return "#" + urlencode({key: value for key, value in state.items() if value})


def spell_readers(content: Results) -> str:
    """Returns who read, such as "language-model readers"."""
    kinds = content.reader_kinds
    return " and ".join("people" if kind == "person" else f"{kind.replace(' ', '-')} readers" for kind in kinds)


def spell_count(count: int) -> str:
    """Returns a small number as a word."""
    words = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")
    return words[count] if count < len(words) else f"{count:,}"


def tell_reading(content: Content) -> str:
    """Returns how many readers coded each document, and what was adjudicated."""
    units, codes = content.sample.units, content.codes
    least, most = (int(units["n_readers"].min()), int(units["n_readers"].max())) if len(units) else (0, 0)
    if least == most:
        by = f"were each coded by {spell_count(most)} reader{'s' if most != 1 else ''}"
    else:
        by = f"were coded by {spell_count(least)} to {spell_count(most)} readers each"
    ruled = int(codes["is_adjudicated"].sum())
    told = f"{ruled:,} were adjudicated" if ruled else "none was adjudicated"
    marked = int(((units["phase2_stratum"] == SCREENED) & ~units["is_adjudicated"].astype(bool)).sum())
    if marked:
        told += f"; {marked:,} are known by a screener's mark of title and first words, which counts with its error"
    return f"{len(codes):,} documents {by}; {told}"


def list_adjudicated(content: Content) -> str:
    """Returns which documents were adjudicated, or an empty text where that follows no rule."""
    codes = content.codes
    in_full = codes["phase2_stratum"].isin(["disagree", "doubtful"])
    if not codes.loc[in_full, "is_adjudicated"].all() or not codes.loc[in_full, "is_adjudicated"].any():
        return ""
    part = " , and a random part of the agreements" if codes.loc[~in_full, "is_adjudicated"].any() else ""
    return "every disagreement, every doubtful code" + part.replace(" ,", ",")


def list_limits(content: Content) -> list[str]:
    """Returns what the numbers do not hold, most important first, as far as it follows from the data."""
    unquotable = [frame.title for frame in content.frames.values() if not frame.is_quotable]
    kinds = set(content.codes["coder_kind"])
    limits = []
    if "person" not in kinds:
        limits.append(
            "Every code was given by a language model, the adjudicator included. Readers of one kind share their "
            "errors: their agreement overstates how right they are, and no interval here holds that error."
        )
    limits.append(
        "Readers saw a title with an abstract or the opening of a text, not the whole work. A contribution that shows "
        "itself only later is coded by what its opening promises."
    )
    limits += _list_uncovered(content)
    if unquotable:
        limits.append(
            f"{', '.join(unquotable)}: lists or convenience samples. Nobody knows what they leave out, so no share of "
            "them is a share of anything larger."
        )
    limits += [
        *content.codebook.study.limits,
        "Where agreements were adjudicated in part, the error rate of the readers in each kind of agreement is taken "
        "to be the same in every frame and year.",
    ]
    return limits + _explain_people(content)


def _list_uncovered(content: Content) -> list[str]:
    """Returns what no draw covers of the frames that may be quoted."""
    rows = [content.share_of(name, content.codebook.definitions[0].id) for name in content.frames]
    return [
        f"The shares of the {content.frames[row['frame']].title} cover {row['n_population']:,} of "
        f"{row['n_members']:,} documents: nothing was drawn from the others yet, and nothing is said of them."
        for row in rows
        if row["n_members"] > row["n_population"] and content.frames[row["frame"]].is_quotable
    ]


def _explain_people(content: Content) -> list[str]:
    """Returns why a share of people is another one than that of documents, where their intervals are apart."""
    frame, definition = content.settings.headline_frame, content.settings.headline_definitions[0]
    if "people" not in content.weights_of(frame):
        return []
    people, documents = (content.share_of(frame, definition, weight=weight) for weight in ("people", "documents"))
    if people["high"] >= documents["low"] and documents["high"] >= people["low"]:
        return []
    busy = (
        "those who write most write more of it"
        if people["share"] < documents["share"]
        else "those who write most write less of it"
    )
    return [
        f"On the {content.frames[frame].title}, {format_percent(people['share'])} [{format_interval(people)}] under "
        f"“{definition}” where each author weighs one, and {format_percent(documents['share'])} "
        f"[{format_interval(documents)}] of documents: {busy}. Most of that weight lies with names of one or two "
        "documents, of whom few were read: the interval is wide, but simulated on these very authors it holds as often "
        "as it says (reports/bench/people.csv in the repository)."
    ]


def cite_share(content: Content) -> str:
    """Returns a sentence that quotes the first headline share with all that belongs to it."""
    frame = content.frames[content.settings.headline_frame]
    row = content.share_of(content.settings.headline_frame, content.settings.headline_definitions[0])
    title = next(item.title for item in content.codebook.definitions if item.id == row["definition"])
    return (
        f"{format_percent(row['share'])} ({content.level:.0%} interval {format_interval(row)}) of "
        f"{content.codebook.denominators[row['denominator']].title} on the {frame.title} ({frame.description}) is "
        f"{content.codebook.study.direct} under “{title}”; {row['n_read']} documents read by {spell_readers(content)} "
        f"({0 if pd.isna(row['n_person']) else row['n_person']:.0f} by a person), "
        f"{content.settings.title} {content.version}."
    )


def tell_source(content: Results) -> str:
    """Returns the line that says, inside a picture, where it comes from and who read."""
    return (
        f"{content.settings.title} {content.version}, code {content.code_version}; read by {spell_readers(content)}; "
        "data: CC BY 4.0"
    )


def tell_trend(content: Results, frame: str, definition: str) -> str:
    """Returns the finding about a frame: where its share began and where it is now, and how many documents that is."""
    title, name = content.frames[frame].title, _short_title(content, definition)
    years = [
        year for year in content.years_of(frame) if not pd.isna(content.share_of(frame, definition, year)["share"])
    ]
    if len(years) < 2:
        row = content.share_of(frame, definition)
        return f"{title}: {name} is {format_percent(row['share'])}"
    early, late = (content.share_of(frame, definition, year) for year in (years[0], years[-1]))
    is_apart = early["low"] > late["high"] or late["low"] > early["high"]
    moved = "went" if not is_apart else "fell" if early["share"] > late["share"] else "rose"
    return (
        f"{title}: {name} {moved} from {format_percent(early['share'])} in {years[0]} "
        f"to {format_percent(late['share'])} in {years[-1]}"
    )


def _short_title(content: Results, definition: str) -> str:
    title = next(item.title for item in content.codebook.definitions if item.id == definition)
    return title.split(":")[0]


def tell_uncovered(content: Content) -> str:
    """Returns how many documents of the frames that may be quoted no draw covers, in one line."""
    rows = content.extras.get("coverage")
    if rows is None:
        return ""
    quotable = [name for name, frame in content.frames.items() if frame.is_quotable]
    # A frame that is known through another one has no draw of its own to cover it.
    whole = rows[(rows["window"] == "") & rows["frame"].isin(quotable) & (rows["n_covered"] > 0)]
    parts = [
        f"{content.frames[row['frame']].title} covers {format_number(row['n_covered'])} of "
        f"{format_number(row['n_members'])}"
        for row in whole.to_dict("records")
    ]
    return "; ".join(parts)
