"""Writes the numbers that the estimator makes of the invented census: `python -m tests.invented_numbers`.

For changes that are meant to move estimates; look at what moved before you commit.
"""

import json

from pipeline.estimate.agendas import list_agendas
from pipeline.estimate.people import WEIGHTS
from pipeline.estimate.survey import estimate_batch
from tests.invented_survey import CODEBOOK, invent_survey
from tests.test_estimate_core import JOINED, NUMBERS, fingerprint, tabulate


def main() -> None:
    """Writes the file."""
    survey = invent_survey()
    agendas = [query for _, query in list_agendas(CODEBOOK, JOINED).values()]
    tables = tabulate(survey, estimate_batch(survey, [*CODEBOOK.definitions, *agendas], list(WEIGHTS)))
    numbers = {
        name: {key: round(value, 7) for key, value in fingerprint(rows).items()} for name, rows in tables.items()
    }
    NUMBERS.parent.mkdir(exist_ok=True)
    NUMBERS.write_text(json.dumps(numbers, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
