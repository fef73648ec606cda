"""The second interval: each share as people would code, beside the share as read and never instead of it.

What the read documents of a state stand for (`pipeline.estimate.weights`) is put where people would put it, at the
rates of `pipeline.estimate.reader_error`. Sampling varies with the replicates, and the rates with what so few labels
leave open; the interval is that of both together. Documents that a person has read stay where the person put them.
"""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from pipeline.coding.codebook import ASSUMED
from pipeline.estimate.domains import Domain
from pipeline.estimate.reader_error import (
    COUNTS,
    ONLY_INSIDE,
    OUTSIDE,
    Evidence,
    Tally,
    Verdict,
    name_basis,
    tally,
)
from pipeline.estimate.survey import DOCUMENTS, Found, Survey

DRAWS = 20  # of the rates, for each replicate
THEIRS, AS_READ = "theirs", "as read"
FINE = 1e-12
MOST = 0.5  # of a domain's read documents


@dataclass(frozen=True)
class Stock:
    """What the read documents of a domain stand for, by group of sources, person-read ones apart.

    Attributes:
        unread_by_people: by source, float (1 + n_replicates, n_records).
        by_people: float (1 + n_replicates, n_records).
    """

    unread_by_people: Mapping[str, np.ndarray]
    by_people: np.ndarray


def tabulate_as_people(
    survey: Survey, found: Found, evidence: Sequence[Evidence], source: np.ndarray, seed: int
) -> pd.DataFrame:
    """Returns the rows of the table `as_people`.

    Args:
        survey: the read sample with its weights.
        found: shares as read, the codebook's definitions first.
        evidence: on every basis there is.
        source: group of sources of each read document: text (n_read,).
        seed: of the draws.
    """
    stocks = [(domain, take_stock(survey, domain, source)) for domain in survey.domains]
    followed = {(domain.frame, domain.year): _follow_leaf(survey, domain) for domain in survey.domains}
    draws = _Draws(seed, DRAWS * len(survey.weights.replicates))
    rows: list[dict[str, object]] = []
    numbered = list(enumerate(survey.codebook.definitions))
    for each, name, (number, definition) in itertools.product(evidence, survey.codebook.denominators, numbered):
        verdict = each.judge(definition, survey.codebook.denominators[name], survey.codebook)
        if verdict is None:
            continue
        inside = survey.inside(survey.codebook.denominators[name])
        states = name_states(survey.definitions([definition])[0], inside)
        basis = name_basis(each, verdict)
        place = {"definition": definition.id, "denominator": name, "basis": basis, "level": survey.level}
        for scope in (THEIRS, AS_READ) if (states[OUTSIDE] > 0).any() else (THEIRS,):
            tallies = _count_by_source(each, verdict, scope)
            rates = {key: draws.of(counted, scope) for key, counted in tallies.items()}
            for domain, stock in stocks:
                if scope == THEIRS and not set(verdict.as_read) <= followed[domain.frame, domain.year]:
                    continue  # no label tells what was put outside by what it is for
                as_read = found.get((domain.frame, domain.year, DOCUMENTS, name))
                if as_read is not None and np.isfinite(as_read.share[number]):
                    read = {f"{key}_as_read": float(getattr(as_read, key)[number]) for key in ("share", "low", "high")}
                    n_decided = sum(
                        int(tallies[key].n_decided[:, 0].sum()) for key in stock.unread_by_people if key in tallies
                    )
                    spread = _spread(stock, states, rates, survey.level)
                    rows.append(
                        {
                            **place,
                            "frame": domain.frame,
                            "year": domain.year,
                            "scope": scope,
                            **read,
                            **spread,
                            "n_decided": n_decided,
                        }
                    )
    return pd.DataFrame(rows)


def _follow_leaf(survey: Survey, domain: Domain) -> set[str]:
    """Returns the axes that follow from the leaf in most read documents of a domain, so that a label tells them too."""
    reader = survey.sample.readers[0]
    if ASSUMED not in reader or not (reader[ASSUMED].to_numpy()[domain.rows] != "").mean() > MOST:
        return set()
    return set(survey.codebook.assumed)


