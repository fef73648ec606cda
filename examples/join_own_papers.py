"""Join papers of one's own by arXiv id: which are in the census, what they were coded, what the classifier expects.

The chances are in the whole release, not in the checkout: `make dataset`, then set CENSUS_DATA=dist.
"""

import sys

import pandas as pd

from alignment_census import codes, find_documents, load_census, predictions

census = load_census()
if len(sys.argv) > 1:
    mine = pd.read_csv(sys.argv[1], dtype=str)  # a column `id`: arXiv ids or addresses, in any spelling
else:
    mine = pd.DataFrame({"id": ["2502.17424v3", "https://arxiv.org/abs/2310.06474", "arXiv:1606.06565", "0000.00000"]})

found = find_documents(mine["id"], census=census)
print(f"{found['doc_id'].notna().sum()} of {len(mine)} are in the census")
joined = found[["name", "doc_id", "title"]].merge(
    codes(census=census)[["doc_id", "leaf", "coder_kind"]], on="doc_id", how="left"
)
chances = predictions(["definition strict", "definition broadest"], census=census)
joined = joined.join(chances, on="doc_id")
print(joined.assign(title=joined["title"].str[:40]).to_string(index=False))
