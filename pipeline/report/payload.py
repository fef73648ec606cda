"""What the page's script works from: the read codes and the design, and the documents of the map."""

import base64
from dataclasses import asdict
from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse, stats

from pipeline.coding.codebook import Codebook
from pipeline.coding.sample import Sample
from pipeline.coding.sheets import code_columns_of
from pipeline.config import Frame
from pipeline.estimate.domains import Domain, list_domains, parts_of
from pipeline.estimate.published import read_weights
from pipeline.estimate.survey import measure_sizes, merge_records
from pipeline.estimate.weights import digit_of
from pipeline.report.content import Content
from pipeline.report.second import BEST
from pipeline.report.second import OPEN as OPEN_SCOPE
from pipeline.report.words import tell_source

MAP_STEPS = 65_535  # places on the map are written as whole numbers from 0 to this
MEANING_BYTES = 700_000  # what the page spends on vectors: enough that ten neighbours share six with the exact ten
SHOWN_AUTHORS = 12  # one paper has 6,848; the page lists the first and counts the rest


def explorer_payload(content: Content) -> dict[str, Any]:
    """Returns the inputs of the estimator: design, codes of every reading, and the queries.

    The t and normal quantiles of each domain are given as numbers, so that the script needs no distribution.
    """
    sample, codebook = content.sample, content.codebook
    strata = list(sample.strata.index)
    place_of = {doc_id: place for place, doc_id in enumerate(_shown(content).index)}
    return {
        "z2": float(stats.norm.ppf((1 + content.level) / 2)) ** 2,
        "level": content.level,
        "weights": weights_payload(content),
        "joined": [list(leaves) for leaves in content.joined.values()],
        "frames": [
            _frame_payload(name, frame.title, frame.is_quotable, content) for name, frame in _estimated(content)
        ],
        "positions": [asdict(position) for position in content.positions],
        "sizes": sizes_payload(content),
        "second": second_payload(content),
        "open_scope": OPEN_SCOPE,
        "source": tell_source(content),
        "domains": [
            _domain_payload(domain, content.level)
            for domain in list_domains(sample, content.population, parts_of(content.frames))
        ],
        "units": {
            "document": [place_of[doc_id] for doc_id in sample.units.index],
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


def second_payload(content: Content) -> dict[str, list[Any]]:
    """Returns each share as people would code, by frame, year, denominator and definition, on the best basis."""
    found: dict[str, list[Any]] = {}
    rows = content.extras.get("as_people", pd.DataFrame(columns=["scope"]))
    for row in rows[rows["scope"] == OPEN_SCOPE].to_dict("records"):
        key = "|".join(str(row[name]) for name in ("frame", "year", "denominator", "definition"))
        if pd.notna(row["share"]) and (key not in found or row["basis"] == BEST):
            found[key] = [row["share"], row["low"], row["high"], row["basis"]]
    return found


def _estimated(content: Content) -> list[tuple[str, Frame]]:
    """Returns the frames that the page can compute for: those of the sample whose weights it holds."""
    known = set(content.sample.strata["frame"])
    return [(name, frame) for name, frame in content.frames.items() if name in known]


def _frame_payload(name: str, title: str, is_quotable: bool, content: Content) -> dict[str, Any]:
    years = content.years_of(name)
    last = content.documents.loc[content.documents["frame"] == name, "published_date"].dropna().max() if years else ""
    is_part = bool(years) and str(last)[:4] == years[-1] and str(last)[5:7] < "12"
    return {"id": name, "title": title, "is_quotable": is_quotable, "partial_year": years[-1] if is_part else ""}


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


def map_payload(content: Content) -> dict[str, Any]:
    """Returns the documents column by column, packed, with the names their numbers stand for."""
    documents = _shown(content)
    frames = list(content.frames)
    layers = []
    for layer in content.layers:
        clusters = content.clusters[content.clusters["layer"] == layer]
        number_of = {cluster: number for number, cluster in enumerate(clusters["cluster_id"])}
        layers.append(
            {
                "name": layer,
                "ids": clusters["cluster_id"].tolist(),
                "names": [
                    f"{name} (unstable)" if is_unstable else name
                    for name, is_unstable in zip(clusters["name"], clusters["is_unstable"], strict=True)
                ],
                "member": pack(documents[layer].map(number_of).fillna(len(number_of)).to_numpy()),
            }
        )
    predicted = predicted_groups(content, documents.index)
    return {
        "steps": MAP_STEPS,
        "x": pack((documents["x"] * MAP_STEPS).round().to_numpy()),
        "y": pack((documents["y"] * MAP_STEPS).round().to_numpy()),
        "frame": pack(documents["frame"].map({name: n for n, name in enumerate(frames)}).to_numpy()),
        "year": pack(documents["published_year"].fillna(0).to_numpy()),
        "layers": layers,
        **({"predicted": pack(predicted)} if predicted is not None else {}),
        **meaning_payload(content, documents.index),
        "frames": [{"id": name, "title": frame.title} for name, frame in content.frames.items()],
        "id": documents.index.tolist(),
        "title": documents["title"].tolist(),
        "authors": [shorten_authors(authors) for authors in documents["authors"]],
        "date": documents["published_date"].fillna("").tolist(),
        "url": [safe_url(url) for url in documents["url"]],
    }


def meaning_payload(content: Content, doc_ids: pd.Index) -> dict[str, Any]:
    """Returns the first numbers of each vector in four bits each, two to a byte; nothing where there are none."""
    if content.vectors is None or not len(doc_ids):
        return {}
    width = min(2 * MEANING_BYTES // len(doc_ids), content.vectors.shape[1]) // 2 * 2
    if not width:
        return {}
    rows = content.vectors[content.documents.index.get_indexer(doc_ids), :width].astype(np.float32)
    step = 2.5 / np.sqrt(content.vectors.shape[1]) / 7  # two and a half times their root mean square are seven steps
    levels = (np.clip(np.rint(rows / step), -8, 7) + 8).astype(np.uint8)
    packed = (levels[:, 0::2] << 4) | levels[:, 1::2]
    return {"meaning": {"width": width, "vectors": base64.b64encode(packed.tobytes()).decode()}}


def weights_payload(content: Content) -> dict[str, Any]:
    """Returns the table `weights` as the script takes it: codes that no query of the codebook tells apart are one."""
    weights = merge_records(read_weights(content.weights, content.codebook), content.codebook)
    codes = weights.codes
    step = digit_of(weights.replicates)
    rates, rate_of = np.unique(codes.change_drawn, axis=1, return_inverse=True)
    return {
        "records": {
            column: codes.records[column].tolist()
            for column in codes.records.columns
            if column not in ("group", "group2")
        },
        "n_replicates": len(weights.replicates),
        "step": step,
        "weight": weights.weight.tolist(),
        "probability": weights.units["inclusion_probability"].tolist(),
        "is_settled": codes.is_settled.astype(int).tolist(),
        "kept": _sparse_rows(codes.kept),
        "changed": _sparse_rows(codes.changed, ~codes.is_settled),
        "change": codes.change.tolist(),
        "rates": rates.T.tolist(),
        "rate_of": rate_of.reshape(-1).tolist(),
        "replicates": pack((weights.replicates / step).reshape(-1)),
        "drawn": pack(codes.kept_drawn.reshape(-1)),
    }


def _sparse_rows(table: sparse.csr_array, is_shown: np.ndarray | None = None) -> list[list[list[float]]]:
    """Returns columns and values of each row; two empty lists where it is not shown."""
    rows = []
    for place in range(table.shape[0]):
        part = slice(table.indptr[place], table.indptr[place + 1])
        if is_shown is not None and not is_shown[place]:
            part = slice(0, 0)
        rows.append([table.indices[part].tolist(), table.data[part].tolist()])
    return rows


def predicted_groups(content: Content, doc_ids: pd.Index) -> np.ndarray | None:
    """Returns the number of the likeliest group of each document, where there are predictions; int (n,)."""
    predictions = content.extras.get("predictions")
    if predictions is None:
        return None
    groups = list(content.codebook.groups)
    wide = predictions.pivot(index="doc_id", columns="query", values="probability").reindex(doc_ids)
    table = wide[[f"group {group}" for group in groups]].to_numpy()
    return np.where(np.isnan(table).any(axis=1), len(groups), np.nan_to_num(table).argmax(axis=1))


def pack(numbers: np.ndarray) -> str:
    """Returns whole numbers from 0 to 65535 as base64 of little-endian 16-bit words."""
    return base64.b64encode(np.asarray(numbers).astype("<u2").tobytes()).decode()


def shorten_authors(authors: object) -> str:
    """Returns the first authors, and how many more there are."""
    names = [str(name) for name in authors] if authors is not None else []  # type: ignore[attr-defined]
    more = len(names) - SHOWN_AUTHORS
    return ", ".join(names[:SHOWN_AUTHORS]) + (f" and {more:,} more" if more > 0 else "")


def safe_url(url: object) -> str:
    """Returns a web address, or an empty text for anything a browser might run instead of open."""
    return url if isinstance(url, str) and url.startswith(("https://", "http://")) else ""


def _shown(content: Content) -> pd.DataFrame:
    """Returns the documents of the frames that were read, in doc_id order."""
    return content.documents[content.documents["frame"].isin(list(content.frames))].sort_index()


def _domain_payload(domain: Domain, level: float) -> dict[str, Any]:
    n_read, n_strata = int(domain.rows.sum()), len(domain.strata)
    top, below = (stats.t.ppf((1 + level) / 2, max(n_read - lost, 1)) for lost in (1, n_strata))
    return {
        "frame": domain.frame,
        "year": domain.year,
        "units": np.flatnonzero(domain.rows).tolist(),
        "n_population": domain.n_population,
        "t_ratio": float(top / below),
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
