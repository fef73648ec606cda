"""The table `mixtures`: what each mixture that is read to its end says of its frames."""

import logging
from collections.abc import Iterator

import numpy as np
import pandas as pd

from pipeline.coding.codebook import Codebook
from pipeline.coding.definitions import match_definition, match_denominator
from pipeline.coding.facts import fill_slots
from pipeline.coding.mixtures import Mixture
from pipeline.coding.precedence import settle_by_precedence
from pipeline.coding.queries import Definition, Denominator
from pipeline.coding.sample import Sample
from pipeline.estimate.mixture import estimate_mixture
from pipeline.schemas import MIXTURES

log = logging.getLogger(__name__)
METHOD = "Hajek's ratio over draws with replacement, Wilson on effective n"
DOCUMENTS = "documents"


def tabulate_mixtures(sample: Sample, codebook: Codebook, documents: pd.DataFrame, level: float) -> pd.DataFrame:
    """Returns the rows of the table `mixtures`.

    A code is a person's, else the adjudicator's, else the mean over the readers. Documents that are gone leave their
    frame; of a mixture with documents that nobody has read, nothing is said, since those read are no random part.

    Args:
        sample: with the mixtures and every coder's codes.
        codebook: definitions and denominators.
        documents: columns doc_id, karma, word_count.
        level: of the intervals.
    """
    facts = documents.set_index("doc_id")
    sizes = sample.coverage[sample.coverage["window"] == ""].set_index("frame")["n_members"]
    rows = [row for mixture in sample.mixtures for row in _tabulate(mixture, sample, codebook, facts, sizes, level)]
    return pd.DataFrame(rows, columns=[column.name for column in MIXTURES.columns])


def _tabulate(
    mixture: Mixture, sample: Sample, codebook: Codebook, facts: pd.DataFrame, sizes: pd.Series, level: float
) -> Iterator[dict[str, object]]:
    here = frozenset().union(*mixture.here.values()) & frozenset(facts.index)
    draws = mixture.draws[mixture.draws["doc_id"].isin(here)]
    read = {doc_id for sheet in sample.coded for doc_id in sheet.codes.index}
    unread = set(draws["doc_id"]) - read
    if unread or draws.empty:
        log.warning("round %s: %d of its documents are not read yet; it says nothing so far", mixture.name, len(unread))
        return
    codes = _Codes(sample, sorted(set(draws["doc_id"])))
    for frame, facts_of in mixture.frames.iterrows():
        mine = draws[draws["doc_id"].isin(mixture.here[str(frame)])]
        ids, chance = mine["doc_id"], mine["draw_probability"].to_numpy(dtype=float)
        for weight in (DOCUMENTS, str(facts_of["weight"])):
            size = None if weight == DOCUMENTS else facts[weight].reindex(ids).fillna(0).clip(lower=0).to_numpy(float)
            for name, denominator in codebook.denominators.items():
                for definition in codebook.definitions:
                    counted, inside = codes.chances(definition, denominator, ids)
                    counts_for = inside if size is None else inside * size
                    if len(mine) < 2 or not counts_for.any():
                        continue
                    found = estimate_mixture(counted, inside, chance, size, level)
                    yield {
                        "round": mixture.name,
                        "frame": frame,
                        "weight": weight,
                        "denominator": name,
                        "definition": definition.id,
                        "share": found.share,
                        "low": found.low,
                        "high": found.high,
                        "level": level,
                        "standard_error": found.standard_error,
                        "n_population": int(facts_of["n_population"]),
                        "n_members": int(sizes.get(frame, facts_of["n_population"])),
                        "n_draws": found.n_draws,
                        "n_read": int(ids.nunique()),
                        "method": METHOD,
                        "n_person": int(codes.n_person.reindex(ids.unique()).gt(0).sum()),
                    }


class _Codes:
    """What documents are coded as: one code where it is settled, else each reader's."""

    def __init__(self, sample: Sample, doc_ids: list[str]) -> None:
        settled = settle_by_precedence(sample.coded, doc_ids)
        self.n_person = settled["n_person"]
        is_final = (settled["coder_kind"] == "person") | (settled["coder_role"] == "adjudicator")
        self.settled = settled[is_final]
        models = [sheet for sheet in sample.coded if sheet.kind == "language model" and sheet.role == "reader"]
        others = [sheet for sheet in sample.coded if sheet not in models]
        self.slots = fill_slots(doc_ids, models, others)[0]

    def chances(
        self, definition: Definition, denominator: Denominator, doc_ids: pd.Series
    ) -> tuple[np.ndarray, np.ndarray]:
        """Returns, of each draw, the chance that it counts within the denominator, and that it is in it."""
        found = []
        for codes in (*self.slots, self.settled):
            inside = match_denominator(denominator, codes)
            found.append(pd.DataFrame({"y": match_definition(definition, codes) & inside, "d": inside}, codes.index))
        readers = np.mean([part.to_numpy(dtype=float) for part in found[:-1]], axis=0)
        chance = pd.DataFrame(readers, found[0].index, ["y", "d"])
        chance.loc[self.settled.index] = found[-1].astype(float)
        rows = chance.loc[doc_ids]
        return rows["y"].to_numpy(), rows["d"].to_numpy()
