"""What readers found of the clusters: whether they hold, whether an intruder shows, and what they are made of."""

import logging
from collections.abc import Mapping

import numpy as np
import pandas as pd
from scipy.stats import binomtest, norm

from pipeline.coding.certify import HOLDS_SHARE, exact_interval, lower_bound

log = logging.getLogger(__name__)
CHANCE = 0.2  # of finding one intruder among five


def judge_clusters(
    draws: pd.DataFrame, sheets: Mapping[str, pd.DataFrame], members: pd.DataFrame, level: float
) -> pd.DataFrame:
    """Returns one row a coder and cluster: how many of its random members belong, and what that certifies.

    A cluster that has been cut anew since is not the one that was judged: where half or more of the random members
    shown are elsewhere now, what was said of it is left out.

    Args:
        draws: rows cluster_id, doc_id, kind of what was shown.
        sheets: finished rows of the clusters task by coder.
        members: rows of `cluster_members`.
        level: of the one-sided bound.
    """
    drawn = draws[draws["kind"] == "random"].groupby("cluster_id")["doc_id"].agg(set)
    inside = members.groupby("cluster_id")["doc_id"].agg(set)
    rows, elsewhere = [], 0
    for coder, sheet in sorted(sheets.items()):
        for row in sheet.to_dict("records"):
            random_ids = drawn[row["cluster_id"]]
            if 2 * len(random_ids & inside.get(row["cluster_id"], set())) <= len(random_ids):
                elsewhere += 1
                continue
            right = len(random_ids - set(row["off_ids"].split()))
            rows.append(
                {
                    "coder": coder,
                    "coder_kind": row["coder_kind"],
                    "cluster_id": row["cluster_id"],
                    "proposed_name": row["name"],
                    "is_one_agenda": row["is_one_agenda"],
                    "n_random": len(random_ids),
                    "n_belong": right,
                    "belong_share": round(right / len(random_ids), 6),
                    "belong_low": round(lower_bound(right, len(random_ids), level), 6),
                    "holds": row["is_one_agenda"] == "yes" and right >= HOLDS_SHARE * len(random_ids),
                }
            )
    if elsewhere:
        log.info("agreement: %d judgements are of clusters that hold other documents now", elsewhere)
    return pd.DataFrame(rows)


def judge_intrusion(draws: pd.DataFrame, sheets: Mapping[str, pd.DataFrame], level: float) -> pd.DataFrame:
    """Returns one row a coder and layer: how many intruders were found, with an exact interval and test against chance.

    Args:
        draws: rows cluster_id, doc_id, kind of what was shown.
        sheets: finished rows of the intrusion task by coder.
        level: of the interval.
    """
    intruder = draws[draws["kind"] == "intruder"].set_index("cluster_id")["doc_id"]
    rows = []
    for coder, sheet in sorted(sheets.items()):
        layers = sheet["cluster_id"].str.rpartition("-")[0]
        for layer in ("all", *sorted(set(layers))):
            part = sheet if layer == "all" else sheet[layers == layer]
            right = int((part["choice"].to_numpy() == intruder[part["cluster_id"]].to_numpy()).sum())
            low, high = exact_interval(right, len(part), level)
            rows.append(
                {
                    "coder": coder,
                    "coder_kind": part["coder_kind"].iloc[0],
                    "layer": layer,
                    "n_shown": len(part),
                    "n_found": right,
                    "found_share": round(right / len(part), 6),
                    "low": round(low, 6),
                    "high": round(high, 6),
                    "chance_probability": round(float(binomtest(right, len(part), CHANCE, "greater").pvalue), 6),
                }
            )
    return pd.DataFrame(rows)


def compose_clusters(members: pd.DataFrame, codes: pd.DataFrame, level: float) -> pd.DataFrame:
    """Returns the share of each group of the codebook in each cluster, from the read sample.

    Hajek weights; Wilson intervals on the effective number of documents, (sum w)^2 / sum w^2 (Kish 1965). The
    sample was not drawn by cluster: few reads give wide intervals, and a cluster without a read is left out.

    Args:
        members: rows of `cluster_members`.
        codes: rows of `codes`.
        level: of the intervals.
    """
    joined = members.merge(codes[["doc_id", "group", "inclusion_probability", "n_person"]], on="doc_id")
    groups, group = np.unique(joined["group"].to_numpy(dtype=str), return_inverse=True)
    rows = []
    clusters, part_of = np.unique(joined[["layer", "cluster_id"]].to_numpy(dtype=str), axis=0, return_inverse=True)
    for number, (layer, cluster_id) in enumerate(clusters.tolist()):
        part = np.flatnonzero(part_of == number)
        weight = 1 / joined["inclusion_probability"].to_numpy()[part]
        n_effective = float(weight.sum() ** 2 / (weight**2).sum())
        shares = np.bincount(group[part], weight, len(groups)) / weight.sum()
        counts = {"n_read": len(part), "n_person": int((joined["n_person"].to_numpy()[part] > 0).sum())}
        for name, share in zip(groups.tolist(), shares.tolist(), strict=True):
            low, high = _wilson(share, n_effective, level)
            rows.append(
                {
                    "layer": layer,
                    "cluster_id": cluster_id,
                    "group": name,
                    **counts,
                    "share": round(share, 6),
                    "low": round(low, 6),
                    "high": round(high, 6),
                }
            )
    return pd.DataFrame(rows)


def explain_codes(members: pd.DataFrame, codes: pd.DataFrame) -> pd.DataFrame:
    """Returns the share of the variance of each group of the codebook that each layer explains (eta squared).

    Weighted by the design, and adjusted for the number of clusters (epsilon squared, Kelley 1935), so that many
    small clusters do not seem to explain what they only memorise. 1 less it is the gain of stratifying by it.
    """
    rows = []
    for layer, part in members.merge(codes, on="doc_id").groupby("layer"):
        weight = (1 / part["inclusion_probability"]).to_numpy()
        weight = weight / weight.mean()
        count, clusters = len(part), part["cluster_id"].nunique()
        for group in sorted(codes["group"].unique()):
            y = (part["group"] == group).to_numpy(dtype=float)
            sums = (
                pd.DataFrame({"id": part["cluster_id"].to_numpy(), "w": weight, "wy": weight * y}).groupby("id").sum()
            )
            mean = float((weight * y).sum() / weight.sum())
            total = float((weight * (y - mean) ** 2).sum())
            between = float((sums["w"] * (sums["wy"] / sums["w"] - mean) ** 2).sum())
            eta = between / total if total else 0.0
            adjusted = 1 - (1 - eta) * (count - 1) / max(count - clusters, 1)
            rows.append(
                {
                    "layer": layer,
                    "group": group,
                    "eta_squared": round(eta, 6),
                    "epsilon_squared": round(adjusted, 6),
                    "n_read": count,
                    "n_person": int((part["n_person"] > 0).sum()),
                }
            )
    return pd.DataFrame(rows)


def _wilson(share: float, count: float, level: float) -> tuple[float, float]:
    z = float(norm.ppf((1 + level) / 2))
    centre = (share + z * z / (2 * count)) / (1 + z * z / count)
    half = z * np.sqrt(share * (1 - share) / count + z * z / (4 * count * count)) / (1 + z * z / count)
    return max(0.0, float(centre - half)), min(1.0, float(centre + half))
