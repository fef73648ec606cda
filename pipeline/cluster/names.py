"""Cluster names: the terms that set each cluster apart (class-based TF-IDF), told from parents and siblings."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from pipeline.text.word_counts import WordCounts

# What is left of web pages where the markup was not cleaned away; it must not name a cluster.
MARKUP_WORDS = frozenset(
    """nbsp td tr th tbody thead table div span strong em href src img px css html amp gt lt quot rel noopener
    nofollow alt width height border style li ul ol br hr gdoc pdf doc docs url utm png jpg jpeg svg mathjax mjx
    hsl rgb rgba background-color vertical-align text-align font-size margin padding solid vertical background
    """.split()
)
# Words of a kind of page (podcast, numbered part, newsletter) and of every field alike: they tell no agenda.
GENERIC_WORDS = frozenset(
    """ai podcast audio episode transcript sequence part chapter section footnote edit update summary tl dr research
    researchers system systems model models problem question questions task tasks human humans data large based approach
    world important idea ideas different general able good better make making want need first second third fourth
    report reports year years team work working domain domains performance evaluation framework
    axrp filan daniel youtube link blogspot tsvibt et al talk book apply hard revised welcome hiring
    """.split()
)
# What a series says of itself in every part (podcasts, newsletters, programmes): form, not subject.
FORM_WORDS = frozenset(
    """axrp axe-urp urp filan daniel podcast podcasts episode episodes transcript transcripts yeah listener listeners
    newsletter newsletters roundup linkpost crossposted cross-posted subscribe patreon youtube spotify changelog
    seri mats mentorship scholars cohort hubinger stanford tsvibt metadata exposition epistemic blogspot
    """.split()
)
FORM_PHRASES = frozenset(("alignment theory", "theory program", "ml alignment", "stream program"))
PHRASE_SHARE = 0.35  # a word that occurs in one phrase this often is named by the phrase
SPREAD_POWER = 0.5  # how much a term must be spread over the cluster's documents
PARTS = 1e12  # a document's terms are so many parts: whole numbers, whose sums hang on no order
RANKED_COUNT = 500  # terms of a cluster that are kept: a name takes its first few that say different things


def drop_form(words: WordCounts) -> WordCounts:
    """Returns the term counts without terms that a series says of itself, or that markup left behind."""
    is_dropped = np.array(
        [is_form(term) for term in words.vocabulary],
        dtype=bool,
    )
    is_kept = ~is_dropped[words.columns]
    return WordCounts(words.rows[is_kept], words.columns[is_kept], words.counts[is_kept], words.vocabulary)


def is_form(term: str) -> bool:
    """Whether a term is what a series says of itself, or left of the markup."""
    return term in FORM_PHRASES or any(word in FORM_WORDS or word in MARKUP_WORDS for word in term.split())


@dataclass(frozen=True)
class TermWeights:
    """What clusters are named from: the terms of each document that tell a subject, and their part of it.

    Attributes:
        rows: the document, int32 (n,).
        columns: the term, int32 (n,), a place in `vocabulary`.
        parts: how many of the `PARTS` of its document it takes, whole numbers, float64 (n,).
        vocabulary: every term, sorted.
        words: places of the words of each phrase that are terms themselves, int64 (n_terms, most_words); -1 for none.
    """

    rows: np.ndarray
    columns: np.ndarray
    parts: np.ndarray
    vocabulary: list[str]
    words: np.ndarray


def weigh_terms(words: WordCounts) -> TermWeights:
    """Scales each document's counts to one, so that long documents do not speak for their cluster."""
    is_telling = ~np.array([_is_residue(term) for term in words.vocabulary], dtype=bool)[words.columns]
    rows, columns, counts = words.rows[is_telling], words.columns[is_telling], words.counts[is_telling].astype(np.int64)
    totals = np.bincount(rows, counts, int(rows.max(initial=-1)) + 1)
    parts = np.rint(counts / totals[rows] * PARTS)
    place_of = {term: place for place, term in enumerate(words.vocabulary)}
    phrases = {place: term.split() for term, place in place_of.items() if " " in term}
    inside = np.full((len(place_of), max(map(len, phrases.values()), default=1)), -1)
    for place, split in phrases.items():
        inside[place, : len(split)] = [place_of.get(word, -1) for word in split]
    return TermWeights(rows, columns, parts, words.vocabulary, inside)


