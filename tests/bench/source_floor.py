"""How well is source told among documents that experts call one subject: python -m tests.bench.source_floor.

Papers and posts on one subject differ in what they say, not only in form, so that a probe for source inside a cluster
cannot be asked to be at chance. The floor is the same probe (see `subject`) inside groups that no clustering made: the
categories of a newsletter, leaves as settled, named agendas. A probe grows with what it learns from, so that for every
group clusters are probed on as many papers and posts of theirs; and the group itself with sources shuffled, which is
what chance gives. Writes reports/bench/source_floor.csv.
"""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from pipeline import store
from pipeline.agendas.stage import THRESHOLD
from pipeline.cluster.inputs import load_inputs
from pipeline.cluster.subject import keep_subject
from pipeline.coding.agenda_list import FILE as AGENDA_LIST
from pipeline.coding.agenda_list import load_agendas
from pipeline.coding.codebook import load_codebook
from pipeline.config import Config, load_config
from pipeline.schemas import AGENDA_MEMBERS
from tests.bench.subject import PROBE_MIN_COUNT, PROBE_ROWS, probe, read_labels

TABLE = Path("reports/bench/source_floor.csv")
DRAWS = 6  # clusters, each drawn to the size of a group


def list_groups(config: Config) -> dict[str, pd.Series]:
    """Returns groups that no clustering made, by way: name by doc_id, a document perhaps in several."""
    labels = read_labels(config)
    members = store.read_table(AGENDA_MEMBERS, config.processed("agenda_members"))
    likely = members[members["chance"] >= THRESHOLD]
    read = members[members["is_assigned"].astype(bool) & members["is_read"].astype(bool)]
    return {
        "newsletter categories": labels["alignment-newsletter:category"],
        "settled leaves": labels["settled leaves"],
        "named agendas, as read": read.set_index("doc_id")["agenda"],
        "named agendas, as assigned": likely.set_index("doc_id")["agenda"],
    }


def probe_groups(
    vectors: np.ndarray, is_paper: np.ndarray, ids: pd.Index, groups: pd.Series, clusters: np.ndarray, seed: int
) -> dict[str, float]:
    """Returns the probe inside groups, inside clusters drawn to their sizes, and with sources shuffled.

    Args:
        vectors: float32 (n, n_dims). is_paper: bool (n,). ids: (n,).
        groups: name by doc_id. clusters: int (n,).
        seed: of the draws.
    """
    rng = np.random.default_rng(seed)
    able = [rows for name in np.unique(clusters) for rows in [np.flatnonzero(clusters == name)]]
    found: dict[str, list[float]] = {"group": [], "clusters": [], "shuffled": []}
    sizes = []
    for name in sorted(groups.dropna().unique()):
        rows = ids.get_indexer(groups.index[groups == name])
        rows = rng.permutation(rows[rows >= 0])[:PROBE_ROWS]
        counts = int(is_paper[rows].sum()), int((~is_paper[rows]).sum())
        if min(counts) < PROBE_MIN_COUNT:
            continue
        one = np.zeros(len(rows), dtype=int)
        drawn = []
        for place in rng.permutation(len(able)):
            inside = [able[place][is_paper[able[place]] == kind] for kind in (True, False)]
            if len(drawn) < DRAWS and all(len(part) >= count for part, count in zip(inside, counts, strict=True)):
                drawn.append(
                    np.concatenate(
                        [rng.choice(p, count, replace=False) for p, count in zip(inside, counts, strict=True)]
                    )
                )
        if not drawn:
            continue
        sizes.append(len(rows))
        found["group"].append(probe(vectors[rows], is_paper[rows], one))
        found["clusters"].append(float(np.mean([probe(vectors[part], is_paper[part], one) for part in drawn])))
        found["shuffled"].append(probe(vectors[rows], rng.permutation(is_paper[rows]), one))
    means = {way: round(float(np.average(values, weights=sizes)), 3) for way, values in found.items()}
    apart = np.array(found["clusters"]) - np.array(found["group"])
    error = float(np.std(apart, ddof=1) / np.sqrt(len(apart)))
    return {"n_groups": len(sizes), "n_documents": sum(sizes), **means, "apart_error": round(error, 3)}


def main() -> None:
    """Measures, writes and prints the table."""
    config = load_config(Path("census.toml"))
    config = replace(config, cluster=replace(config.cluster, space="subject"))
    inputs = load_inputs(config)
    subject, _ = keep_subject(config, inputs)
    handcheck = config.path(config.paths.handcheck)
    codebook = load_codebook(handcheck / "codebook/codebook.toml")
    width = len(codebook.leaves) + len(load_agendas(handcheck / AGENDA_LIST, codebook).agendas)
    members = pd.read_parquet(config.processed("cluster_members"))
    rows = []
    for layer, part in members.groupby("layer"):
        mine = part.set_index("doc_id")["cluster_id"].reindex(subject.documents.index)
        kept = (mine.notna() & ~mine.fillna("").str.endswith("-ground")).to_numpy()
        ids = subject.documents.index[kept]
        is_paper = (subject.documents["source"] == "arxiv").to_numpy()[kept]
        clusters = pd.factorize(mine[kept])[0]
        vectors = subject.vectors[kept, :-width].astype(np.float32)
        for way, groups in list_groups(config).items():
            row = {"layer": str(layer), "groups": way}
            rows.append({**row, **probe_groups(vectors, is_paper, ids, groups, clusters, config.seed)})
            print(rows[-1], flush=True)
    store.write_csv(TABLE, pd.DataFrame(rows))


if __name__ == "__main__":
    main()
