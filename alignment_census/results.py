"""What was read, what was estimated, and who wrote: the tables of a census, narrowed to what was asked for."""

import difflib
import tomllib
from collections.abc import Iterable
from typing import Literal

import pandas as pd

from alignment_census.loading import Census, CensusError, load_census

__all__ = ["agendas", "codes", "people", "predictions", "share", "weights"]


def share(
    definition: str = "",
    *,
    frame: str = "",
    by: Literal["", "year"] = "",
    denominator: str = "",
    counted_in: str = "documents",
    census: Census | None = None,
) -> pd.DataFrame:
    """Returns published shares with their intervals.

    Args:
        definition: what counts, by its id in the codebook, such as "strict"; all of them by default.
        frame: the population, such as "alignmentforum-census"; all by default.
        by: "year" for each year that was sampled as a stratum of its own; all years together by default.
        denominator: what it is a share of; the codebook's first by default.
        counted_in: what a document counts for: documents (one each), or another name in the column `weight`.
        census: from `load_census`; the newest by default.

    Returns:
        rows of the table `shares`: `share`, `low` and `high` from 0 to 1, not a number where nothing was read; `level`
        of the interval; `n_population` and `n_read` in documents.

    Raises:
        CensusError: there is no such definition, frame or denominator, or the census has no shares.

    Source: `shares.parquet`, made by the stage `estimate`; the method is in `reports/bench/estimate.md`.

    Example:
        >>> row = share("strict", frame="alignmentforum-census").iloc[0]
        >>> bool(0 < row["low"] < row["share"] < row["high"] < 1)
        True
    """
    census = census or load_census()
    rows = census.table("shares")
    wanted = {
        "definition": definition,
        "frame": frame,
        "denominator": denominator or _first_denominator(census),
        "weight": counted_in,
    }
    for column, value in wanted.items():
        if value:
            rows = rows[rows[column] == check_known(value, rows[column], column, census)]
    return rows[(rows["year"] != "") if by == "year" else (rows["year"] == "")].reset_index(drop=True)


def weights(*, frame: str = "", census: Census | None = None) -> pd.DataFrame:
    """Returns what each read document stands for, and what it may be coded as: every share can be made from it.

    Args:
        frame: the population; all by default.
        census: from `load_census`; the newest by default.

    Returns:
        rows of the table `weights`, one a read document: `weight` in documents of the population, itself included;
        `codes`, a list of texts (leaf, second leaf, the axes in the codebook's order, confidence); `kept_chances`, a
        list of probabilities, one a code; `replicate_weights`, a list of float64 (n_replicates,).

    Raises:
        CensusError: there is no such frame, or the census has no weights.

    Source: `weights.parquet`, made by the stage `estimate`.

    Example:
        >>> rows = weights(frame="alignmentforum-census")
        >>> round(rows["weight"].sum())  # the weights add up to the documents of the frame
        4274
    """
    census = census or load_census()
    return _of_frame(census.table("weights"), frame, census)


def codes(*, census: Census | None = None) -> pd.DataFrame:
    """Returns the settled codes of the read documents.

    Args:
        census: from `load_census`; the newest by default.

    Returns:
        rows of the table `codes`, one a read document: `leaf`, `leaf2` (missing for none), `group`, one column an axis,
        `confidence`; `inclusion_probability` (0 to 1); `coder_kind` says whether a person or a language model read it.

    Raises:
        CensusError: the census has no codes.

    Source: `codes.parquet`, from the sheets under `data/raw/handcheck/`.

    Example:
        >>> set(codes()["coder_kind"]) <= {"person", "language model"}
        True
    """
    return (census or load_census()).table("codes")


