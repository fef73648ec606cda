"""Clusters that keep their ids: new documents join, new cuts are matched, text edits move nothing."""

import dataclasses
import pickle
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from pipeline.cluster import assign as assign_module
from pipeline.cluster import cuts
from pipeline.cluster.assign import assign_layer, stands
from pipeline.cluster.cuts import LayerCuts
from pipeline.cluster.inputs import Graphs, Inputs, read_vectors
from pipeline.cluster.layers import CUT_COUNT, build_graph, cut_layer
from pipeline.cluster.matching import Reference, join_clusters, match_clusters
from pipeline.cluster.neighbours import find_neighbours
from pipeline.cluster.second import compare_second, cut_second, load_vectors, read_second
from pipeline.cluster.stage import run
from pipeline.config import Config, load_config
from pipeline.dataset.verify import check_files
from pipeline.errors import DataError
from pipeline.release.manifest import add_table, write_manifest
from pipeline.schemas import (
    CLUSTER_CHANGES,
    CLUSTER_MEMBERS,
    CLUSTERS,
    DOCUMENTS,
    LAYOUT,
    SECOND_MEMBERS,
    TERMS,
    embeddings_table,
)
from pipeline.settings import Cluster, Layer
from pipeline.store import read_table, sha256_of_file, write_table
from pipeline.text.word_counts import WordCounts
from tests.test_cluster import blobs

NO_CHANGES = CLUSTER_CHANGES.arrow_schema.empty_table().to_pandas()


def series(text: str) -> pd.Series:
    """One letter a document: its cluster."""
    return pd.Series(list(text), index=[f"d{number:02d}" for number in range(len(text))])


def match(old: str, new: str, known: pd.DataFrame = NO_CHANGES) -> tuple[pd.Series, pd.DataFrame]:
    letters = sorted(set(old) - {"."})
    before = series(old).replace({letter: f"fine-{number:02d}" for number, letter in enumerate(letters)})
    before = before[before != "."]
    return match_clusters(before, series(new).astype(int), "fine", known)


def what_became(changes: pd.DataFrame) -> list[tuple[object, ...]]:
    return [tuple(row) for row in changes[["cluster_id", "change", "other_id"]].fillna("").to_numpy()]


def test_a_first_cut_is_all_births() -> None:
    found, changes = match_clusters(pd.Series(dtype=str), series("0011").astype(int), "fine", NO_CHANGES)
    assert found.tolist() == ["fine-00", "fine-00", "fine-01", "fine-01"]
    assert what_became(changes) == [("fine-00", "born", ""), ("fine-01", "born", "")] and set(changes["step"]) == {0}


def test_renumbered_clusters_keep_their_ids() -> None:
    found, changes = match("aaaabbb", "1111000")
    assert found.tolist() == ["fine-00"] * 4 + ["fine-01"] * 3
    assert set(changes["change"]) == {"kept"}


def test_a_split_off_part_gets_a_new_id_and_says_where_it_came_from() -> None:
    found, changes = match("aaaaaaabbb", "0000222111")
    assert found.tolist()[4:7] == ["fine-02"] * 3
    assert ("fine-02", "split", "fine-00") in what_became(changes)


def test_a_swallowed_cluster_says_where_it_went() -> None:
    found, changes = match("aaaaabbbcc", "0000000011")
    assert ("fine-01", "merged", "fine-00") in what_became(changes)
    assert found.tolist() == ["fine-00"] * 8 + ["fine-02"] * 2


def test_a_cluster_of_new_documents_is_born_and_a_scattered_one_dies() -> None:
    found, changes = match("aaaaaabbbbbbcc....", "000000111111012222")
    assert ("fine-03", "born", "") in what_became(changes) and ("fine-02", "died", "") in what_became(changes)
    assert found.tolist()[-4:] == ["fine-03"] * 4


