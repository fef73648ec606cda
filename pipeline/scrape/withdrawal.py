"""Withdrawal: whether a paper's comment or abstract says that it was taken back, in whatever words.

A sentence says so if it is about this paper and not about a venue or another version: "withdrawn from a conference and
resubmitted elsewhere" and "replaces a withdrawn submission" are no withdrawals.
"""

import re

_THING = (
    r"(?:(?:this|the|our|my|present)\s+)?(?:entire\s+)?(?:arxiv\s+)?(?:paper|article|submission|manuscript|work|pre-?print|e-?print"
    r"|report|draft|document|letter|note|study|version|contribution|thesis|chapter)"
)
_TAKEN = r"(?:withdrawn|retracted|removed|taken\s+down)"
_HOW = (
    r"(?:\s+(?:been|being|now|hereby|temporarily|permanently|voluntarily|already|just|since|therefore|thus|also"
    r"|superseded\s+and))*"
)
_BY = (
    r"(?:\s+(?:by|at\s+the\s+request\s+of)\s+(?:the\s+|its\s+|all\s+|both\s+|us|me|arxiv|author|first|corresponding|submitter)"
    r"|\s+(?:due|because|owing|for|as|since|pending|until|in\s+order|on\s+account|temporarily|permanently|from\s+arxiv"
    r"|from\s+(?:the\s+)?(?:repository|archive)|on\s+(?:\d|[a-z]{3,9}\.?\s+\d)[^.;]*)\b|\s*$|\s*[.,;:!()\u2013\u2014-])"
)
_PASSIVE = re.compile(rf"\b{_THING}\s*(?:(?:has|have|had|is|was|are|were|will\s+be)\b)?{_HOW}\s+{_TAKEN}{_BY}", re.I)
_ACTIVE = re.compile(
    r"\b(?:we|i|authors?|submitter|arxiv(?:\s+admin\w*)?)\s+(?:(?:have|has|had|are|am|is|will|would\s+like\s+to|wish\s+to|want\s+to|need"
    rf"\s+to|must|decided\s+to|chose\s+to|agreed\s+to|hereby|now|temporarily|voluntarily)\s+)*"
    rf"(?:withdraw|withdraws|withdrew|withdrawn|withdrawing|retract|retracts|retracted|retracting)\s+{_THING}\b",
    re.I,
)
_BARE = re.compile(rf"^\W*(?:(?:has|have|is|was)\s+)?(?:been\s+)?(?:temporarily\s+|permanently\s+)?{_TAKEN}{_BY}", re.I)
_NOUN = re.compile(
    rf"^\W*(?:withdrawal|retraction)(?:\s+of\s+{_THING})?\W|^\W*(?:withdraw|withdrawal|retraction)\W*$", re.I
)
_NOT_THIS = re.compile(
    r"\bnot\s+(?:been\s+)?(?:withdrawn|retracted)|\b(?:earlier|previous|prior|old|older|former|first|another|other|withdrawn)\s+(?:\w+\s+)?"
    r"(?:version|submission|paper|draft|manuscript|preprint|article)s?\b[^.]*\b(?:withdrawn|retracted)"
    r"|\b(?:withdrawn|retracted)\s+(?:paper|submission|manuscript|article|version|preprint)s?\b"
    r"|\b(?:withdrawn|withdrew|withdraw|retracted)\b[^.;]*\bfrom\s+(?!arxiv|(?:the\s+)?(?:repository|archive|publication))"
    r"|\b(?:workshop|conference|journal|camera-ready|extended|short|long|published)\s+(?:version|submission|paper)s?\b[^.;]*\b(?:withdrawn|retracted)"
    r"|\bresubmitted\b|\bre-submitted\b|\bv\d+\s+(?:is|was|has\s+been)\s+withdrawn",
    re.I,
)
_SENTENCE = re.compile(r"(?<=[.;!?])\s+|\n+")
_ADMIN = re.compile(r"^\W*(?:arxiv\s+admin(?:istrator)?s?\s+note\s*:|note\s*:|comments?\s*:|\[[^\]]*\]\s*)", re.I)
_REMOVAL = re.compile(r"\bremoved\b", re.I)
_ADMIN_REMOVED = re.compile(
    rf"\b{_THING}\s+(?:has|have|is|was)\s+(?:been\s+)?removed\s+(?:by|from)\s+(?:the\s+)?arxiv", re.I
)


def is_withdrawn(comment: str, abstract: str) -> bool:
    """Says whether comment or abstract state that the paper was taken back.

    An abstract says so in its first sentence, which then stands for it; a comment in any.
    """
    sentences = [part for part in _SENTENCE.split(comment.strip()) if part.strip()]
    first = _SENTENCE.split(abstract.strip(), maxsplit=1)[0][:400]
    return any(_says_so(sentence, is_comment=True) for sentence in sentences) or _says_so(first, is_comment=False)


def _says_so(sentence: str, *, is_comment: bool) -> bool:
    text = _ADMIN.sub("", " ".join(sentence.split()))
    if _NOT_THIS.search(text):
        return False
    if _ADMIN_REMOVED.search(text):
        return True
    if _REMOVAL.search(text):  # "removed" says less than "withdrawn": figures and sections are removed too
        return False
    if not is_comment:
        return bool(
            _PASSIVE.match(text) or _ACTIVE.match(text.removeprefix("The ").removeprefix("the ")) or _BARE.match(text)
        )
    return bool(_PASSIVE.search(text) or _ACTIVE.search(text) or _BARE.match(text) or _NOUN.match(text))
