"""What the classifier expects, as far as the estimator needs it: of each read document, and of each stratum's mean.

With this table anybody can compute any share again, the report's page included, without the classifier.
"""

import numpy as np
import pandas as pd

from pipeline.coding.sample import Sample
from pipeline.estimate.classify import Predictions
from pipeline.estimate.domains import Population


def tabulate_guesses(sample: Sample, population: Population) -> pd.DataFrame:
    """Returns the rows of the table `guesses`; none where there are no predictions."""
    if population.predictions is None:
        return pd.DataFrame(columns=["kind", "id", "query", "probability"])
    queries, values = _columns(population.predictions)
    means = [values[population.rows_in(sample, name)].mean(axis=0) for name in sample.strata.index]
    parts = [
        pd.DataFrame(table, index=names, columns=queries).rename_axis("id").reset_index().assign(kind=kind)
        for kind, names, table in (
            ("document", sample.units.index, values[population.units]),
            ("stratum", sample.strata.index, np.array(means)),
        )
    ]
    return pd.concat([part.melt(id_vars=["kind", "id"], var_name="query", value_name="probability") for part in parts])


def _columns(predictions: Predictions) -> tuple[list[str], np.ndarray]:
    """Returns the names of the queries and their probabilities: float64 (n_documents, n_queries)."""
    queries = [f"leaf {leaf}" for leaf in predictions.leaves]
    queries += [f"definition {definition} of {name}" for definition, name in predictions.counted]
    return queries, np.hstack([predictions.leaf_probability, *(c[:, None] for c in predictions.counted.values())])
