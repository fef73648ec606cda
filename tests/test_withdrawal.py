"""Withdrawals in the words that authors and administrators use, and texts that only sound like one."""

import pytest

from pipeline.corpus.records import WITHDRAWN, records_from_items
from pipeline.scrape.item import Item
from pipeline.scrape.withdrawal import is_withdrawn

YES = """Withdrawn
withdrawn.
(withdrawn)
Withdrawn by authors
Withdrawn due to an error in the proof
Withdrawn for revision
Paper withdrawn: a mistake in Section 2
Submission withdrawn because of an error in Theorem 2
Article withdrawn at the request of the first author
This work has been withdrawn
This paper was withdrawn
This article is withdrawn
The paper is being withdrawn because of an error
The manuscript has been temporarily withdrawn
This preprint has been withdrawn by the authors
This manuscript was withdrawn by its authors
This submission has been withdrawn by arXiv administrators
arXiv admin note: This submission has been withdrawn by arXiv administrators due to disputed authorship
arXiv admin note: this article has been removed by arXiv administrators because of copyright
12 pages; this paper has been withdrawn by the authors
10 pages, 2 figures. Withdrawn due to a mistake
The authors have withdrawn this paper
The author has withdrawn the paper
We withdraw this paper because of an error
We would like to withdraw this submission
We have decided to withdraw this article
I am withdrawing this manuscript
This paper has been superseded and withdrawn
This work was withdrawn on 3 May 2026
Article has been taken down by the authors
[v2] withdrawn
WITHDRAWN: duplicate of arXiv:2501.00001
Retraction notice: the data are wrong
Please note this paper has been withdrawn
Author withdrew paper
Withdrawn (plagiarism)
Retracted by the authors
The paper has been retracted due to errors""".splitlines()
NO = """12 pages, 3 figures
This paper was withdrawn from a conference and resubmitted to another
Withdrawn from ICLR 2025
The paper was withdrawn from consideration at ACL
An earlier version of this paper was withdrawn
This paper supersedes our withdrawn submission
v2 is withdrawn, see v3
Accepted; previous submission withdrawn
We withdraw the claim of Section 3
This paper has not been withdrawn
Removed Figure 3
Accepted at ICLR; the workshop version was withdrawn
Previously withdrawn; this is the corrected version
Submitted to TMLR after withdrawal from NeurIPS
An approach to withdraw outliers
This version removed an error
A study of withdrawn drugs""".splitlines()


@pytest.mark.parametrize("comment", YES)
def test_a_withdrawal_is_recognised(comment):
    assert is_withdrawn(comment, "An abstract.")
    assert is_withdrawn("", f"{comment}. An abstract.") or not comment.startswith("This")


@pytest.mark.parametrize("comment", NO)
def test_what_only_sounds_like_a_withdrawal_is_none(comment):
    assert not is_withdrawn(comment, "An abstract.")


def test_an_abstract_about_withdrawals_is_none():
    for abstract in (
        "We study deposits that are withdrawn by users.",
        "When funds are withdrawn due to panic, banks fail.",
    ):
        assert not is_withdrawn("", abstract)


def test_a_withdrawn_paper_is_a_reject_with_its_reason():
    papers = [Item(str(n), f"arxiv:2601.0000{n}", "arxiv", "f", "T", "x", is_withdrawn=n == 1) for n in range(2)]
    records, rejects = records_from_items("arxiv", papers)
    assert records["doc_id"].tolist() == ["arxiv:2601.00000"]
    assert [(row["reason"], row["excerpt"]) for row in rejects] == [(WITHDRAWN, "arxiv:2601.00001")]


def test_a_date_that_cannot_be_read_is_a_reject_that_shows_it():
    papers = [
        Item(str(n), f"arxiv:2601.0000{n}", "arxiv", "f", "T", "x", published_date=("soon", "")[n]) for n in (0, 1)
    ]
    records, rejects = records_from_items("arxiv", papers)
    assert records["doc_id"].tolist() == ["arxiv:2601.00001"]
    assert [(row["reason"], row["excerpt"]) for row in rejects] == [
        ("its date cannot be read", "arxiv:2601.00000 soon")
    ]
