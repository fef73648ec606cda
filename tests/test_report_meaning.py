"""Search by meaning in the page finds, of the true neighbours, as many as the bits it may spend allow."""

import base64
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Browser, expect

from pipeline.coding.codebook import load_codebook
from pipeline.config import load_config
from pipeline.report import atlas
from pipeline.report.content import Content, load_content

pytestmark = pytest.mark.whole
NEAREST = 10


@pytest.fixture(scope="module")
def content(built: Path) -> Content:
    codebook = load_codebook(built / "data/raw/handcheck/codebook/codebook.toml")
    return load_content(load_config(built / "census.toml"), codebook)


def unpack(meaning: dict) -> np.ndarray:
    """The vectors as the page's script has them: int (n, width)."""
    packed = np.frombuffer(base64.b64decode(meaning["vectors"]), dtype=np.uint8)
    each = 8 // meaning["bits"]
    shifts = np.array([8 - meaning["bits"] * (part + 1) for part in range(each)], dtype=np.uint8)
    levels = (packed[:, None] >> shifts) & (2 ** meaning["bits"] - 1)
    return np.array(meaning["levels"])[levels].reshape(-1, meaning["width"])


def overlap(found: np.ndarray, exact: np.ndarray, asked: np.ndarray) -> float:
    """Mean part of the true nearest that are found, of the documents asked about."""
    nearest = []
    for vectors in (found.astype(np.float32), exact.astype(np.float32)):
        scores = vectors[asked] @ vectors.T
        scores[np.arange(len(asked)), asked] = -np.inf
        nearest.append(np.argsort(-scores, axis=1)[:, :NEAREST])
    return float(np.mean([len(set(one) & set(other)) / NEAREST for one, other in zip(*nearest, strict=True)]))


@pytest.mark.parametrize(("size", "bits", "least"), [(192, 4, 0.85), (96, 2, 0.6), (48, 1, 0.4), (20, 1, 0.15)])
def test_what_a_document_may_take_is_spent_on_as_many_neighbours_as_can_be(
    content: Content, monkeypatch: pytest.MonkeyPatch, size: int, bits: int, least: float
) -> None:
    documents = atlas.list_documents(content)
    monkeypatch.setattr(atlas, "MEANING_BYTES", size * len(documents))
    meaning = atlas.meaning_payload(content, documents.index)["meaning"]
    assert meaning["bits"] == bits and meaning["width"] * bits // 8 <= size
    exact = content.vectors[content.documents.index.get_indexer(documents.index)]
    asked = np.random.default_rng(3).choice(len(documents), 200, replace=False)
    assert overlap(unpack(meaning), exact, asked) > least


def test_the_page_lists_what_is_nearest(content: Content, built: Path, browser: Browser) -> None:
    documents = atlas.list_documents(content)
    exact = content.vectors[content.documents.index.get_indexer(documents.index)].astype(np.float32)
    page = browser.new_page(viewport={"width": 1440, "height": 900})
    hits = 0
    for place in (3, 700, len(documents) - 5):
        page.goto("about:blank")
        page.goto(f"{(built / 'reports/2026.07/index.html').as_uri()}#like={documents.index[place]}&show=map")
        expect(page.locator("#m-found li").first).to_be_visible()
        shown = page.locator("#m-found button").all_inner_texts()[: NEAREST + 1]
        scores = exact @ exact[place]
        wanted = documents["title"].iloc[np.argsort(-scores)[: NEAREST + 1]]
        hits += len(set(shown) & {" ".join(title.split()) for title in wanted})
    assert hits >= 3 * 8, f"{hits} of {3 * (NEAREST + 1)}"
    page.close()