def predictions(query: str | Iterable[str] = (), *, census: Census | None = None) -> pd.DataFrame:
    """Returns what the classifier expects of every document, read or not.

    A prediction is no code: single ones err, and no share may be counted from them (`estimate_share` makes shares).
    Which documents are called in scope, at which recall and precision, is in the tables `calls` and `scope_calls`
    (`census.table("calls")`, where the release has it): a chance of a half is no good place to part them at.

    Args:
        query: one or several of "definition <id>", "denominator <name>", "group <code>", "leaf <code>" and
            "agenda <leaves joined with +>"; all by default.
        census: from `load_census`; the newest by default.

    Returns:
        float64 (n_documents, n_queries), calibrated probabilities from 0 to 1 with four decimals; rows are documents,
        by doc_id in the order of `census.documents`, columns are queries.

    Raises:
        CensusError: there is no such query, or the census has no predictions.

    Source: `predictions.parquet`, made by the stage `estimate` from models that never saw the document's own codes.

    Example:
        >>> chances = predictions("leaf D1")
        >>> bool(chances["leaf D1"].between(0, 1).all())
        True
    """
    census = census or load_census()
    rows = census.table("predictions")
    names = [query] if isinstance(query, str) else list(query)
    known = rows["query"].unique()
    wanted = [check_known(name, known, "query", census) for name in names if name]
    if wanted:
        rows = rows[rows["query"].isin(wanted)]
    wide = rows.pivot(index="doc_id", columns="query", values="probability")
    return wide.reindex(census.documents["doc_id"])[wanted or list(wide.columns)]


def agendas(
    code: str = "", *, frame: str = "", by: Literal["", "year"] = "", census: Census | None = None
) -> pd.DataFrame:
    """Returns the share of each research agenda: leaves, groups and joined leaves of the codebook.

    Args:
        code: a leaf, a group, or leaves joined with +; all by default.
        frame: the population; all by default.
        by: "year" for each year; all years together by default.
        census: from `load_census`; the newest by default.

    Returns:
        rows of the table `agendas`: `code`, `title`, `denominator`, `share`, `low` and `high` (0 to 1), `n_read` and
        `n_coded` in documents.

    Raises:
        CensusError: there is no such code or frame, or the census has no agendas.

    Source: `agendas.parquet`, made by the stage `estimate`.

    Example:
        >>> agendas("D1", frame="alignmentforum-census")["title"].iloc[0]
        'mechanistic or developmental interpretability'
    """
    census = census or load_census()
    rows = _of_frame(census.table("agendas"), frame, census)
    if code:
        rows = rows[rows["code"] == check_known(code, rows["code"], "code", census)]
    return rows[(rows["year"] != "") if by == "year" else (rows["year"] == "")].reset_index(drop=True)


def people(*, census: Census | None = None) -> pd.DataFrame:
    """Returns the names on the documents as they were published, and which of them mean the same person.

    Args:
        census: from `load_census`; the newest by default.

    Returns:
        one row a spelling: `name`, `orcid` (empty where the source gives none), `person`, `document_count` in
        documents, `organisations` and `organisation_kinds` (lists of equal length: lab, academia, independent,
        government or think tank; empty where the sources say nothing).

    Raises:
        CensusError: the census has no people.

    Source: `people.parquet`, made by the stage `persons`; kinds from `pipeline/text/organisations.toml`.

    Example:
        >>> people().columns.tolist()[:3]
        ['name', 'orcid', 'person']
    """
    return (census or load_census()).table("people")


def check_known(value: str, known: Iterable[object], what: str, census: Census) -> str:
    """Returns a value that a column holds.

    Raises:
        CensusError: it does not; the message names the one that was probably meant.
    """
    names = sorted({str(name) for name in known})
    if value in names:
        return value
    close = difflib.get_close_matches(value, names, n=1, cutoff=0.5)
    hint = f"did you mean {close[0]!r}?" if close else f"there are {', '.join(names[:12])}"
    raise CensusError(f"there is no {what} {value!r}", where=str(census.folder), do=hint)


def _of_frame(rows: pd.DataFrame, frame: str, census: Census) -> pd.DataFrame:
    if not frame:
        return rows
    return rows[rows["frame"] == check_known(frame, rows["frame"], "frame", census)].reset_index(drop=True)


def _first_denominator(census: Census) -> str:
    path = census.folder / "codebook.toml"
    if not path.is_file():
        return ""  # a census released before codebooks came with it: all of them
    return next(iter(tomllib.loads(path.read_text(encoding="utf-8-sig"))["denominators"]))
