"""How well codes are predicted, beside a plain logistic regression: `python -m tests.bench.predictions`.

Both are asked for every read document by a model that did not learn from it or from its near-duplicates (the same ten
folds), from what the shipped census holds. The rival is scikit-learn's logistic regression on the stored vectors and
the TF-IDF of the published terms. Writes reports/bench/predictions.csv: per target, the share of documents whose group
is right, and the part of the variance of a definition's code that is explained (1 - squared error / variance).
"""

from pathlib import Path

import numpy as np
import pandas as pd
from scipy import sparse
from sklearn.feature_extraction.text import TfidfTransformer
from sklearn.linear_model import LogisticRegression

from pipeline import store
from pipeline.coding.codebook import Codebook
from pipeline.coding.definitions import is_set_of_leaves, match_definition
from pipeline.coding.sample import settle_codes
from pipeline.config import Config, load_config
from pipeline.estimate.inputs import DOCUMENT_COLUMNS, load_inputs
from pipeline.schemas import DOCUMENTS, TERMS, embeddings_table

RIVAL = "logistic regression"


def load_features(config: Config) -> tuple[np.ndarray, sparse.csr_matrix]:
    """Returns doc_ids (n,), and vectors beside TF-IDF of the published terms, sparse (n, n_features)."""
    documents = store.read_table(DOCUMENTS, config.processed("documents"), DOCUMENT_COLUMNS)
    table = store.read_arrow(embeddings_table(config.embed.dimension_count), config.processed("embeddings"))
    vectors = store.matrix_from_column(table.column("vector")).astype(np.float32)
    terms = store.read_table(TERMS, config.processed("terms"))
    rows = pd.Index(documents["doc_id"]).get_indexer(terms["doc_id"])
    columns, names = pd.factorize(terms["term"])
    shape = (len(documents), len(names))
    counts = sparse.csr_matrix((terms["term_count"].astype(float), (rows, columns)), shape=shape)
    words = TfidfTransformer(sublinear_tf=True).fit_transform(counts)
    return documents["doc_id"].to_numpy(), sparse.hstack([sparse.csr_matrix(vectors), words], format="csr")


def predict_leaves(
    features: sparse.csr_matrix, leaf: np.ndarray, fold: np.ndarray, leaves: tuple[str, ...]
) -> np.ndarray:
    """Returns the rival's chance of each leaf for the read documents: float64 (n_read, n_leaves)."""
    found = np.zeros((len(leaf), len(leaves)))
    for number in np.unique(fold):
        learn, rows = fold != number, fold == number
        model = LogisticRegression(max_iter=3000, C=10.0).fit(features[learn], leaf[learn])
        found[np.ix_(rows, [leaves.index(name) for name in model.classes_])] = model.predict_proba(features[rows])
    return found


def tabulate(
    chances: dict[str, np.ndarray], codes: pd.DataFrame, leaves: tuple[str, ...], codebook: Codebook
) -> pd.DataFrame:
    """Returns a row for each target, with a column for each classifier."""
    letters = np.array([leaf[0] for leaf in leaves])
    groups = np.unique(letters)
    belongs = (letters[:, None] == groups).astype(float)
    by_group = {name: table @ belongs for name, table in chances.items()}
    group = codes["group"].to_numpy()
    rows = [
        {
            "target": "group",
            "measure": "share right",
            **{name: float((groups[table.argmax(axis=1)] == group).mean()) for name, table in by_group.items()},
        }
    ]
    bare = pd.DataFrame({"leaf": list(leaves), "group": letters, "confidence": 3})
    for definition in codebook.definitions:
        if not is_set_of_leaves(definition):
            continue
        is_in, counted = match_definition(definition, bare), match_definition(definition, codes).astype(float)
        error = {name: ((table @ is_in - counted) ** 2).mean() for name, table in chances.items()}
        explained = {name: float(1 - value / counted.var()) for name, value in error.items()}
        rows.append({"target": definition.id, "measure": "variance explained", **explained})
    return pd.DataFrame(rows)


def main() -> None:
    """Measures, writes and prints the table."""
    config = load_config(Path("census.toml"))
    codebook, sample, population = load_inputs(config)
    predictions = population.predictions
    if predictions is None:
        raise SystemExit("error: the census has no predictions")
    codes = settle_codes(sample).set_index("doc_id").loc[sample.units.index].reset_index()
    doc_ids, features = load_features(config)
    rows = pd.Index(doc_ids).get_indexer(codes["doc_id"])
    chances = {
        "this pipeline": predictions.leaf_probability[rows],
        RIVAL: predict_leaves(features[rows], codes["leaf"].to_numpy(), predictions.fold[rows], predictions.leaves),
    }
    table = tabulate(chances, codes, predictions.leaves, codebook)
    store.write_csv(Path("reports/bench/predictions.csv"), table)
    print(f"{len(codes):,} read documents\n{table.round(3).to_string(index=False)}")


if __name__ == "__main__":
    main()
