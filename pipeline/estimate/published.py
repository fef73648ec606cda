"""The published weights: everything that it takes to compute any share again, with its interval, in one table."""

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd
from scipy import sparse

from pipeline.coding.codebook import Codebook
from pipeline.coding.sheets import code_columns_of
from pipeline.estimate.code_numbers import tidy_records
from pipeline.estimate.rulings import CodeChances
from pipeline.estimate.weights import Weights

SEPARATOR = " "  # between the parts of a code: leaf, second leaf, the axes in the codebook's order, confidence
NONE = "-"  # a part that is empty


def tabulate_weights(weights: Weights) -> pd.DataFrame:
    """Returns the rows of the table `weights`: one a read document."""
    codes = weights.codes
    names = [name for name in codes.records.columns if name not in ("group", "group2")]
    columns = [codes.records[name].astype(str).replace("", NONE).tolist() for name in names]
    texts = np.array([SEPARATOR.join(parts) for parts in zip(*columns, strict=True)], dtype=object)
    units = weights.units[["frame", "year", "stratum", "inclusion_probability"]]
    replicates = np.ascontiguousarray(weights.replicates.T)
    first = codes.kept_drawn[:1]
    is_same = (codes.kept_drawn == first).all(axis=0)  # of most documents: they are settled
    rows = []
    for place, (doc_id, unit) in enumerate(zip(units.index, units.to_dict("records"), strict=True)):
        kept, changed = (_chances_of(table, place) for table in (codes.kept, codes.changed))
        is_settled = bool(codes.is_settled[place])
        drawn = (first if is_same[place] else codes.kept_drawn)[:, place].tolist()
        own = sorted({*kept, *changed, *drawn})
        rows.append(
            {
                "doc_id": doc_id,
                **unit,
                "weight": float(weights.weight[place]),
                "is_settled": is_settled,
                "codes": texts[own].tolist(),
                "kept_chances": [kept.get(code, 0.0) for code in own],
                "changed_chances": [] if is_settled else [changed.get(code, 0.0) for code in own],
                "change_chance": float(codes.change[place]),
                "replicate_weights": replicates[place].tolist(),
                "replicate_codes": [] if is_settled else np.searchsorted(own, codes.kept_drawn[:, place]).tolist(),
                "replicate_changes": [] if is_settled else codes.change_drawn[:, place].tolist(),
            }
        )
    return pd.DataFrame(rows)


def _chances_of(table: sparse.csr_array, place: int) -> dict[int, float]:
    """Returns the chances of one document by code."""
    own = slice(table.indptr[place], table.indptr[place + 1])
    return dict(zip(table.indices[own].tolist(), table.data[own].tolist(), strict=True))


def read_weights(table: pd.DataFrame, codebook: Codebook) -> Weights:
    """Returns the weights of the table `weights`: the inverse of `tabulate_weights`."""
    texts = sorted({code for codes in table["codes"] for code in codes})
    place_of = {code: place for place, code in enumerate(texts)}
    parts = pd.DataFrame([text.split(SEPARATOR) for text in texts], columns=code_columns_of(codebook))
    records = parts.replace(NONE, "")
    records = tidy_records(records, codebook)
    count, number = len(table["replicate_weights"].iloc[0]), len(table)
    kept: list[np.ndarray] = []
    changed: list[np.ndarray] = []
    places: list[np.ndarray] = []
    drawn, rates = np.zeros((number, count), dtype=np.int64), np.zeros((number, count))
    columns = ("is_settled", "codes", "kept_chances", "changed_chances", "replicate_codes", "replicate_changes")
    units = zip(*(table[name].tolist() for name in columns), strict=True)
    for row, (is_settled, own_codes, kept_chances, changed_chances, own_drawn, own_rates) in enumerate(units):
        own = np.array([place_of[code] for code in own_codes], dtype=np.int32)
        places.append(own)
        kept.append(np.asarray(kept_chances, dtype=float))
        changed.append(kept[-1] if is_settled else np.asarray(changed_chances, dtype=float))
        drawn[row] = own[0] if is_settled else own[np.asarray(own_drawn, dtype=int)]
        rates[row] = 0.0 if is_settled else own_rates
    codes = CodeChances(
        records,
        _sparse(places, kept, len(texts)),
        _sparse(places, changed, len(texts)),
        table["change_chance"].to_numpy(dtype=float),
        np.ascontiguousarray(drawn.T),
        np.ascontiguousarray(rates.T),
        table["is_settled"].to_numpy(dtype=bool),
    )
    about = table.set_index("doc_id")[["frame", "year", "stratum", "inclusion_probability"]]
    replicates = np.stack(table["replicate_weights"].tolist(), axis=1).astype(float, copy=False)
    return Weights(about, table["weight"].to_numpy(dtype=float), replicates, codes)


def _sparse(places: Sequence[np.ndarray], chances: Sequence[np.ndarray], width: int) -> sparse.csr_array:
    """Returns a table of chances, float (n_rows, width), from the columns and chances of each row that are not 0."""
    ends = np.cumsum([0, *map(len, places)], dtype=np.int32)
    table = sparse.csr_array((np.concatenate(chances), np.concatenate(places), ends), shape=(len(places), width))
    table.eliminate_zeros()
    table.sort_indices()
    return table


def total_by_replicate(
    weights: pd.DataFrame, is_in: Callable[[str], bool], size: pd.Series | None = None
) -> np.ndarray:
    """Returns how many documents, or how much of their size, count: float (1 + n_replicates,), the estimate first.

    Args:
        weights: rows of the table `weights`, all or some (of a frame, of a year).
        is_in: whether a code counts: a text such as "A1 - T3 M1 S3 C 2", the leaf first.
        size: by doc_id, what each document counts for; None: one.
    """
    total = np.zeros(1 + len(weights["replicate_weights"].iloc[0]))
    for row in weights.to_dict("records"):
        match = np.array([is_in(code) for code in row["codes"]], dtype=float)
        is_open, change = not row["is_settled"], np.append(row["change_chance"], row["replicate_changes"])
        kept = np.append(match @ row["kept_chances"], match[np.asarray(row["replicate_codes"], dtype=int)])
        share = (1 - change) * kept + change * (match @ row["changed_chances"]) if is_open else match[0]
        one = 1.0 if size is None else float(size[row["doc_id"]])
        total += one * share * np.append(row["weight"], row["replicate_weights"])
    return total