def test_ids_of_dead_clusters_are_never_given_out_again() -> None:
    known = pd.DataFrame(
        {
            "layer": "fine",
            "step": [0],
            "cluster_id": ["fine-09"],
            "change": ["born"],
            "other_id": [None],
            "document_count": 1,
            "shared_count": 0,
        }
    )
    found, changes = match("aaa....", "0001111", known)
    assert found.tolist()[-1] == "fine-10" and set(changes["step"]) == {1}


def test_new_documents_join_the_cluster_of_their_neighbours_whatever_their_order() -> None:
    vectors = blobs()
    ids = pd.Series(np.repeat(list("abcd"), 40), index=[f"d{number:03d}" for number in range(160)])
    truth = ids.copy()
    ids.iloc[::7] = None
    found = join_clusters(vectors, ids, 10)
    assert found.equals(truth)
    order = np.random.default_rng(1).permutation(160)
    assert join_clusters(vectors[order], ids.iloc[order], 10).sort_index().equals(found)


def small_inputs(vectors: np.ndarray, doc_ids: list[str], reference: Reference) -> Inputs:
    facts = {"source": "arxiv", "frame": "f", "published_year": 2020, "text_sha256": doc_ids}
    no_words = WordCounts(*(np.empty(0, np.int32) for _ in range(3)), [])
    return Inputs(pd.DataFrame(facts, index=pd.Index(doc_ids)), vectors, no_words, reference, {})


def assign(config: Config, inputs: Inputs) -> tuple[pd.Series, pd.DataFrame]:
    """Assigns the one layer of a small configuration."""
    layer = config.cluster.layers[0]
    near = find_neighbours(inputs.vectors, config.cluster.neighbour_count)
    graph = build_graph(*near)
    made = LayerCuts(np.stack([cut_layer(graph, layer.resolution, seed) for seed in range(3)]), [], np.empty(0))
    graphs = Graphs(inputs.vectors, near, graph, graph, np.arange(len(inputs.vectors)))
    return assign_layer(config, layer, inputs, graphs, made)


@pytest.fixture
def small(root: Path) -> Config:
    settings = Cluster(layers=(Layer("fine", 1.0),), neighbour_count=10, min_size=5)
    return dataclasses.replace(load_config(root / "census.toml"), cluster=settings)


def test_of_many_documents_a_layer_is_cut_from_the_finer_one_and_of_few_by_itself(
    small: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    vectors = np.random.default_rng(5).normal(size=(300, 16))
    vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float16)
    near = find_neighbours(vectors, 10)
    graph = build_graph(*near)
    graphs = Graphs(vectors, near, graph, graph, np.arange(300))
    layers = (Layer("broad", 0.5), Layer("fine", 3.0))
    config = dataclasses.replace(small, cluster=dataclasses.replace(small.cluster, layers=layers, sample_count=2))
    by_itself = [cut_layer(graph, layer.resolution, config.seed) for layer in layers]
    from_finer = cut_layer(graph, 0.5, config.seed, by_itself[1])
    assert not np.array_equal(by_itself[0], from_finer)
    for limit, broad in ((300, by_itself[0]), (299, from_finer)):
        monkeypatch.setattr(cuts, "CHAINED_FROM", limit)
        made, _ = cuts.make_cuts(config, graphs, is_placed=True)
        assert np.array_equal(made["broad"].seeds[0], broad) and np.array_equal(made["fine"].seeds[0], by_itself[1])
        assert np.array_equal(made["broad"].by_words, broad)
        rows, membership = made["broad"].samples[0]
        part = graph.induced_subgraph(rows.tolist())
        start = cut_layer(part, 3.0, config.seed + 1) if limit == 299 else None
        assert np.array_equal(membership, cut_layer(part, 0.5, config.seed + 1, start))


def reference_of(members: pd.Series) -> Reference:
    clusters = pd.DataFrame(
        {"layer": "fine", "cluster_id": sorted(set(members)), "resolution": 1.0, "neighbour_count": 10}
    )
    rows = pd.DataFrame({"layer": "fine", "doc_id": members.index, "cluster_id": members.to_numpy()})
    return Reference(clusters, rows, pd.DataFrame(), NO_CHANGES)


