"""Every cut of a clustering, made at once: with other seeds, on random parts of the documents, and by words.

All of them look at two graphs that are made once, and none waits for another, so they share out over the processors.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import igraph
import numpy as np

from pipeline.cluster.inputs import Graphs
from pipeline.cluster.layers import CUT_COUNT, count_iterations, cut_layer, put_together, take_apart
from pipeline.cluster.layout import lay_out
from pipeline.config import Config
from pipeline.workers import map_parts

Cut = Callable[[igraph.Graph], list[np.ndarray]]

# Documents above which the cut of a layer starts from that of the next finer one with the same seed: as good a cut,
# in less than half the time, and layers lie more neatly inside each other (reports/bench/scale.md). Smaller censuses,
# which are cut in a minute, keep the clusters that they have.
CHAINED_FROM = 100_000
SAMPLE_SHARE = 0.8  # of the documents, without replacement: Hennig (2007) finds it as good as a bootstrap


@dataclass(frozen=True)
class LayerCuts:
    """The cuts of one layer.

    Attributes:
        seeds: the documents cut with other seeds, int64 (n_seeds, n).
        samples: random parts of the documents, and their cuts: rows int64 (n_part,) and clusters int64 (n_part,) each.
        by_words: the documents that have words, cut by their neighbours by words: int64 (n_known,).
    """

    seeds: np.ndarray
    samples: list[tuple[np.ndarray, np.ndarray]]
    by_words: np.ndarray


def make_cuts(config: Config, graphs: Graphs, *, is_placed: bool) -> tuple[dict[str, LayerCuts], np.ndarray | None]:
    """Returns the cuts of every layer by its name, and unless there is a map already, a place for each document."""
    total = graphs.vectors.vcount()
    cut = partial(
        cut_layers,
        resolutions=[layer.resolution for layer in config.cluster.layers],
        iteration_count=count_iterations(total),
        is_chained=total > CHAINED_FROM,
    )
    parts = draw_samples(total, config.cluster.sample_count, config.seed)
    tasks = [
        *(() if is_placed else (partial(lay_out_graphs, seed=config.seed),)),
        partial(cut_words, cut=partial(cut, seed=config.seed)),
        *(partial(cut_vectors, cut=partial(cut, seed=config.seed + n)) for n in range(CUT_COUNT)),
        *(
            partial(cut_part, rows=rows, cut=partial(cut, seed=config.seed + 1 + n))  # the longest tasks come first
            for n, rows in enumerate(parts)
        ),
    ]
    made = iter(list(map_parts(config.embed, Cutter(graphs), tasks, total)))
    places = None if is_placed else next(made)[0]
    by_words = next(made)
    by_seed = [next(made) for _ in range(CUT_COUNT)]
    by_sample = list(zip(parts if graphs.order is None else [graphs.order[rows] for rows in parts], made, strict=True))
    cuts = {
        layer.name: LayerCuts(
            np.stack([cut[number] for cut in by_seed]),
            [(rows, cut[number]) for rows, cut in by_sample],
            by_words[number],
        )
        for number, layer in enumerate(config.cluster.layers)
    }
    return cuts, places


@dataclass(frozen=True)
class Cutter:
    """Does one task after the other with the same graphs, which are sent to other machines as arrays."""

    graphs: Graphs

    def __call__(self, task: Callable[[Graphs], list[np.ndarray]]) -> list[np.ndarray]:
        """Returns what a task makes of the graphs."""
        return task(self.graphs)

    def __reduce__(self) -> tuple[object, ...]:
        graphs = self.graphs
        packed = (
            (graphs.vectors.vcount(), *take_apart(graphs.vectors)),
            (graphs.words.vcount(), *take_apart(graphs.words)),
        )
        return _remake, (graphs.matrix, graphs.near, *packed, graphs.known, graphs.inside, graphs.order)


def _remake(
    matrix: np.ndarray,
    near: tuple[np.ndarray, np.ndarray],
    vectors: tuple[int, np.ndarray, np.ndarray],
    words: tuple[int, np.ndarray, np.ndarray],
    known: np.ndarray,
    inside: np.ndarray | None,
    order: np.ndarray | None,
) -> Cutter:
    return Cutter(Graphs(matrix, near, put_together(*vectors), put_together(*words), known, inside, order))


def draw_samples(total: int, count: int, seed: int) -> list[np.ndarray]:
    """Returns the rows of `count` random parts of the documents, sorted: int64 (n_part,) each."""
    rng = np.random.default_rng(seed)
    return [np.sort(rng.permutation(total)[: int(SAMPLE_SHARE * total)]) for _ in range(count)]


def cut_layers(
    graph: igraph.Graph,
    resolutions: Sequence[float],
    seed: int,
    iteration_count: int = -1,
    *,
    is_chained: bool = False,
) -> list[np.ndarray]:
    """Returns a graph cut at each resolution, int64 (n,) each, in their order.

    Chained, every cut but the finest starts from the next finer one, which takes less than half as long.
    """
    found, start = dict[float, np.ndarray](), None
    for resolution in sorted(set(resolutions), reverse=True):
        found[resolution] = cut_layer(graph, resolution, seed, start, iteration_count)
        start = found[resolution] if is_chained else None
    return [found[resolution] for resolution in resolutions]


def lay_out_graphs(graphs: Graphs, seed: int) -> list[np.ndarray]:
    """Returns the places of a map made anew."""
    return lay_out(graphs.near, graphs.matrix, seed)


def cut_words(graphs: Graphs, cut: Cut) -> list[np.ndarray]:
    """Returns the documents that have words, cut at each resolution by their neighbours by words."""
    return cut(graphs.words)


def cut_vectors(graphs: Graphs, cut: Cut) -> list[np.ndarray]:
    """Returns the documents cut at each resolution."""
    return [graphs.to_documents(membership) for membership in cut(graphs.vectors)]


def cut_again(
    graphs: Graphs, resolution: float, seed: int, start: np.ndarray, iteration_count: int
) -> list[np.ndarray]:
    """Returns the vertices cut from the clusters in `start`, int64 (n,), so that a new cut stays near the last one."""
    return [cut_layer(graphs.vectors, resolution, seed, start, iteration_count)]


def cut_part(graphs: Graphs, rows: np.ndarray, cut: Cut) -> list[np.ndarray]:
    """Returns a part of the vertices, int64 (n_part,), cut at each resolution."""
    return cut(graphs.vectors.induced_subgraph(rows.tolist()))
