"""The shares whose intervals a step may narrow, and one row for a step."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pipeline.coding.queries import Definition
from pipeline.estimate.domains import Domain
from pipeline.estimate.influence import Influence, trace
from pipeline.estimate.survey import DOCUMENTS, Found, Survey

HEADLINE = "every headline share"
FIRST, SECOND = "as read", "as people would"
ADJUDICATE, TOGETHER, READ, AT_RANDOM, BY_BANDS, CHECK = (
    "adjudicate",
    "adjudicate together",
    "read one",
    "read more, at random",
    "read more, by bands",
    "have people check",
)


@dataclass(frozen=True)
class Target:
    """One share that an interval is to be narrowed of.

    Attributes:
        domain: its frame and year.
        definition, denominator: what counts, of what.
        influence: of each read document.
    """

    domain: Domain
    definition: Definition
    denominator: str
    influence: Influence

    @property
    def name(self) -> str:
        """As `make plan` takes it: FRAME/YEAR DEFINITION."""
        place = f"{self.domain.frame}/{self.domain.year}" if self.domain.year else self.domain.frame
        return f"{place} {self.definition.id}"


def find_targets(
    survey: Survey, found: Found, denominator: str, wanted: Sequence[tuple[str, str, str]]
) -> list[Target]:
    """Returns the wanted shares, by frame, year and definition, with the influence of every document."""
    targets = []
    names = [definition.id for definition in survey.codebook.definitions]
    inside = survey.inside(survey.codebook.denominators[denominator])
    for domain in survey.domains:
        for definition in survey.codebook.definitions:
            if (domain.frame, domain.year, definition.id) not in wanted:
                continue
            shares, number = found.get((domain.frame, domain.year, DOCUMENTS, denominator)), names.index(definition.id)
            if shares is None or not np.isfinite(shares.share[number]):
                continue
            counted = survey.definitions([definition])[0]
            influence = trace(survey.weights, domain, shares, number, counted, inside)
            targets.append(Target(domain, definition, denominator, influence))
    return targets


def list_headlines(survey: Survey, quotable: Sequence[str], definitions: Sequence[str]) -> list[tuple[str, str, str]]:
    """Returns the headline shares: each headline definition in each frame that may be quoted, all years."""
    frames = [domain.frame for domain in survey.domains if not domain.year and domain.frame in quotable]
    return [(frame, "", definition) for frame in frames for definition in definitions]


def make_row(targets: Sequence[Target], action: str, what: str, n_documents: int, saved: float) -> dict[str, object]:
    """Returns one action; `saved` is summed over the targets, as shares."""
    return {
        "action": action,
        "what": what,
        "interval": FIRST,
        "n_documents": n_documents,
        "points_now": 100 * float(np.mean([target.influence.width for target in targets])),
        "points_saved": 100 * saved / len(targets),
    }
