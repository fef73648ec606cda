"""Train a classifier on the codes: vectors in, group of the codebook out, tested on documents it never saw."""

import numpy as np
from sklearn.linear_model import RidgeClassifier
from sklearn.model_selection import cross_val_predict

from alignment_census import codes, load_census

census = load_census()
read = codes(census=census)
row_of = {doc_id: row for row, doc_id in enumerate(census.documents["doc_id"])}
vectors = census.vectors[[row_of[doc_id] for doc_id in read["doc_id"]]]
groups = read["group"].to_numpy()

guesses = cross_val_predict(RidgeClassifier(alpha=1.0), vectors, groups, cv=10)
commonest = max(set(groups), key=list(groups).count)
print(f"{len(groups):,} read documents, ten folds: {np.mean(guesses == groups):.3f} right")
print(f"always {commonest}: {np.mean(groups == commonest):.3f} right")
# Who coded matters for what is learnt, and counting guesses gives no share: estimate_share does.
print(read["coder_kind"].value_counts().to_string())
