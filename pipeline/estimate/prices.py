"""What every next step costs and saves: adjudicating an agreement, reading a document, having a person check one.

The price of a step is points of interval saved for each minute of reading, for one share or for all headline shares
together (the mean of their intervals' widths). A step that rules or reads narrows the interval as read; a person's
check narrows the second interval, as people would code, and is priced by what gold of its size would leave of it.
"""

import math
from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd

from pipeline.estimate.as_people import THEIRS, name_states, take_stock
from pipeline.estimate.flips import is_surprising
from pipeline.estimate.intervals import normal_quantile
from pipeline.estimate.price_readings import price_readings
from pipeline.estimate.price_targets import ADJUDICATE, CHECK, HEADLINE, SECOND, TOGETHER, Target, make_row
from pipeline.estimate.reader_error import GOLD, PRIOR, STATES, Evidence, tally
from pipeline.estimate.survey import Survey
from pipeline.settings import Minutes

DECIMALS = 6  # of a price: beyond them sums differ between processors, and the order must not
SHOWN = 50  # single rulings listed for a target
GOLD_SIZES = (50, 125, 250, 500)
GUESSED_CHANGE = 0.1  # chance of a person's change where nothing measures it


def price_actions(
    survey: Survey,
    targets: Sequence[Target],
    evidence: Sequence[Evidence],
    source: np.ndarray,
    as_people: pd.DataFrame,
    minutes: Minutes,
) -> pd.DataFrame:
    """Returns the rows of the table `prices`: for each target, and for all together, the best action first.

    Args:
        survey: the read sample with its weights.
        targets: shares.
        evidence: of the readers' error.
        source: group of sources of each read document: text (n_read,).
        as_people: rows of that table.
        minutes: that a document takes.
    """
    together = [(HEADLINE, list(targets))] if len(targets) > 1 else []
    parts = []
    for name, group in [*together, *((target.name, [target]) for target in targets)]:
        rows = [
            *_rulings(survey, group),
            *price_readings(survey, group),
            *_checks(survey, group, evidence, source, as_people),
        ]
        if rows:
            parts.append(_rank(pd.DataFrame(rows).assign(target=name), minutes))
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()


def _rank(rows: pd.DataFrame, minutes: Minutes) -> pd.DataFrame:
    """Returns the rows in their order, with minutes; single rulings beyond the best few are left out."""
    each = {ADJUDICATE: minutes.adjudicate, TOGETHER: minutes.adjudicate, CHECK: minutes.check}
    spent = rows["action"].map(lambda action: each.get(action, minutes.read)) * rows["n_documents"]
    rows = rows.assign(minutes=spent, saved_per_minute=rows["points_saved"] / spent)
    rows["order"] = rows["saved_per_minute"].round(DECIMALS)
    rows = rows.sort_values(["order", "action", "what"], ascending=[False, True, True], ignore_index=True)
    is_single = rows["action"] == ADJUDICATE
    is_shown = ~is_single | ((is_single.cumsum() <= SHOWN) & (rows["order"] > 0))
    rows = rows[is_shown].reset_index(drop=True)
    return rows.drop(columns="order").assign(rank=np.arange(1, len(rows) + 1))


def _rulings(survey: Survey, targets: Sequence[Target]) -> Iterator[dict[str, object]]:
    """Yields the price of ruling on each open document, on all surprising ones, and on all."""
    is_open, is_odd = ~survey.weights.codes.is_settled, _find_surprising(survey)
    ids = survey.weights.units.index.to_numpy()
    saved = np.zeros(len(ids))
    for target in targets:
        np.add.at(saved, target.influence.rows, target.influence.settle_one())
    touched = np.unique(np.concatenate([target.influence.rows for target in targets]))
    for place in touched[is_open[touched]]:
        yield make_row(targets, ADJUDICATE, str(ids[place]), 1, float(saved[place]))
    for what, chosen in (("surprising agreements", is_open & is_odd), ("every open document", is_open)):
        count = int(chosen[touched].sum())
        if count:
            gain = math.fsum(target.influence.settle_all(chosen[target.influence.rows]) for target in targets)
            yield make_row(targets, TOGETHER, what, count, gain)


