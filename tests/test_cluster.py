"""Groups that are the same tomorrow, on another processor, and in another order."""

import os
import pickle
import subprocess
import sys
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from sklearn.metrics import adjusted_rand_score

from pipeline import forked
from pipeline.cluster import cells, neighbours, words
from pipeline.cluster.cuts import Cutter, cut_again, cut_layers, cut_part, cut_vectors, draw_samples, lay_out_graphs
from pipeline.cluster.inputs import Graphs, order_graph
from pipeline.cluster.layers import (
    build_graph,
    choose_partition,
    cut_layer,
    dissolve_small,
    number_by_size,
    score_members,
    take_apart,
)
from pipeline.cluster.layout import extend_layout, find_start, lay_out
from pipeline.cluster.names import choose_terms, name_clusters, rank_terms, weigh_terms
from pipeline.cluster.neighbours import find_neighbours, find_neighbours_among
from pipeline.cluster.stability import best_jaccard, probe_source, score_samples
from pipeline.cluster.words import build_term_graph
from pipeline.coding.group_names import read_set_names
from pipeline.errors import DataError, SheetError
from pipeline.schemas import TERMS
from pipeline.text.word_counts import WordCounts, code_terms


def blobs(seed: int = 5, groups: int = 4, size: int = 40, width: int = 32) -> np.ndarray:
    rng = np.random.default_rng(seed)
    rows = np.repeat(rng.normal(size=(groups, width)), size, axis=0) + 0.35 * rng.normal(size=(groups * size, width))
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float16)


def test_neighbours_are_the_exact_ones() -> None:
    vectors = blobs()
    neighbours, similarities = find_neighbours(vectors, 7)
    all_pairs = vectors.astype(float) @ vectors.astype(float).T
    np.fill_diagonal(all_pairs, -9)
    assert np.allclose(similarities, -np.sort(-all_pairs, axis=1)[:, :7])
    assert np.allclose(np.take_along_axis(all_pairs, neighbours, axis=1), similarities)


@pytest.mark.parametrize("tile_rows", [8, 33, 160])
def test_neighbours_are_the_same_in_tiles_of_any_size(monkeypatch: pytest.MonkeyPatch, tile_rows: int) -> None:
    vectors = blobs()
    vectors[100:130] = vectors[70:100]  # equal similarities go to the lower row
    own = np.arange(len(vectors))
    around, cosines = find_neighbours_among(vectors, vectors, 12)
    is_other = around != own[:, None]
    monkeypatch.setattr(neighbours, "TILE_ROWS", tile_rows)
    found, similarities = find_neighbours(vectors, 11)
    for row in own:
        assert found[row].tolist() == around[row][is_other[row]][:11].tolist()
        assert similarities[row].tobytes() == cosines[row][is_other[row]][:11].tobytes()
    few, _ = find_neighbours(vectors[:5], 11)
    assert [sorted(row) for row in few.tolist()] == [[other for other in range(5) if other != row] for row in range(5)]


def test_near_cells_hold_most_of_the_nearest_and_all_cells_hold_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cells, "ROWS_PER_CELL", 50)
    rows = np.random.default_rng(3).normal(size=(1_200, 8))  # no groups at all: the hard case
    vectors = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float16)
    wanted, similarities = find_neighbours(vectors, 10)
    put = cells.put_into_cells(vectors, 1)
    near, _ = cells.find_near_neighbours(vectors, 10, put, searched=10)
    recall = np.mean([len(np.intersect1d(*pair)) / 10 for pair in zip(near, wanted, strict=True)])
    assert 0.75 < recall < 1 and not (near == np.arange(len(near))[:, None]).any()
    every, scores = cells.find_near_neighbours(vectors, 10, put, searched=99)
    assert np.array_equal(every, wanted) and scores.tobytes() == similarities.tobytes()
    one, _ = cells.find_near_neighbours(vectors, 60, put, searched=1)  # more than a cell holds
    assert all(len(set(row)) == 60 for row in one.tolist())