EMPTY = Reference(
    *(table.arrow_schema.empty_table().to_pandas() for table in (CLUSTERS, CLUSTER_MEMBERS, LAYOUT, CLUSTER_CHANGES))
)


def test_a_new_cut_from_the_last_one_is_done_in_parts_that_can_be_sent(
    small: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = dataclasses.replace(small, cluster=dataclasses.replace(small.cluster, recluster=True))
    doc_ids = [f"d{number:03d}" for number in range(160)]
    old = pd.Series([f"fine-{number % 5:02d}" for number in range(150)], index=doc_ids[:150])
    inputs = small_inputs(blobs(), doc_ids, reference_of(old))
    here, _ = assign(config, inputs)
    parts: list[object] = []

    def send(settings: object, work: Any, tasks: Any, total: int) -> list[list[np.ndarray]]:
        parts.extend(tasks)
        return [pickle.loads(pickle.dumps(work))(pickle.loads(pickle.dumps(task))) for task in tasks]

    monkeypatch.setattr(assign_module, "map_parts", send)
    sent, _ = assign(config, inputs)
    assert sent.equals(here) and len(parts) == CUT_COUNT


def test_a_changed_vector_moves_no_document_that_has_a_cluster(small: Config) -> None:
    vectors = blobs()
    ids = [f"d{number:03d}" for number in range(160)]
    first, _ = assign(small, small_inputs(vectors, ids, EMPTY))
    edited = vectors.copy()
    edited[3] = vectors[150]  # its text is now that of another group
    again, news = assign(small, small_inputs(edited, ids, reference_of(first)))
    assert again.equals(first) and news.empty


@pytest.mark.parametrize("change", [{"recluster": True}, {"layers": (Layer("fine", 1.1),)}, {"neighbour_count": 9}])
def test_a_new_cut_on_demand_or_after_other_settings_is_matched_to_the_last(small: Config, change: dict) -> None:
    vectors = blobs()
    ids = [f"d{number:03d}" for number in range(160)]
    names = pd.Series(np.repeat(["fine-07", "fine-03", "fine-05", "fine-01"], 40), index=ids)
    config = dataclasses.replace(small, cluster=dataclasses.replace(small.cluster, **change))
    found, news = assign(config, small_inputs(vectors, ids, reference_of(names)))
    assert found.tolist() == names.tolist() and set(news["change"]) == {"kept"}


def test_what_was_measured_stands_while_few_documents_are_new_changed_or_gone(small: Config) -> None:
    vectors, ids = blobs(), [f"d{number:03d}" for number in range(160)]
    known = reference_of(pd.Series("fine-00", index=ids[:155]))
    layout = pd.DataFrame({"doc_id": ids[:155], "x": 0.0, "y": 0.0})
    texts = pd.Series(ids[:155], index=ids[:155])
    last = dataclasses.replace(known, layout=layout, texts=texts)
    inputs = small_inputs(vectors, ids, last)  # five of 160 are new
    assert stands(small, inputs)
    for change in ({"recluster": True}, {"remeasure": True}, {"neighbour_count": 9}, {"layers": (Layer("fine", 1.1),)}):
        assert not stands(dataclasses.replace(small, cluster=dataclasses.replace(small.cluster, **change)), inputs)
    edited = texts.where(texts > "d003", "other")  # and four have changed
    for other in (last.texts.iloc[:-4], edited, pd.concat([texts, pd.Series("x", index=["x", "y", "z", "0"])])):
        assert not stands(small, dataclasses.replace(inputs, reference=dataclasses.replace(last, texts=other)))
    assert not stands(small, dataclasses.replace(inputs, reference=known))  # a release that does not say what it held


def write_inputs(config: Config, rows: np.ndarray, vectors: np.ndarray) -> None:
    """Writes what the stage reads, the rows in the order given: invented documents with their group as their word."""
    ids = [f"d{number:03d}" for number in rows]
    documents = pd.DataFrame({"doc_id": ids, "source": "arxiv", "frame": "f", "title": ids, "text_kind": "none"})
    documents = documents.assign(
        url=None, authors=[[]] * len(ids), published_date="2020-01-01", published_year=2020, tags=[[]] * len(ids),
        karma=None, karma_read_date=None, word_count=1, character_count=1, text_sha256=ids, text=None,
    )  # fmt: skip
    made = {"doc_id": ids, "text_sha256": ids, "encoder": "e", "encoder_revision": "r", "vector": list(vectors[rows])}
    words = [word for number in rows for word in (f"word{number // 40}", f"also{number // 40}")]
    terms = pd.DataFrame({"doc_id": np.repeat(ids, 2), "term": words, "term_count": 1})
    write_table(DOCUMENTS, documents, config.processed("documents"))
    write_table(embeddings_table(vectors.shape[1]), pd.DataFrame(made), config.processed("embeddings"))
    write_table(TERMS, terms, config.processed("terms"))


def read_invented(config: Config, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Has every third document read: of the four groups one is out of scope, and one is a named agenda by its seeds."""
    folder = config.path(config.paths.handcheck)
    (folder / "codebook").mkdir(parents=True)
    shutil.copy(project / config.paths.handcheck / "codebook" / "codebook.toml", folder / "codebook")
    agenda = (
        'version = 1\n[[agendas]]\nid = "cups"\nname = "Cups"\nsays = "Cups."\nleaves = ["A1"]\nphrases = ["cups"]\n'
    )
    (folder / "agendas.toml").write_text(f'{agenda}seeds = ["d001", "d004", "d010"]\n', encoding="utf-8")
    numbers = np.arange(0, 150, 3)
    leaf = np.array(["A1", "D1", "E3", "N0"])[numbers // 40]
    codes = pd.DataFrame({"doc_id": [f"d{number:03d}" for number in numbers], "leaf": leaf})
    codes["group"] = codes["leaf"].str[0]
    monkeypatch.setattr("pipeline.cluster.subject.read_sample", lambda *_, **__: None)
    monkeypatch.setattr("pipeline.cluster.subject.settle_codes", lambda _: codes)


@pytest.mark.parametrize("space", ["vectors", "subject"])
def test_twice_and_shuffled_are_the_same_bytes_and_five_percent_more_leave_the_old_where_they_are(
    small: Config, root: Path, tmp_path: Path, space: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    vectors = blobs()
    small = dataclasses.replace(small, cluster=dataclasses.replace(small.cluster, space=space))  # type: ignore[arg-type]
    embed = dataclasses.replace(small.embed, dimension_count=vectors.shape[1])
    config = dataclasses.replace(small, root=tmp_path, sources={}, embed=embed)
    if space == "subject":
        read_invented(config, root, monkeypatch)
    kept: list[dict[str, bytes]] = []
    for order in (np.arange(152), np.arange(152), np.random.default_rng(4).permutation(152)):
        write_inputs(config, order, vectors)
        run(config)
        names = [table.name for table in (CLUSTERS, CLUSTER_MEMBERS, CLUSTER_CHANGES, LAYOUT)]
        kept.append({name: config.processed(name).read_bytes() for name in names})
    assert kept[0] == kept[1] == kept[2]
    first = read_table(CLUSTER_MEMBERS, config.processed("cluster_members")).set_index("doc_id")["cluster_id"]
    assert (first == "fine-ground").any() == (space == "subject")
    (tmp_path / "release").mkdir()
    for name, content in kept[0].items():
        (tmp_path / "release" / f"{name}.parquet").write_bytes(content)
    for is_cut_anew in (False, True):
        settings = dataclasses.replace(config.cluster, recluster=is_cut_anew)
        source = {"c": {"kind": "census", "path": "release"}}
        grown = dataclasses.replace(config, sources=source, cluster=settings)
        write_inputs(grown, np.arange(160), vectors)  # 5% more
        run(grown)
        second = read_table(CLUSTER_MEMBERS, grown.processed("cluster_members")).set_index("doc_id")["cluster_id"]
        assert len(second) == 160 and (second[first.index] == first).mean() >= 0.95


def test_a_second_encoders_layers_join_a_release_and_are_compared_document_by_document(
    small: Config, tmp_path: Path
) -> None:
    config = dataclasses.replace(small, root=tmp_path, sources={"c": {"kind": "census", "path": "release"}})
    vectors, folder = blobs(), tmp_path / "release"
    ids = [f"d{number:03d}" for number in range(160)]
    folder.mkdir()
    listed = {f"{name}.parquet": {} for name in ("documents", "embeddings")}
    for name in listed:
        (folder / name).write_bytes(name.encode())
        listed[name] = {"sha256": sha256_of_file(folder / name), "byte_count": len(name)}
    (folder / "README.md").write_text("# A release\n")
    write_manifest(folder, {"version": "1", "files": listed})
    np.save(tmp_path / "ids.npy", np.array(ids[::-1]))
    np.save(tmp_path / "vectors.npy", vectors[::-1])
    again = load_vectors(tmp_path / "ids.npy", tmp_path / "vectors.npy", ids)
    assert np.array_equal(again, vectors)
    with pytest.raises(DataError, match="one vector for each document"):
        load_vectors(tmp_path / "ids.npy", tmp_path / "vectors.npy", [*ids, "other"])
    add_table(folder, SECOND_MEMBERS, cut_second(config, ids, again, "other", "0" * 64, 3))
    assert list(check_files(folder)) == []
    (folder / "second_members.parquet").write_bytes(b"x")
    assert any("second_members" in problem for problem in check_files(folder))
    add_table(folder, SECOND_MEMBERS, cut_second(config, ids, again, "other", "0" * 64, 3))
    assert (folder / "README.md").read_text().count("### second_members: ") == 1 and list(check_files(folder)) == []
    second = read_second(config)
    names = pd.Series(np.repeat(["fine-00", "fine-01", "fine-02", "fine-03"], 40), index=ids)
    names.iloc[:20] = "fine-04"  # half of one of its groups
    names["new"] = "fine-05"  # came later: no row of the second encoder
    found = compare_second(names, second, "fine")
    assert np.isnan(found["fine-05"])
    assert found.drop("fine-05").to_dict() == {
        "fine-00": 0.5, "fine-01": 1.0, "fine-02": 1.0, "fine-03": 1.0, "fine-04": 0.5
    }  # fmt: skip
    assert compare_second(names, second, "broad").isna().all()


@pytest.mark.slow
def test_the_shipped_clusters_are_what_a_first_run_makes_of_the_shipped_census(built: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(built, copy, symlinks=True)
    config = load_config(copy / "census.toml")
    for table in (CLUSTERS, CLUSTER_MEMBERS, CLUSTER_CHANGES, LAYOUT):
        (copy / "data/raw/census/2026.07" / f"{table.name}.parquet").unlink()
    run(config)
    for table in (CLUSTERS, CLUSTER_MEMBERS, CLUSTER_CHANGES, LAYOUT):
        shipped = Path(__file__).parent.parent / "data/raw/census/2026.07" / f"{table.name}.parquet"
        pd.testing.assert_frame_equal(read_table(table, config.processed(table.name)), read_table(table, shipped))


def test_vectors_come_in_the_order_of_their_ids_whatever_that_of_the_file(small: Config, tmp_path: Path) -> None:
    vectors = blobs()
    embed = dataclasses.replace(small.embed, dimension_count=vectors.shape[1])
    config = dataclasses.replace(small, root=tmp_path, embed=embed)
    write_inputs(config, np.arange(60), vectors)
    path = config.processed("embeddings")
    ids, kept = read_vectors(config)
    table = pq.read_table(path)
    pq.write_table(table.take(np.random.default_rng(4).permutation(60)), path)
    assert pq.read_table(path).column("doc_id") != table.column("doc_id")
    again, shuffled = read_vectors(config)
    assert again.tolist() == ids.tolist() == sorted(ids) and np.array_equal(kept, shuffled)
