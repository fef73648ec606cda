"""Recompute a headline share with its interval, from the published weights: by the package, and by hand."""

import numpy as np

from alignment_census import estimate_share, load_census, load_definitions, share

census = load_census()
published = share("strict", frame="alignmentforum-census", census=census).iloc[0]
print(f"published   {published['share']:.4f} ({published['low']:.4f} to {published['high']:.4f})")

own = estimate_share("strict", frame="alignmentforum-census", census=census)
print(f"recomputed  {own.share:.4f} ({own.low:.4f} to {own.high:.4f})")

# By hand: what a read document counts is its weight times the chance that its code is one of the definition's.
queries = load_definitions(census=census).set_index("id")["query"]
group_of = census.table("codes").set_index("leaf")["group"].to_dict()


def counts(code: str, query: dict) -> bool:
    """Whether a code such as "A1 - T3 M1 S3 C 2" is one of a query by groups and leaves."""
    leaf = code.split(maxsplit=1)[0]
    return leaf in query.get("leaves", []) or group_of.get(leaf, leaf[:1]) in query["groups"]


def total(query: dict) -> np.ndarray:
    """Returns how many documents count: the estimate, then each of its replicates."""
    found = 0.0
    for row in rows.to_dict("records"):
        match = np.array([counts(code, query) for code in row["codes"]], dtype=float)
        weight = np.append(row["weight"], row["replicate_weights"])
        if row["is_settled"]:
            found = found + weight * match[0]
            continue
        change = np.append(row["change_chance"], row["replicate_changes"])
        kept = np.append(match @ row["kept_chances"], match[np.asarray(row["replicate_codes"], dtype=int)])
        found = found + weight * ((1 - change) * kept + change * (match @ row["changed_chances"]))
    return found


rows = census.table("weights").query("frame == 'alignmentforum-census'")
ratio = total(queries["strict"]) / total(queries["safety"])
print(f"by hand     {ratio[0]:.4f}, standard error {ratio[1:].std():.4f}")