def rank_terms(weights: TermWeights, cluster_ids: pd.Series) -> dict[str, list[str]]:
    """Returns the terms of every cluster, most telling first, as many as a name may need.

    A term's score in a cluster is its frequency there times log(1 + A / f), where f is its frequency over all
    clusters and A the mean number of terms a cluster holds (Grootendorst 2022, arXiv:2203.05794, equation 1),
    times the log of how many times more frequent it is there than overall, so that words all clusters share fall
    back, times the root of the share of documents with it.

    Args:
        weights: of the terms of the documents.
        cluster_ids: cluster_id of each document, in their order.
    """
    clusters = pd.Categorical(cluster_ids)
    codes, width = clusters.codes[weights.rows], len(weights.vocabulary)
    order = np.argsort(codes, kind="stable")
    edges = np.cumsum([0, *np.bincount(codes, minlength=len(clusters.categories))])
    totals = np.bincount(codes, weights.parts, len(clusters.categories)) / PARTS  # added up one by one, as everywhere
    overall = np.bincount(weights.columns, weights.parts, width) / PARTS
    whole, sizes = math.fsum(totals.tolist()), np.bincount(clusters.codes, minlength=1)
    ranked = {}
    for number, name in enumerate(clusters.categories):
        inside = order[edges[number] : edges[number + 1]]
        columns, parts = weights.columns[inside], weights.parts[inside]
        frequency = np.bincount(columns, parts, width) / PARTS
        terms = np.flatnonzero(frequency)
        lift = (frequency[terms] / totals[number]) / (overall[terms] / whole)
        terms, lift = terms[lift > 1], lift[lift > 1]
        spread = np.bincount(columns, minlength=width)[terms] / sizes[number]
        # math.log rather than numpy's: numpy picks another routine on another processor
        telling = np.array(list(map(math.log1p, (whole / len(clusters.categories) / overall[terms]).tolist())))
        telling *= list(map(math.log, lift.tolist()))
        score = np.round(frequency[terms] * telling * spread**SPREAD_POWER, 9)
        best = terms[np.lexsort((terms, -score))[: np.count_nonzero(score > 0)]]
        ranked[str(name)] = [weights.vocabulary[place] for place in _prefer_phrases(best, frequency, weights.words)]
    return ranked


def name_clusters(
    ranked: Mapping[str, Sequence[str]],
    term_count: int,
    parent_of: Mapping[str, str],
    parent_names: Mapping[str, str],
    kept: Mapping[str, str],
) -> dict[str, str]:
    """Returns a name for every cluster, made of its `term_count` most telling terms.

    Terms in the parent's name are passed over, as is the first term of a sibling already named; a term inside
    another is passed over; two clusters never share a name.

    Args:
        ranked: from `rank_terms`.
        term_count: terms in a name.
        parent_of: the cluster one layer up, by cluster_id; empty at the top.
        parent_names: names of that layer.
        kept: names that must not change, because the cluster had them before.
    """
    names = dict(kept)
    for cluster_id, terms in ranked.items():
        if cluster_id in names:
            continue
        parent = parent_of.get(cluster_id, "")
        siblings = [names[other] for other in names if parent_of.get(other, "") == parent]
        avoid = set(parent_names.get(parent, "").split(" · ")) | {name.split(" · ")[0] for name in siblings}
        names[cluster_id] = _first_free(terms, term_count, avoid, set(names.values()), cluster_id)
    return {cluster_id: names[cluster_id] for cluster_id in ranked}


def _first_free(terms: Sequence[str], term_count: int, avoid: set[str], taken: set[str], cluster_id: str) -> str:
    for wanted in range(term_count, term_count + 4):
        name = " · ".join(choose_terms(terms, wanted, avoid)) or "(no terms)"
        if name not in taken:
            return name
    return f"{name} ({cluster_id})"


def choose_terms(ranked: Sequence[str], wanted: int, avoid: set[str]) -> list[str]:
    """Returns the first terms of which none says again what another one, or one to avoid, says."""
    chosen: list[str] = []
    for term in ranked:
        if len(chosen) == wanted:
            break
        words = _stems(term)
        if term not in avoid and all(not (words & _stems(other)) for other in chosen):
            chosen.append(term)
    return chosen


def _stems(term: str) -> set[str]:
    return {word.rstrip("s").removesuffix("ing").removesuffix("ed")[:7] for word in term.replace("-", " ").split()}


def _is_residue(term: str) -> bool:
    words = term.split()
    return any(word in MARKUP_WORDS for word in words) or all(word in GENERIC_WORDS for word in words)


def _prefer_phrases(terms: np.ndarray, frequency: np.ndarray, words: np.ndarray) -> list[int]:
    """Returns the first terms of a cluster, a phrase in the place of a word that mostly occurs inside it.

    Args:
        terms: places in the vocabulary, in the order of rank.
        frequency: of every term in the cluster, float64 (n_terms,).
        words: the words of phrases, as in `TermWeights`.
    """
    is_asked = np.zeros(len(frequency) + 1, dtype=bool)  # the last is that of no word, -1
    is_asked[terms[:RANKED_COUNT]] = True
    best = dict[int, int]()
    phrases = terms[is_asked[words[terms]].any(axis=1)]
    for phrase, inside in zip(phrases.tolist(), words[phrases].tolist(), strict=True):
        for word in inside:
            if not is_asked[word]:
                continue
            is_mostly = frequency[phrase] / frequency[word] >= PHRASE_SHARE
            if is_mostly and frequency[phrase] > (frequency[best[word]] if word in best else 0.0):
                best[word] = phrase
    return list(dict.fromkeys(best.get(term, term) for term in terms[:RANKED_COUNT].tolist()))