def test_neighbours_of_the_new_are_looked_for_once_and_fewer_are_the_first_of_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    vectors, searches = blobs(), list[int]()
    is_known = np.arange(len(vectors)) % 5 > 0
    wanted = {count: neighbours.find_known(vectors, is_known, count) for count in (5, 9)}
    exact = neighbours.find_known
    monkeypatch.setattr(neighbours, "find_known", lambda *asked: searches.append(asked[2]) or exact(*asked))
    find = neighbours.remember_known()
    for count in (9, 5, 9):
        for found, truth in zip(find(vectors, is_known, count), wanted[count], strict=True):
            assert np.array_equal(found, truth)
    assert searches == [9]
    assert np.array_equal(find(vectors, ~is_known, 5)[0], exact(vectors, ~is_known, 5)[0]) and searches == [9, 5]
    assert find(vectors, ~is_known, 9)[0].shape == (128, 9)


def test_pieces_of_the_rows_find_what_all_find_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cells, "ROWS_PER_CELL", 20)
    put = cells.put_into_cells(vectors := blobs(), 1)
    whole = cells.find_near_neighbours(vectors, 7, put, searched=3)
    monkeypatch.setattr(cells, "PIECE_ROWS", 33)
    parts = cells.find_near_neighbours(vectors, 7, put, searched=3, spread=forked.map_forked)
    assert np.array_equal(whole[0], parts[0]) and whole[1].tobytes() == parts[1].tobytes()


def test_vertices_in_another_order_stand_for_the_same_documents() -> None:
    vectors = blobs()
    near = find_neighbours(vectors, 7)
    order = np.random.default_rng(1).permutation(len(vectors))
    graph = order_graph(near, order)
    graphs = Graphs(vectors, near, graph, graph, np.arange(len(vectors)), None, order)
    plain, (edges, weights) = build_graph(*near), take_apart(graph)
    mapped = {(*sorted(ends), weight) for ends, weight in zip(order[edges].tolist(), weights, strict=True)}
    wanted = {(*sorted(edge.tuple), edge["weight"]) for edge in plain.es}
    assert {ends[:2] for ends in mapped} == {ends[:2] for ends in wanted} and mapped == wanted
    found = graphs.to_documents(cut_layer(graph, 1.0, 1))
    assert adjusted_rand_score(found, np.repeat(np.arange(4), 40)) == 1
    assert np.array_equal(graphs.to_vertices(graphs.to_documents(order)), order)


