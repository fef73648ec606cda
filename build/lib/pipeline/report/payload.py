"""What the page's script works from: the read codes and the design, and the documents of the map."""

import base64
from dataclasses import asdict
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from pipeline.coding.codebook import AXES, Codebook
from pipeline.coding.sample import Sample
from pipeline.estimate.domains import ALWAYS_SETTLED, LEAST_POOL, Domain, list_domains
from pipeline.estimate.phases import LEAST_PAIRS, PSEUDO, READERS_WORTH
from pipeline.estimate.shares import MOST_LEVERAGE
from pipeline.report.content import Content

MAP_STEPS = 65_535  # places on the map are written as whole numbers from 0 to this
SHOWN_AUTHORS = 12  # one paper has 6,848; the page lists the first and counts the rest
CODED = ("leaf", "leaf2", *AXES, "confidence", "note")


def explorer_payload(content: Content) -> dict[str, Any]:
    """Returns the inputs of the estimator: design, codes of every reading, and the queries.

    The t and normal quantiles of each domain are given as numbers, so that the script needs no distribution.
    """
    sample, codebook = content.sample, content.codebook
    strata = list(sample.strata.index)
    readers = [coder for coder in sample.about.coders if coder.role == "reader"]
    adjudicators = [coder for coder in sample.about.coders if coder.role == "adjudicator"]
    place_of = {doc_id: place for place, doc_id in enumerate(_shown(content).index)}
    return {
        "z2": float(stats.norm.ppf((1 + content.level) / 2)) ** 2,
        "level": content.level,
        "always_settled": list(ALWAYS_SETTLED),
        "constants": {
            "pseudo": PSEUDO,
            "least_pool": LEAST_POOL,
            "most_leverage": MOST_LEVERAGE,
            "least_pairs": LEAST_PAIRS,
            "readers_worth": READERS_WORTH,
        },
        "guesses": guesses_payload(content),
        "strata": [
            {
                "name": name,
                "frame": row["frame"],
                "size": int(row["n_population"]),
                "probability": _probability(sample, str(name)),
            }
            for name, row in sample.strata.iterrows()
        ],
        "domains": [
            _domain_payload(domain, strata, content.level) for domain in list_domains(sample, content.population)
        ],
        "units": {
            "document": [place_of[doc_id] for doc_id in sample.units.index],
            "stratum": [strata.index(name) for name in sample.units["stratum"]],
            "phase2": sample.units["phase2_stratum"].tolist(),
            "is_settled": sample.units["is_adjudicated"].astype(int).tolist(),
        },
        "coders": [{"name": coder.sheet, "kind": coder.kind} for coder in (*readers, *adjudicators)],
        "sheets": [_sheet_payload(sheet, sample) for sheet in (*sample.readers, sample.adjudicator)],
        **codebook_payload(codebook, content),
    }


def codebook_payload(codebook: Codebook, content: Content) -> dict[str, Any]:
    """Returns the codes and the queries over them."""
    return {
        "groups": codebook.groups,
        "leaves": {code: title.replace("*", "") for code, title in codebook.leaves.items()},
        "hints": dict(content.hints),
        "axes": codebook.axes,
        "definitions": [asdict(definition) for definition in codebook.definitions],
        "denominators": {name: asdict(denominator) for name, denominator in codebook.denominators.items()},
        "denominator": content.settings.denominator,
        "headline_frame": content.settings.headline_frame,
        "headline_definitions": list(content.settings.headline_definitions),
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
        "frames": [{"id": name, "title": frame.title} for name, frame in content.frames.items()],
        "id": documents.index.tolist(),
        "title": documents["title"].tolist(),
        "authors": [shorten_authors(authors) for authors in documents["authors"]],
        "date": documents["published_date"].fillna("").tolist(),
        "url": [safe_url(url) for url in documents["url"]],
    }


def guesses_payload(content: Content) -> dict[str, Any] | None:
    """Returns what the classifier expects, as rows in the order of the units and of the strata; None without one."""
    if content.guesses.empty:
        return None
    wide = content.guesses.pivot(index=["kind", "id"], columns="query", values="probability")
    return {
        "queries": list(wide.columns),
        "read": wide.loc["document"].loc[content.sample.units.index].to_numpy().tolist(),
        "strata": wide.loc["stratum"].loc[content.sample.strata.index].to_numpy().tolist(),
    }


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


def _probability(sample: Sample, stratum: str) -> float:
    """Returns the chance that a document of a stratum had of being drawn: the same for all of them."""
    return float(sample.units.loc[sample.units["stratum"] == stratum, "inclusion_probability"].iloc[0])


def _domain_payload(domain: Domain, strata: list[str], level: float) -> dict[str, Any]:
    n_read, n_strata = int(domain.rows.sum()), len(domain.strata)
    top = stats.t.ppf((1 + level) / 2, max(n_read - 1, 1))
    below, tuned = (stats.t.ppf((1 + level) / 2, max(n_read - n_strata - lost, 1)) for lost in (0, 1))
    return {
        "frame": domain.frame,
        "year": domain.year,
        "strata": [strata.index(name) for name in domain.strata.index],
        "t_ratio": float(top / below),
        "t_ratio_tuned": float(top / tuned),
    }


def _sheet_payload(sheet: pd.DataFrame, sample: Sample) -> dict[str, list[Any]]:
    """Returns a coder's codes column by column; `unit` numbers the units they are about."""
    unit = sample.units.index.get_indexer(sheet.index).tolist()
    codes: dict[str, list[Any]] = {"unit": unit, **{column: sheet[column].tolist() for column in CODED}}
    if "coder_kind" in sheet and len(sample.people):
        codes["is_person"] = (sheet["coder_kind"] == "person").tolist()
    return codes
