"""What the page's script computes shares from: the read codes, the design and the weights."""

from dataclasses import asdict
from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse

from pipeline.coding.codebook import Codebook
from pipeline.coding.sample import Sample
from pipeline.coding.sheets import code_columns_of
from pipeline.estimate.domains import Domain, list_domains, parts_of
from pipeline.estimate.intervals import normal_quantile, student_quantile
from pipeline.estimate.published import read_weights
from pipeline.estimate.survey import measure_sizes, merge_records
from pipeline.estimate.weights import Weights, digit_of
from pipeline.report.content import Content
from pipeline.report.named import list_agenda_sizes
from pipeline.report.second import OPEN as OPEN_SCOPE
from pipeline.report.second import list_second, list_smoothed
from pipeline.report.words import tell_source
from pipeline.settings import Frame

DIGITS = 12  # of a chance in the page: sums of published ones end in rounding errors, which take room


def explorer_payload(content: Content, weights: Weights) -> dict[str, Any]:
    """Returns the inputs of the estimator: design, codes of every reading, and the queries.

    The t and normal quantiles of each domain are given as numbers, so that the script needs no distribution.
    """
    sample, codebook = content.sample, content.codebook
    strata = list(sample.strata.index)
    return {
        "z2": normal_quantile(content.level) ** 2,
        "level": content.level,
        "weights": weights_payload(weights),
        "joined": [list(leaves) for leaves in content.joined.values()],
        "frames": [_frame_payload(name, frame, content) for name, frame in list_estimated(content).items()],
        "positions": [asdict(position) for position in content.positions],
        "sizes": sizes_payload(content),
        "second": list_second(content),
        "smoothed": list_smoothed(content),
        "agenda_sizes": list_agenda_sizes(content),
        "open_scope": OPEN_SCOPE,
        "source": tell_source(content),
        "domains": [
            _domain_payload(domain, content.level)
            for domain in list_domains(sample, content.population, parts_of(content.frames))
        ],
        "units": {
            "stratum": [strata.index(name) for name in sample.units["stratum"]],
            "phase2": sample.units["phase2_stratum"].tolist(),
            "reader_kind": sample.units["reader_kind"].tolist(),
        },
        "sheets": [_sheet_payload(sheet, content) for sheet in (*list_readings(sample), sample.adjudicator)],
        **codebook_payload(codebook, content),
    }


def sizes_payload(content: Content) -> dict[str, dict[str, dict[str, Any]]]:
    """Returns what documents count for besides one each, by way of counting and frame: of each read one, and in all."""
    sample, population = content.sample, content.population
    whole = {domain.frame: domain for domain in list_domains(sample, population) if not domain.year}
    found: dict[str, dict[str, dict[str, Any]]] = {}
    for name, by_frame in measure_sizes(sample, population).items():
        if name not in set(content.shares["weight"]):
            continue
        for frame, size in by_frame.items():
            own = size[population.units][whole[frame].rows]
            if own.any():
                total = float(size[population.rows_within(whole[frame])].sum())
                found.setdefault(name, {})[frame] = {"size": own.tolist(), "total": total}
    return found


def list_estimated(content: Content) -> dict[str, Frame]:
    """Returns the frames that the page can compute for: those of the sample whose weights it holds, and their parts."""
    strata = content.sample.strata
    known = set(strata["frame"])
    parts = set(strata["frame"] + "/" + strata["part"])
    return {name: frame for name, frame in content.frames.items() if name in known or frame.part_of in parts}


def _frame_payload(name: str, frame: Frame, content: Content) -> dict[str, Any]:
    years = content.years_of(name)
    last = content.documents.loc[content.documents["frame"] == name, "published_date"].dropna().max() if years else ""
    is_part = bool(years) and str(last)[:4] == years[-1] and str(last)[5:7] < "12"
    return {
        "id": name,
        "title": frame.title,
        "is_quotable": frame.is_quotable,
        "is_part": bool(frame.part_of),
        "partial_year": years[-1] if is_part else "",
    }


