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
    layers = [layer.resolution for layer in config.cluster.layers]
    seeds = [(resolution, seed) for resolution in layers for seed in range(config.seed, config.seed + CUT_COUNT)]
    total = graphs.vectors.vcount()
    count = count_iterations(total)
    parts = draw_samples(total, config.cluster.sample_count, config.seed)
    tasks = [
        *(() if is_placed else (partial(lay_out_graphs, seed=config.seed),)),
        *(partial(_cut_words, resolution=resolution, seed=config.seed, count=count) for resolution in layers),
        *(partial(cut_one, resolution=resolution, seed=seed, count=count) for resolution, seed in seeds),
        *(
            partial(_cut_sample, rows=rows, resolutions=layers, seed=config.seed + 1 + n, count=count)
            for n, rows in enumerate(parts)
        ),
    ]
    made = iter(list(map_parts(config.embed, Cutter(graphs), tasks, total)))
    places = None if is_placed else next(made)[0]
    by_words = [next(made)[0] for _ in layers]
    by_seed = [np.stack([next(made)[0] for _ in range(CUT_COUNT)]) for _ in layers]
    by_sample = list(zip(parts if graphs.order is None else [graphs.order[rows] for rows in parts], made, strict=True))
    cuts = {
        layer.name: LayerCuts(
            by_seed[number],
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


def cut_sample(
    graph: igraph.Graph, rows: np.ndarray, resolutions: Sequence[float], seed: int, iteration_count: int = -1
) -> list[np.ndarray]:
    """Returns a part of the documents cut at each resolution."""
    part = graph.induced_subgraph(rows.tolist())
    return [cut_layer(part, resolution, seed, None, iteration_count) for resolution in resolutions]


def lay_out_graphs(graphs: Graphs, seed: int) -> list[np.ndarray]:
    """Returns the places of a map made anew."""
    return lay_out(graphs.near, graphs.matrix, seed)


def _cut_words(graphs: Graphs, resolution: float, seed: int, count: int) -> list[np.ndarray]:
    return [cut_layer(graphs.words, resolution, seed, None, count)]


def cut_one(graphs: Graphs, resolution: float, seed: int, count: int) -> list[np.ndarray]:
    """Returns the documents cut at one resolution with one seed."""
    return [graphs.to_documents(cut_layer(graphs.vectors, resolution, seed, None, count))]


def _cut_sample(
    graphs: Graphs, rows: np.ndarray, resolutions: Sequence[float], seed: int, count: int
) -> list[np.ndarray]:
    return cut_sample(graphs.vectors, rows, resolutions, seed, count)