def take_stock(survey: Survey, domain: Domain, source: np.ndarray) -> Stock:
    """Returns what the read documents of a domain stand for, by group of sources."""
    is_checked = (survey.sample.units["n_person"] > 0).to_numpy()
    weights = survey.weights
    groups = sorted(set(source[domain.rows & ~is_checked]))
    return Stock(
        {group: weights.totals(domain.rows & ~is_checked & (source == group)) for group in groups},
        weights.totals(domain.rows & is_checked),
    )


def name_states(counted: np.ndarray, inside: np.ndarray) -> np.ndarray:
    """Returns which records are in which of `STATES`: float (3, n_records)."""
    counts = counted & inside
    states = np.zeros((3, len(inside)))
    states[COUNTS], states[ONLY_INSIDE], states[OUTSIDE] = counts, inside & ~counts, ~inside
    return states


def _count_by_source(evidence: Evidence, verdict: Verdict, scope: str) -> dict[str, Tally]:
    """Returns the tally of each group of sources; with the scope as read, of what people leave in the denominator."""
    kept = np.ones(len(verdict.state), dtype=bool) if scope == THEIRS else verdict.inside != 0
    return {str(name): tally(verdict, kept & (evidence.source == name)) for name in sorted(set(evidence.source))}


@dataclass(frozen=True)
class _Draws:
    """Rates that answers leave possible: of the same answers the same draws, made once.

    Attributes:
        seed: of the draws. count: of the draws.
        known: float (2, 3, 1 + count) each, by asked question and state the rates as seen and those of each draw.
    """

    seed: int
    count: int
    known: dict[tuple[bytes, bytes, str], np.ndarray] = field(default_factory=dict)

    def of(self, counted: Tally, scope: str) -> np.ndarray:
        """Returns the rates as seen, and then those of each draw: float (2, 3, 1 + count)."""
        key = counted.n.tobytes(), counted.yes.tobytes(), scope
        if key not in self.known:
            drawn = counted.draw(np.random.default_rng(self.seed), self.count)
            rates = np.ascontiguousarray(np.concatenate([counted.rate[None], drawn]).T)
            self.known[key] = _keep_scope(rates) if scope == AS_READ else rates
        return self.known[key]


def _keep_scope(rates: np.ndarray) -> np.ndarray:
    """Returns rates under which nothing enters or leaves the denominator."""
    kept = rates.copy()
    kept[0, OUTSIDE] = 0.0
    kept[1] = np.array([1.0, 1.0, 0.0])[:, None]
    return kept


def _spread(stock: Stock, states: np.ndarray, rates: Mapping[str, np.ndarray], level: float) -> dict[str, float | None]:
    """Returns a share at the rates as seen, and its ends over replicates and rates together."""
    if not set(stock.unread_by_people) <= set(rates):
        return {"share": None, "low": 0.0, "high": 1.0}  # no label of a source: nothing is known
    checked = stock.by_people @ states.T  # (1 + n_replicates, 3)
    masses = {group: totals @ states.T for group, totals in stock.unread_by_people.items()}

    def put(replicates: slice, draws: slice) -> np.ndarray:
        counts, inside = checked[replicates, COUNTS, None], checked[replicates, :OUTSIDE].sum(axis=1)[:, None]
        for group, mass in masses.items():
            counts = counts + _add_up(mass[replicates], rates[group][0, :, draws])
            inside = inside + _add_up(mass[replicates], rates[group][1, :, draws])
        return np.clip(counts / np.maximum(inside, FINE), 0.0, 1.0)

    share, drawn = float(put(slice(1), slice(1))[0, 0]), put(slice(1, None), slice(1, None))
    tail = (1 - level) / 2
    low, high = np.quantile(drawn, (tail, 1 - tail))
    return {"share": share, "low": min(float(low), share), "high": max(float(high), share)}


def _add_up(mass: np.ndarray, rates: np.ndarray) -> np.ndarray:
    """Returns what states weigh times their rates, added up: float (n_replicates, n_draws).

    Args:
        mass: float (n_replicates, 3), by state.
        rates: float (3, n_replicates * n_draws), the draws of each replicate together.
    """
    by_replicate = rates.reshape(len(rates), len(mass), -1)
    counts, only_inside, outside = (
        mass[:, state, None] * by_replicate[state] for state in (COUNTS, ONLY_INSIDE, OUTSIDE)
    )
    return counts + only_inside + outside
