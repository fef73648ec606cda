"""Documents whose label is known, with their texts: what choices of the encoder are judged on.

The labels are the groups of the settled codes of the read documents, and what experts published (where the folder of
real samples is at hand). The judge is a logistic regression in five folds.
"""

import os
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import sparse
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score
from sklearn.model_selection import StratifiedKFold, cross_val_predict

from pipeline import store
from pipeline.coding.codebook import load_codebook
from pipeline.coding.sample import load_sample, settle_codes
from pipeline.config import Config
from pipeline.schemas import DOCUMENTS
from pipeline.text.extract import clean_text, clean_title, compose_text

FOLDS = 5
READ = "group of the settled code"
DOCUMENT_COLUMNS = ("doc_id", "frame", "published_year", "title", "text")


def samples_folder(config: Config) -> Path:
    """Returns the folder of real samples, which may not be there."""
    return Path(os.environ.get("ALIGNMENT_SHARED", config.path("..", "shared")))


def read_labelled(config: Config) -> pd.DataFrame:
    """Returns scheme, label, doc_id, title and text of every labelled document; labels of under ten are left out.

    A document of the census has its text from there.
    """
    handcheck = config.path(config.paths.handcheck)
    codebook = load_codebook(handcheck / "codebook" / "codebook.toml")
    documents = store.read_table(DOCUMENTS, config.processed("documents"), DOCUMENT_COLUMNS)
    codes = settle_codes(load_sample(handcheck, config.estimate.round, codebook, documents))
    parts = [codes.rename(columns={"group": "label"})[["doc_id", "label"]].assign(scheme=READ)]
    published = samples_folder(config) / "corpus" / "external_labels.parquet"
    texts = documents[["doc_id", "title", "text"]]
    if published.is_file():
        rows = pd.read_parquet(published).rename(columns={"id": "doc_id", "label_scheme": "scheme"})
        parts.append(rows[["doc_id", "label", "scheme"]].drop_duplicates(["doc_id", "scheme"]))
        others = rows[~rows["doc_id"].isin(texts["doc_id"])].drop_duplicates("doc_id")
        others = others.assign(title=others["title"].map(clean_title), text=others["text"].map(clean_text))
        texts = pd.concat([texts, others[["doc_id", "title", "text"]]])
    labelled = pd.concat(parts).merge(texts, on="doc_id").sort_values(["scheme", "doc_id"], ignore_index=True)
    sizes = labelled.groupby(["scheme", "label"])["label"].transform("size")
    return labelled[sizes >= 2 * FOLDS].reset_index(drop=True)


def count_words(rows: pd.DataFrame) -> sparse.csr_matrix:
    """Returns the TF-IDF of title and text, sparse (n, n_terms), unit rows."""
    texts = [compose_text(title, text) for title, text in zip(rows["title"], rows["text"], strict=True)]
    vectorizer = TfidfVectorizer(sublinear_tf=True, min_df=3, max_df=0.5, stop_words="english")
    return vectorizer.fit_transform(texts)


def judge(features: np.ndarray | sparse.csr_matrix, labels: np.ndarray, seed: int) -> np.ndarray:
    """Returns the label that five folds predict for each row."""
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=seed)
    return cross_val_predict(LogisticRegression(max_iter=3000, C=10.0), features, labels, cv=folds)


def score(found: np.ndarray, labels: np.ndarray) -> tuple[float, float, float]:
    """Returns the share that is right, its standard error, and macro F1."""
    right = float((found == labels).mean())
    return right, float(np.sqrt(right * (1 - right) / len(labels))), float(f1_score(labels, found, average="macro"))