def _find_surprising(survey: Survey) -> np.ndarray:
    """Returns whose readers' leaf the classifier gives a low chance: bool (n_read,)."""
    predictions = survey.population.predictions
    if predictions is None:
        return np.zeros(len(survey.sample.units), dtype=bool)
    leaf = pd.Index(predictions.leaves).get_indexer(pd.Index(survey.sample.readers[0]["leaf"]))
    chance = predictions.leaf_probability[survey.population.units]
    return is_surprising(chance[np.arange(len(leaf)), leaf])


def _checks(
    survey: Survey, targets: Sequence[Target], evidence: Sequence[Evidence], source: np.ndarray, as_people: pd.DataFrame
) -> Iterator[dict[str, object]]:
    """Yields what gold of some sizes would leave of the second interval, at the error that is measured so far."""
    widths = [(target, _second_width(target, as_people)) for target in targets]
    known = [(target, width) for target, width in widths if width is not None]
    for size in GOLD_SIZES if known else ():
        saved = [max(now - expect_second_width(survey, t, evidence, source, size), 0.0) for t, now in known]
        row = make_row(targets, CHECK, f"gold of {size}", size, math.fsum(saved))
        yield {**row, "interval": SECOND, "points_now": 100 * float(np.mean([now for _, now in known]))}


def _second_width(target: Target, as_people: pd.DataFrame) -> float | None:
    """Returns the width of a target's second interval now, by gold where there is some; None without one."""
    if as_people.empty:
        return None
    place = [target.domain.frame, target.domain.year, target.definition.id, target.denominator]
    keys = ["frame", "year", "definition", "denominator"]
    rows = as_people[(as_people[keys] == place).all(axis=1) & (as_people["scope"] == THEIRS)]
    if rows.empty:
        return None
    best = rows.sort_values("basis", key=lambda names: names != GOLD).iloc[0]
    return float(best["high"] - best["low"])


def expect_second_width(
    survey: Survey, target: Target, evidence: Sequence[Evidence], source: np.ndarray, size: int
) -> float:
    """Returns the expected width of a share's second interval after people have checked so many random documents.

    Gold is shared out as the read documents are over sources and states; rates are those measured so far.
    """
    inside = survey.inside(survey.codebook.denominators[target.denominator])
    states = name_states(survey.definitions([target.definition])[0], inside)
    stock = take_stock(survey, target.domain, source).unread_by_people
    whole = np.sum([states @ totals[0] for totals in stock.values()], axis=0)
    base = max(float(whole[:2].sum()), 1e-12)
    share = float(whole[0]) / base
    chance = survey.weights.codes.chance @ states.T  # (n_read, 3)
    variance = target.influence.variance
    for group, totals in stock.items():
        mass = states @ totals[0]
        here = chance[source == group].sum(axis=0)
        n = size * here / max(len(source), 1)
        for state in range(len(STATES)):
            rates = _guess_rates(survey, target, evidence, group)[state]
            slopes = np.array([mass[state] / base, -share * mass[state] / base])
            yes, no = n[state] * rates + PRIOR, n[state] * (1 - rates) + PRIOR
            spread = yes * no / ((yes + no) ** 2 * (yes + no + 1))
            variance += float(slopes**2 @ spread)
    return float(2 * normal_quantile(survey.level) * np.sqrt(variance))


def _guess_rates(survey: Survey, target: Target, evidence: Sequence[Evidence], group: str) -> np.ndarray:
    """Returns the chance of yes by state and question: as measured, drawn to the guess; float (3, 2)."""
    guess = np.full((3, 2), GUESSED_CHANGE)
    guess[0, :] = guess[1, 1] = 1 - GUESSED_CHANGE
    for each in evidence:
        verdict = each.judge(target.definition, survey.codebook.denominators[target.denominator], survey.codebook)
        if verdict is not None:
            seen = tally(verdict, each.source == group)
            guess = (seen.yes + guess) / (seen.n + 1)
    return guess
