"""Pairs of bulk documents on both sides of the near-duplicate threshold: python -m tests.bench.near_pairs.

Above: the pairs that their texts join, least alike first. Below: the pairs that are not joined, most alike first, but
not titles of a kind that recurs (meetups, open threads): those are kept apart on purpose. The first fifty of each side
were read, and what they are stands in reports/bench/near_pairs.csv; this prints how the present code judges those, and
names the pairs among the present fifty that nobody has read.
"""

from pathlib import Path

import pandas as pd

from pipeline.corpus.dedupe import merge_same_id
from pipeline.corpus.facts import ManyFacts
from pipeline.corpus.links import compare_candidates
from pipeline.corpus.same_work import is_recurring
from tests.bench.pairs import read_records

READ = Path(__file__).resolve().parents[2] / "reports/bench/near_pairs.csv"
SIDE_COUNT = 50
BY_TEXT = ("same title and text", "near-duplicate text")


def find_pairs() -> pd.DataFrame:
    """Returns every pair with texts to compare that lies on one of the two sides, nearest to the threshold first."""
    documents, _ = merge_same_id(read_records(("bulk/abstracts", "bulk/forum_posts")), [])
    facts = ManyFacts(documents)
    ids, rows = documents["doc_id"].tolist(), []
    for left, right, reason, alike in compare_candidates(documents, facts):
        if reason in BY_TEXT:
            rows.append((ids[left], ids[right], "above", alike))
        elif not reason and alike is not None and not any(is_recurring(facts[place].title) for place in (left, right)):
            rows.append((ids[left], ids[right], "below", alike))
    found = pd.DataFrame(rows, columns=["left_id", "right_id", "side_now", "alike"])
    return found.assign(gap=found["alike"].where(found["side_now"] == "above", -found["alike"])).sort_values("gap")


def main() -> None:
    pairs = find_pairs()
    nearest = pairs.groupby("side_now").head(SIDE_COUNT)
    read = pd.read_csv(READ, keep_default_na=False)
    judged = read.merge(pairs, on=["left_id", "right_id"], how="left")
    print(judged.groupby(["side_now", "verdict"], dropna=False).size())
    known = {frozenset(pair) for pair in zip(read["left_id"], read["right_id"], strict=True)}
    unread = [
        pair for pair in zip(nearest["left_id"], nearest["right_id"], strict=True) if frozenset(pair) not in known
    ]
    print(f"{len(nearest)} pairs nearest to the threshold, {len(unread)} of them not read: {unread[:10]}")


if __name__ == "__main__":
    main()
