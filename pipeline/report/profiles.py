"""What is known of each cluster: where its documents come from, how it grew, and what readers found in it."""

from collections import Counter

import pandas as pd

from pipeline.report.content import Content


def profile_clusters(content: Content) -> pd.DataFrame:
    """Returns one row a cluster: the table `clusters` with sources, years and the hand check's counts."""
    rows = []
    facts = content.documents[["published_year", "frame", *content.layers]]
    said = content.codes[["group", "n_person"]]
    members_of = {layer: dict(list(facts.groupby(layer)[["published_year", "frame"]])) for layer in content.layers}
    codes_of = {layer: dict(list(said.groupby(content.codes["doc_id"].map(facts[layer])))) for layer in content.layers}
    for cluster in content.clusters.to_dict("records"):
        members = members_of[cluster["layer"]].get(cluster["cluster_id"], facts.iloc[:0])
        codes = codes_of[cluster["layer"]].get(cluster["cluster_id"], said.iloc[:0])
        groups, frames = Counter(codes["group"].tolist()), Counter(members["frame"].tolist())
        years = members["published_year"].dropna().astype(int)
        rows.append(
            {
                **{str(name): cell for name, cell in cluster.items()},
                "first_year": int(years.min()) if len(years) else None,
                "median_year": int(years.median()) if len(years) else None,
                "n_read": len(codes),
                "n_person": int((codes["n_person"] > 0).sum()),
                **{f"n_read_{group}": groups[group] for group in content.codebook.groups},
                **{f"n_{frame}": frames[frame] for frame in content.frames},
            }
        )
    return pd.DataFrame(rows)


def count_cluster_years(content: Content) -> pd.DataFrame:
    """Returns how many documents of each cluster were published in each year, by frame."""
    parts = []
    for layer in content.layers:
        facts = content.documents[["frame", "published_year", layer]].dropna()
        counts = facts.groupby([layer, "frame", "published_year"]).size().reset_index(name="document_count")
        parts.append(counts.rename(columns={layer: "cluster_id"}).assign(layer=layer))
    columns = ["layer", "cluster_id", "frame", "published_year", "document_count"]
    rows = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=columns)
    return rows[columns].astype({"published_year": int})
