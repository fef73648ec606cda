"""The tables of what the classifier expects: of every document, and of the read ones by leaf."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import pandas as pd
import pyarrow as pa

from pipeline.coding.codebook import Codebook
from pipeline.estimate.agendas import JOIN
from pipeline.estimate.classify import DECIMALS, Predictions
from pipeline.estimate.domains import Population
from pipeline.schemas import PREDICTIONS


def tabulate_guesses(population: Population) -> pd.DataFrame:
    """Returns the rows of the table `guesses`; none where there are no predictions."""
    if population.predictions is None:
        return pd.DataFrame(columns=["kind", "id", "query", "probability"])
    columns = [f"leaf {leaf}" for leaf in population.predictions.leaves]
    ids = pd.Index(population.documents["doc_id"].to_numpy()[population.units], name="id")
    wide = pd.DataFrame(population.predictions.leaf_probability[population.units], index=ids, columns=columns)
    rows = wide.reset_index().melt(id_vars="id", var_name="query", value_name="probability")
    return rows.assign(kind="document")[["kind", "id", "query", "probability"]]


def tabulate_predictions(
    predictions: Predictions, codebook: Codebook, joined: Mapping[str, Sequence[str]]
) -> Iterator[pa.Table]:
    """Yields the rows of `predictions`, one query after another in the order of its key.

    They are millions: as one table of Python's strings they would take longer to sort and to check than to write.
    """
    ids, fold = pa.array(predictions.doc_ids, pa.string()), pa.array(predictions.fold, pa.int64())
    for query, chance in sorted(_list_chances(predictions, codebook, joined).items()):
        columns = {"doc_id": ids, "query": pa.repeat(query, len(ids)), "probability": chance.round(DECIMALS)}
        yield pa.table({**columns, "fold": fold}, PREDICTIONS.arrow_schema)


def _list_chances(
    predictions: Predictions, codebook: Codebook, joined: Mapping[str, Sequence[str]]
) -> dict[str, np.ndarray]:
    """Returns each document's chance of each group, leaf, agenda, definition and denominator: float (n,) by query."""
    queries: dict[str, np.ndarray] = {}
    for code in codebook.groups:
        queries[f"group {code}"] = predictions.of_leaves(np.array([group == code for group in predictions.groups]))
    for number, leaf in enumerate(predictions.leaves):
        queries[f"leaf {leaf}"] = predictions.leaf_probability[:, number]
    for codes in joined.values():
        queries[f"agenda {JOIN.join(codes)}"] = predictions.of_leaves(np.isin(predictions.leaves, list(codes)))
    for name, denominator in codebook.denominators.items():
        queries[f"denominator {name}"] = predictions.inside(name, denominator)
    widest = max(codebook.denominators, key=lambda name: len(codebook.denominators[name].groups))
    for definition in codebook.definitions:
        queries[f"definition {definition.id}"] = predictions.count(definition, widest, codebook.denominators[widest])
    return queries