def codebook_payload(codebook: Codebook, content: Content) -> dict[str, Any]:
    """Returns the codes and the queries over them."""
    return {
        "groups": codebook.groups,
        "leaves": {code: title.replace("*", "") for code, title in codebook.leaves.items()},
        "group_of": codebook.group_of,
        "outside": list(codebook.outside),
        "hints": dict(content.hints),
        "axes": codebook.axes,
        "definitions": [asdict(definition) for definition in codebook.definitions],
        "denominators": {name: asdict(denominator) for name, denominator in codebook.denominators.items()},
        "denominator": content.settings.denominator,
        "headline_frame": content.settings.headline_frame,
        "headline_definitions": list(content.settings.headline_definitions),
        "direct": codebook.study.direct,
        "contested": list(codebook.toggles.leaves),
    }


def merge_weights(content: Content) -> Weights:
    """Returns the table `weights` as the script takes it: codes that no query of the codebook tells apart are one."""
    return merge_records(read_weights(content.weights, content.codebook), content.codebook)


def weights_payload(weights: Weights) -> dict[str, Any]:
    """Returns the weights but for what differs from replicate to replicate."""
    codes = weights.codes
    rates, rate_of = _rates(weights)
    return {
        "records": {
            column: codes.records[column].tolist()
            for column in codes.records.columns
            if column not in ("group", "group2")
        },
        "n_replicates": len(weights.replicates),
        "n_rates": len(rates),
        "step": digit_of(weights.replicates),
        "weight": weights.weight.tolist(),
        "probability": weights.units["inclusion_probability"].tolist(),
        "is_settled": codes.is_settled.astype(int).tolist(),
        "kept": _sparse_rows(codes.kept),
        "changed": _sparse_rows(codes.changed, ~codes.is_settled),
        "change": codes.change.tolist(),
        "rate_of": rate_of.tolist(),
    }


def replicates_payload(weights: Weights) -> bytes:
    """Returns what differs from replicate to replicate, little-endian: rates, weights in steps, drawn codes.

    Rates are float64 (n_rates, n_replicates), first the first byte of each, and so on; the other two are 16-bit
    words (n_read, n_replicates), the row of a document in one piece: so they are small when they are compressed.
    """
    rates = np.frombuffer(_rates(weights)[0].astype("<f8").tobytes(), dtype=np.uint8).reshape(-1, 8).T
    steps = (weights.replicates / digit_of(weights.replicates)).T.astype("<u2")
    return rates.tobytes() + steps.tobytes() + weights.codes.kept_drawn.T.astype("<u2").tobytes()


def _rates(weights: Weights) -> tuple[np.ndarray, np.ndarray]:
    """Returns the chances of a change, float (n_rates, n_replicates), each row once, and the row of each document."""
    rates, rate_of = np.unique(weights.codes.change_drawn, axis=1, return_inverse=True)
    return rates.T, rate_of.reshape(-1)


def _sparse_rows(table: sparse.csr_array, is_shown: np.ndarray | None = None) -> list[list[list[float]]]:
    """Returns columns and values of each row; two empty lists where it is not shown."""
    rows = []
    for place in range(table.shape[0]):
        part = slice(table.indptr[place], table.indptr[place + 1])
        if is_shown is not None and not is_shown[place]:
            part = slice(0, 0)
        rows.append([table.indices[part].tolist(), table.data[part].round(DIGITS).tolist()])
    return rows


def _domain_payload(domain: Domain, level: float) -> dict[str, Any]:
    n_read, n_strata = int(domain.rows.sum()), len(domain.strata)
    top, below = (student_quantile(level, max(n_read - lost, 1)) for lost in (1, n_strata))
    return {
        "frame": domain.frame,
        "year": domain.year,
        "units": np.flatnonzero(domain.rows).tolist(),
        "n_population": domain.n_population,
        "t_ratio": top / below,
    }


def list_readings(sample: Sample) -> list[pd.DataFrame]:
    """Returns the first readings, the second ones and so on: of as many documents as have so many readers."""
    count = sample.units["n_readers"].to_numpy().clip(min=1)
    return [reader[count > place] for place, reader in enumerate(sample.readers)]


def _sheet_payload(sheet: pd.DataFrame, content: Content) -> dict[str, list[Any]]:
    """Returns a coder's codes column by column; `unit` numbers the units they are about."""
    sample, columns = content.sample, [*code_columns_of(content.codebook), "note"]
    unit = sample.units.index.get_indexer(sheet.index).tolist()
    codes: dict[str, list[Any]] = {"unit": unit, **{column: sheet[column].tolist() for column in columns}}
    if "coder_kind" in sheet and len(sample.people):
        codes["is_person"] = (sheet["coder_kind"] == "person").tolist()
    return codes
