"""Compare two versions: which documents, codes and shares differ. Names of versions or folders may be given."""

import sys

from alignment_census import compare_censuses, list_censuses, load_census

versions = list_censuses()["version"].tolist()
old, new = sys.argv[1:3] if len(sys.argv) > 2 else (versions[0], versions[-1])
before, after = load_census(old), load_census(new)
print(f"{before.manifest['version']} -> {after.manifest['version']}")
print(f"{len(before.documents):,} documents -> {len(after.documents):,}")
rows = compare_censuses(before, after)
print(rows.groupby(["what", "change"]).size().to_string() if len(rows) else "no difference")

changed = rows[(rows["what"] == "document") & (rows["change"] == "changed")]
if len(changed):
    print("columns that changed most:", changed["columns"].explode().value_counts().head(3).to_dict())
moved = rows[(rows["what"] == "share") & (rows["change"] == "changed")]
for row in moved.head(5).to_dict("records"):
    facts = dict(zip(row["columns"], zip(row["before"], row["after"], strict=True), strict=True))
    print(row["key"], facts.get("share", ""))
