"""Every cut of a clustering, made at once: with other seeds, on random parts of the documents, and by words.

All of them look at two graphs that are made once, and none waits for another, so they share out over the processors.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import igraph
import numpy as np

from pipeline.cluster.forked import run_forked
from pipeline.cluster.inputs import Graphs
from pipeline.cluster.layers import CUT_COUNT, count_iterations, cut_layer
from pipeline.cluster.layout import lay_out
from pipeline.config import Config

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
    count = count_iterations(graphs.vectors.vcount())
    parts = draw_samples(graphs.vectors.vcount(), config.cluster.sample_count, config.seed)
    tasks: list[Callable[[], list[np.ndarray]]] = [
        list if is_placed else partial(lay_out, graphs.near, graphs.matrix, config.seed),
        *(partial(_cut_one, graphs.words, resolution, config.seed, count) for resolution in layers),
        *(partial(_cut_one, graphs.vectors, resolution, seed, count) for resolution, seed in seeds),
        *(
            partial(cut_sample, graphs.vectors, rows, layers, config.seed + 1 + n, count)
            for n, rows in enumerate(parts)
        ),
    ]
    found = run_forked(tasks)
    places, by_words = None if is_placed else found[0][0], found[1 : 1 + len(layers)]
    by_seed = found[1 + len(layers) : 1 + len(layers) + len(seeds)]
    by_sample = found[1 + len(layers) + len(seeds) :]
    cuts = {}
    for number, layer in enumerate(config.cluster.layers):
        own = by_seed[number * CUT_COUNT : (number + 1) * CUT_COUNT]
        samples = [(rows, cut[number]) for rows, cut in zip(parts, by_sample, strict=True)]
        cuts[layer.name] = LayerCuts(np.stack([cut for (cut,) in own]), samples, by_words[number][0])
    return cuts, places


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


def _cut_one(graph: igraph.Graph, resolution: float, seed: int, iteration_count: int) -> list[np.ndarray]:
    return [cut_layer(graph, resolution, seed, None, iteration_count)]