def test_graphs_that_are_sent_to_another_machine_are_cut_alike() -> None:
    vectors = blobs()
    near = find_neighbours(vectors, 7)
    order = np.random.default_rng(1).permutation(len(vectors))
    graphs = Graphs(vectors, near, order_graph(near, order), build_graph(*near), np.arange(len(vectors)), None, order)
    sent = pickle.loads(pickle.dumps(Cutter(graphs)))
    for task in (
        partial(lay_out_graphs, seed=3),
        partial(cut_vectors, cut=partial(cut_layers, resolutions=[3.0, 1.0], seed=2, iteration_count=2)),
        partial(cut_again, resolution=3.0, seed=2, start=np.arange(160) // 7, iteration_count=2),
    ):
        assert [part.tobytes() for part in sent(task)] == [part.tobytes() for part in Cutter(graphs)(task)]
    assert sent.graphs.words.get_edgelist() == graphs.words.get_edgelist()


def test_equal_similarities_go_to_the_lower_row_number() -> None:
    vectors = np.tile(np.array([[1, 0]], dtype=np.float16), (6, 1))
    neighbours, _ = find_neighbours(vectors, 2)
    assert neighbours.tolist() == [[1, 2], [0, 2], [0, 1], [0, 1], [0, 1], [0, 1]]


@pytest.mark.parametrize(("rows", "wanted"), [(1, 0), (2, 1), (3, 2)])
def test_few_documents_have_few_neighbours(rows: int, wanted: int) -> None:
    assert find_neighbours(blobs()[:rows], 15)[0].shape == (rows, wanted)


@pytest.mark.whole
@pytest.mark.parametrize("kernel", ["Haswell", "Sandybridge", "SkylakeX"])
@pytest.mark.parametrize("threads", ["1", "2"])
def test_similarities_are_the_same_bits_on_every_kernel_and_number_of_threads(
    tmp_path: Path, root: Path, kernel: str, threads: str
) -> None:
    vectors = blobs(groups=9, size=60, width=384)
    np.save(tmp_path / "vectors.npy", vectors)
    program = (
        "import sys, numpy as np; from pipeline.cluster.neighbours import find_neighbours\n"
        "n, s = find_neighbours(np.load(sys.argv[1]), 15); np.savez(sys.argv[2], n=n, s=s)"
    )
    command = [sys.executable, "-c", program, str(tmp_path / "vectors.npy"), str(tmp_path / "x.npz")]
    environment = {**os.environ, "OPENBLAS_CORETYPE": kernel, "OPENBLAS_NUM_THREADS": threads}
    subprocess.run(command, env=environment, cwd=root, check=True)
    found = np.load(tmp_path / "x.npz")
    neighbours, similarities = find_neighbours(vectors, 15)
    assert np.array_equal(found["n"], neighbours) and found["s"].tobytes() == similarities.tobytes()


def test_the_layer_finds_the_groups_and_twice_the_same() -> None:
    graph = build_graph(*find_neighbours(blobs(), 10))
    first, second = cut_layer(graph, 1.0, 3), cut_layer(graph, 1.0, 3)
    assert np.array_equal(first, second)
    assert len(set(first)) == 4 and all(len(set(first[start : start + 40])) == 1 for start in (0, 40, 80, 120))


def test_a_higher_resolution_gives_more_groups() -> None:
    graph = build_graph(*find_neighbours(blobs(), 10))
    assert cut_layer(graph, 6.0, 1).max() > cut_layer(graph, 1.0, 1).max()


def test_clusters_are_numbered_by_size_then_by_first_row() -> None:
    assert number_by_size(np.array([7, 3, 3, 9, 7])).tolist() == [0, 1, 1, 2, 0]


def test_scores_are_the_cosine_with_the_own_centre_and_the_lead_over_the_next() -> None:
    vectors, membership = blobs(), np.repeat(np.arange(4), 40)
    exact = vectors.astype(float)
    centres = np.array([exact[membership == number].sum(axis=0) for number in range(4)])
    cosines = exact @ (centres / np.linalg.norm(centres, axis=1, keepdims=True)).T
    own = cosines[np.arange(160), membership]
    cosines[np.arange(160), membership] = -9
    centrality, border = score_members(vectors, membership)
    assert np.allclose(centrality, own, atol=1e-5)
    assert np.allclose(border, own - cosines.max(axis=1), atol=1e-5)


def test_neighbours_among_others_are_the_same_as_in_one_search() -> None:
    vectors = blobs()
    both = find_neighbours(vectors, 159)[0]
    neighbours, _ = find_neighbours_among(vectors[:10], vectors[10:], 3)
    for row in range(10):
        assert (neighbours[row] + 10).tolist() == [other for other in both[row] if other >= 10][:3]


def test_of_several_cuts_the_one_most_like_the_others_is_taken() -> None:
    graph = build_graph(*find_neighbours(blobs(), 10))
    chosen, cuts = choose_partition(graph, 1.0, range(5))
    assert cuts.shape == (5, 160) and any(np.array_equal(chosen, cut) for cut in cuts)


def test_a_small_cluster_joins_the_one_it_hangs_on_as_a_whole() -> None:
    vectors = blobs()
    membership = np.repeat(np.arange(4), 40)
    membership[:5] = 4  # five of the first group on their own
    graph = build_graph(*find_neighbours(vectors, 10))
    found = dissolve_small(graph, membership, 10)
    assert found.tolist() == np.repeat(np.arange(4), 40).tolist()
    assert dissolve_small(graph, membership, 5).max() == 4


def test_the_map_keeps_groups_together_and_repeats_itself() -> None:
    vectors = blobs()
    near = find_neighbours(vectors, 10)
    (places,) = lay_out(near, vectors, 1)
    assert np.array_equal(places, lay_out(near, vectors, 1)[0])
    assert places.dtype == np.float32 and places.min() == 0 and places.max() == 1
    centres = places.reshape(4, 40, 2).mean(axis=1)
    spread = np.linalg.norm(places.reshape(4, 40, 2) - centres[:, None], axis=2).mean()
    gaps = [np.linalg.norm(centres[a] - centres[b]) for a in range(4) for b in range(a)]
    assert 0.01 < spread < min(gaps)


def test_known_places_never_move_and_new_ones_land_among_their_neighbours() -> None:
    vectors = blobs()
    ids = pd.Index([f"d{number:03d}" for number in range(160)])
    old = np.arange(160) % 10 != 3
    (fresh,) = lay_out(find_neighbours(vectors[old], 10), vectors[old], 1)
    first = extend_layout(ids[old], vectors[old], fresh, pd.DataFrame(columns=["doc_id", "x", "y"]), 1)
    grown = extend_layout(ids, vectors, None, first, 1)
    pd.testing.assert_frame_equal(grown[old].reset_index(drop=True), first)
    places = grown[["x", "y"]].to_numpy().reshape(4, 40, 2)
    centres = first[["x", "y"]].to_numpy().reshape(4, 36, 2).mean(axis=1)
    nearest = np.linalg.norm(places[:, :, None] - centres, axis=3).argmin(axis=2)
    assert (nearest == np.arange(4)[:, None]).all()


@pytest.mark.parametrize("count", [0, 1, 2])
def test_a_map_of_hardly_any_documents_is_made(count: int) -> None:
    vectors = blobs()[:count]
    (places,) = lay_out(find_neighbours(vectors, 10), vectors, 1)
    assert places.shape == (count, 2) and np.isfinite(places).all()


def test_the_map_does_not_hang_on_the_last_bits_of_a_vector_product() -> None:
    vectors = blobs().astype(np.float64)
    shaken = vectors + np.random.default_rng(2).normal(0, 1e-8, vectors.shape)
    assert np.array_equal(find_start(vectors), find_start(shaken))


def code(rows: list[tuple[str, str, int]], *more: str) -> tuple[WordCounts, pd.Index]:
    """Word counts of documents, of which those in `more` have none."""
    table = pa.table(dict(zip(TERMS.arrow_schema.names, zip(*sorted(rows), strict=True), strict=True)))
    doc_ids = pd.Index(sorted({row[0] for row in rows} | set(more)))
    return code_terms(
        [table.slice(0, 2).cast(TERMS.arrow_schema), table.slice(2).cast(TERMS.arrow_schema)], doc_ids
    ), doc_ids


def ranked(rows: list[tuple[str, str, int]]) -> dict[str, list[str]]:
    counts, doc_ids = code(rows)
    return rank_terms(weigh_terms(counts), pd.Series([doc_id[0] for doc_id in doc_ids]))


def test_names_tell_clusters_apart() -> None:
    rows = [
        (f"{c}{n}", t, k)
        for c, own in (("a", "debate"), ("b", "circuits"))
        for n in range(9)
        for t, k in (("safety", 1), (own, 2))
    ]
    assert name_clusters(ranked(rows), 1, {}, {}, {}) == {"a": "debate", "b": "circuits"}


def test_left_over_markup_and_words_of_every_field_name_nothing() -> None:
    rows = [
        ("a1", "nbsp", 9),
        ("a1", "td", 9),
        ("a1", "strong nbsp", 9),
        ("a1", "podcast", 5),
        ("a1", "debate", 1),
        ("b1", "circuits", 1),
    ]
    assert ranked(rows)["a"] == ["debate"]


def test_a_name_says_nothing_that_the_parent_says_and_no_sibling_begins_alike() -> None:
    terms = {"x": ["safety", "debate", "judge"], "y": ["debate", "oracle"], "z": ["debate", "oracle"]}
    names = name_clusters(terms, 1, {"x": "p", "y": "p", "z": "q"}, {"p": "safety · risk", "q": "other"}, {})
    assert names == {"x": "debate", "y": "oracle", "z": "debate · oracle"}


def test_a_name_once_given_stays() -> None:
    assert name_clusters({"a": ["debate"], "b": ["judge"]}, 1, {}, {}, {"a": "old"}) == {"a": "old", "b": "judge"}


def test_a_name_does_not_say_the_same_word_twice() -> None:
    assert choose_terms(["agent", "agents", "rational agent", "utility"], 3, set()) == ["agent", "utility"]


def test_a_word_mostly_met_in_a_phrase_is_named_by_the_phrase() -> None:
    rows = [("a1", "reinforcement", 4), ("a1", "reinforcement learning", 4), ("b1", "circuits", 8)]
    assert ranked(rows)["a"][0] == "reinforcement learning"


def test_a_persons_name_wins_over_a_language_models(tmp_path: Path) -> None:
    path = tmp_path / "cluster-names.csv"
    path.write_text("cluster_id,name,kind\nx,Debate,person\nx,Arguing,language model\ny,Circuits,language model\n")
    names = read_set_names(tmp_path)
    assert (names["x"].name, names["x"].kind, names["y"].kind) == ("Debate", "person", "language model")
    path.write_text("cluster_id,name,kind\nx,Debate,robot\n")
    with pytest.raises(SheetError, match=r"cluster-names\.csv:2"):
        read_set_names(tmp_path)


def test_a_name_given_in_the_reading_room_names_the_cluster(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    head = "cluster_id,name,note,state,coder_kind\n"
    (tmp_path / "cluster-names.csv").write_text("cluster_id,name,kind\nx,Arguing,language model\n")
    for task, coder, rows in (
        ("names", "alice", "x,Debate,,done,person\ny,Half,,draft,person\n"),
        ("clusters", "bob", "x,Discussion,,done,person\nz,Ethics,,done,person\nw,,,done,person\n"),
        ("names", "model", "x,Talk,,done,language model\nz,Morals,,done,language model\n"),
    ):
        (tmp_path / "sheets" / task).mkdir(parents=True, exist_ok=True)
        (tmp_path / "sheets" / task / f"{coder}.csv").write_text(head + rows)
    names = read_set_names(tmp_path)
    assert {key: name.name for key, name in names.items()} == {"x": "Debate", "z": "Ethics"}
    assert "two people name x: 'Debate' is kept, 'Discussion' is not" in caplog.text
    (tmp_path / "sheets/names/alice.csv").write_text(head + "x,Debate,,done,robot\n")
    with pytest.raises(SheetError, match=r"alice\.csv:2"):
        read_set_names(tmp_path)


def test_the_best_overlap_is_counted_over_the_union() -> None:
    assert best_jaccard(np.array([0, 0, 0, 1]), np.array([0, 0, 1, 1])).tolist() == [2 / 3, 1 / 2]


def test_clear_groups_are_stable_and_halves_of_one_group_are_not() -> None:
    vectors = blobs()
    near = find_neighbours(vectors, 10)
    graph = build_graph(*near)
    graphs = Graphs(vectors, near, graph, graph, np.arange(len(vectors)))
    cut = partial(cut_layers, resolutions=[1.0], seed=1)
    samples = [(rows, cut_part(graphs, rows, cut)[0]) for rows in draw_samples(160, 5, 1)]
    clear = np.repeat(np.arange(4), 40)
    halves = np.concatenate([np.arange(40) % 2 * 4, clear[40:]])
    assert score_samples(clear, samples).tolist() == [1, 1, 1, 1]
    assert score_samples(halves, samples)[[0, 4]].max() < 0.6


def test_the_probe_finds_a_source_that_shows_and_no_other() -> None:
    rng = np.random.default_rng(2)
    vectors = rng.normal(size=(200, 16))
    is_paper = np.arange(200) % 2 == 0
    assert 0.35 < (probe_source(vectors.astype(np.float16), is_paper, 1) or 0) < 0.65
    vectors[is_paper] += 1
    assert (probe_source(vectors.astype(np.float16), is_paper, 1) or 0) > 0.95
    assert probe_source(vectors[:12].astype(np.float16), is_paper[:12], 1) is None


GROUPED = [(f"{c}{n:02d}", f"{c}{t}", 1) for c in "ab" for n in range(20) for t in range(5) if (n + t) % 3]


def test_words_alone_find_the_groups_that_share_words() -> None:
    counts, _ = code(GROUPED, "no words")
    graph, known = build_term_graph(counts, 5)
    found = cut_layer(graph, 0.1, 1)
    assert known.tolist() == list(range(40)) and set(found[:20]).isdisjoint(found[20:])


def test_neighbours_by_words_are_those_of_all_pairs(monkeypatch: pytest.MonkeyPatch) -> None:
    draw = np.random.default_rng(1)
    rows = [
        (f"d{n:03d}", f"t{t:02d}", int(draw.integers(1, 4)))
        for n in range(150)
        for t in range(60)
        if draw.random() < 0.1
    ]
    counts, doc_ids = code([*rows, ("e", "alone", 1)])
    monkeypatch.setattr(words, "PIECE_ROWS", 40)
    monkeypatch.setattr(words, "BLOCK_ROWS", 16)
    found, _ = build_term_graph(counts, 6)
    table = np.zeros((len(doc_ids), len(counts.vocabulary)))
    table[counts.rows, counts.columns] = np.log1p(counts.counts)
    table *= np.log(len(doc_ids) / (table > 0).sum(axis=0))
    cosines = np.round(
        (table / np.linalg.norm(table, axis=1, keepdims=True))
        @ (table / np.linalg.norm(table, axis=1, keepdims=True)).T,
        9,
    )
    np.fill_diagonal(cosines, -1)
    order = np.argsort(-cosines, axis=1, kind="stable")[:, :6]
    wanted = build_graph(order, np.take_along_axis(cosines, order, axis=1))
    assert found.get_edgelist() == wanted.get_edgelist()
    assert np.allclose(found.es["weight"], wanted.es["weight"], atol=1e-8)


def test_the_commonest_words_are_passed_over_where_all_would_cost_too_much(monkeypatch: pytest.MonkeyPatch) -> None:
    shared = [(doc_id, "everywhere", 9) for doc_id in sorted({row[0] for row in GROUPED})[:39]]
    counts, _ = code([*GROUPED, *shared])
    monkeypatch.setattr(words, "LIST_LIMIT", 60)
    graph, _ = build_term_graph(counts, 5)
    between = [edge for edge in graph.es if (edge.source < 20) != (edge.target < 20)]
    assert graph.ecount() > 100 and not any(edge["weight"] > 0 for edge in between)


def test_tasks_come_back_in_their_order_and_a_lost_process_is_one_clear_line() -> None:
    assert forked.run_forked([lambda number=number: number**2 for number in range(9)]) == [n**2 for n in range(9)]
    if forked.count_processors() > 1:
        with pytest.raises(DataError, match="worker process was ended"):
            forked.run_forked([lambda: os._exit(9), lambda: 1])


def test_work_beside_comes_step_by_step_and_its_errors_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def steps() -> Iterator[int]:
        yield os.getpid()
        yield os.getpid()
        raise DataError("the third step")

    with forked.run_beside(steps(), 3) as results:
        first = next(results)
        assert next(results) == first and (first != os.getpid()) == (forked.count_processors() > 1)
        with pytest.raises(DataError, match="the third step"):
            next(results)
    monkeypatch.setattr(forked, "count_processors", lambda: 1)
    with forked.run_beside(steps(), 3) as results:
        assert next(results) == os.getpid()


def test_tasks_begun_beside_run_together_and_let_this_process_go_first(monkeypatch: pytest.MonkeyPatch) -> None:
    tasks = [lambda: (os.getpid(), os.nice(0)), lambda: (os.getpid(), os.nice(0))]
    with forked.begin_forked(tasks, 1, niceness=2) as outer, forked.begin_forked(tasks[:1], 1) as inner:
        found = [wait() for wait in (*inner, *outer)]
    if forked.count_processors() > 1 and sys.platform == "linux":
        here = os.nice(0)
        assert [niceness for _, niceness in found] == [here, here + 2, here + 2]
        assert found[1][0] == found[2][0] and len({os.getpid(), *(pid for pid, _ in found)}) == 3
    monkeypatch.setattr(forked, "count_processors", lambda: 1)
    with forked.begin_forked(tasks, 2, niceness=2) as waiting:
        assert [wait()[0] for wait in waiting] == [os.getpid()] * 2


def test_a_process_that_is_lost_beside_is_one_clear_line() -> None:
    if forked.count_processors() < 2 or sys.platform != "linux":
        pytest.skip("work runs in the process itself")
    with pytest.raises(DataError, match="worker process was ended"), forked.run_beside(iter(_lose, 0), 1) as results:
        next(results)


def _lose() -> int:
    os._exit(9)


def test_a_kill_leaves_no_process_behind(root: Path, tmp_path: Path) -> None:
    if forked.count_processors() < 2 or sys.platform != "linux":
        pytest.skip("tasks run in the process itself")
    program = (
        "import os, sys, time; from pathlib import Path; from pipeline.forked import run_forked\n"
        "def task(): Path(sys.argv[1], str(os.getpid())).touch(); time.sleep(60)\n"
        "run_forked([task, task])"
    )
    parent = subprocess.Popen([sys.executable, "-c", program, str(tmp_path)], cwd=root)
    deadline = time.monotonic() + 60
    while len(list(tmp_path.iterdir())) < 2 and time.monotonic() < deadline:
        time.sleep(0.05)
    workers = [int(path.name) for path in tmp_path.iterdir()]
    parent.kill()
    parent.wait()
    while any(Path(f"/proc/{worker}").exists() for worker in workers) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert len(workers) == 2 and not any(Path(f"/proc/{worker}").exists() for worker in workers)
