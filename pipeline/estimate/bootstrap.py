"""The rescaling bootstrap: replicates of what each read document stands for, for samples from finite populations.

A read document is known. What varies is what it says of the unread ones, d_i - 1 of them (d_i = 1 / pi_i). Each
replicate draws m of a stratum's n documents (or clusters of documents) with replacement and multiplies by

    1 - l_i + l_i (n / m) r_i,   l_i^2 = m / ((n - 1) (1 - pi_i)),

so that the variance over the replicates is that of the unread part under sampling without replacement, and none is
below 0 (Rao, Wu and Yue 1992; the part of the unread alone is the form of Beaumont and Patak 2012, section 3). With
unequal probabilities within a stratum 1 - pi_i is the usual approximation of one's own finite population (Berger 1998).
"""

import numpy as np

REPLICATE_COUNT = 200


def rescale(
    stratum: np.ndarray,
    probability: np.ndarray,
    rng: np.random.Generator,
    count: int = REPLICATE_COUNT,
    cluster: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Returns the factors of the unread part of each document, and those of what it says of adjudication.

    Both are float64 (count, n), have mean one, and none is negative. The second have the variance of a bootstrap
    without finite populations: what adjudication does is learnt for every document there might be.

    Args:
        stratum: int (n,), of each read document.
        probability: float (n,), inclusion probabilities.
        rng: of the replicates.
        count: of the replicates.
        cluster: int (n,), documents that are drawn together (of one author, say); None: each by itself.
    """
    factors, plain = np.ones((count, len(stratum))), np.ones((count, len(stratum)))
    for number in np.unique(stratum):
        rows = np.flatnonzero(stratum == number)
        own = np.arange(len(rows)) if cluster is None else np.unique(cluster[rows], return_inverse=True)[1].reshape(-1)
        n_drawn, unread = int(own.max()) + 1, 1 - probability[rows]
        if n_drawn < 2 or not (unread > 0).any():
            continue  # read in full, or a single document, whose variance only other strata can tell
        least = float(unread[unread > 0].min())
        size = max(int((n_drawn - 1) * least), 1)
        scale = np.sqrt(np.where(unread > 0, size / ((n_drawn - 1) * np.where(unread > 0, unread, 1.0)), 0.0))
        times = rng.multinomial(size, np.full(n_drawn, 1 / n_drawn), size=count)[:, own]
        around = (n_drawn / size) * times - 1
        factors[:, rows] = np.maximum(1 + scale * around, 0.0)
        plain[:, rows] = 1 + np.sqrt(size / (n_drawn - 1)) * around
    return factors, plain
