"""Every table that a stage writes, declared once: columns, types, keys, and what each column means."""

from collections.abc import Mapping
from dataclasses import dataclass

import pyarrow as pa

TEXT = pa.string()
TEXTS = pa.list_(pa.string())
INTEGER = pa.int32()
INTEGERS = pa.list_(pa.int32())
NUMBER = pa.float64()
NUMBERS = pa.list_(pa.float64())
FLAG = pa.bool_()


@dataclass(frozen=True)
class Column:
    """One column of a table. A late one came after the first release: files without it read as if it were empty."""

    name: str
    type: pa.DataType
    meaning: str
    is_nullable: bool = False
    is_late: bool = False


@dataclass(frozen=True)
class Table:
    """One table: its rows are unique by `key` and stored in key order."""

    name: str
    meaning: str
    key: tuple[str, ...]
    columns: tuple[Column, ...]

    @property
    def arrow_schema(self) -> pa.Schema:
        """The Arrow schema that files of this table have."""
        return pa.schema([pa.field(column.name, column.type, nullable=column.is_nullable) for column in self.columns])


N_PERSON = Column(
    "n_person",
    INTEGER,
    "of the documents read, those that a person has read (of one document: people who read it)",
    is_nullable=True,
    is_late=True,
)

_FACTS = (
    Column("source", TEXT, "the short name of the site it comes from"),
    Column("frame", TEXT, "the defined population it belongs to (see the frames in census.toml)"),
    Column("url", TEXT, "where to read it", is_nullable=True),
    Column("title", TEXT, "cleaned title"),
    Column(
        "authors",
        TEXTS,
        "names as the source gives them, in order",
    ),
    Column(
        "published_date",
        TEXT,
        "first publication, YYYY-MM-DD, or YYYY-MM or YYYY where no more is known",
        is_nullable=True,
    ),
    Column("published_year", INTEGER, "year of published_date", is_nullable=True),
    Column("tags", TEXTS, "tags or subject classes of the source"),
    Column("karma", NUMBER, "votes on the forum, at karma_read_date", is_nullable=True),
    Column("karma_read_date", TEXT, "when the karma was read, where known", is_nullable=True),
    Column("text_kind", TEXT, "what the text is: full, abstract, opening (its beginning only), none"),
    Column("word_count", INTEGER, "words of the cleaned text that was read; for an opening, of that opening"),
    Column("character_count", INTEGER, "characters of the cleaned text that was read"),
    Column("text_sha256", TEXT, "SHA-256 of the cleaned title, an empty line, and the cleaned text"),
    Column(
        "affiliations",
        TEXTS,
        "for each of authors, where they work as the source gives it, empty where it says nothing; no list where it "
        "says nothing of any of them",
        is_nullable=True,
        is_late=True,
    ),
    Column(
        "orcids",
        TEXTS,
        "for each of authors, their ORCID as the source gives it, or empty; no list where it gives none",
        is_nullable=True,
        is_late=True,
    ),
    Column(
        "organisation",
        TEXT,
        "the organisation whose own site it is on (see pipeline/text/organisations.toml for its kind)",
        is_nullable=True,
        is_late=True,
    ),
)
_TEXT = Column("text", TEXT, "cleaned text; empty in a published census", is_nullable=True)

CENSUS_DOCUMENTS = Table(
    "census_documents",
    "the documents of a published census: facts, no text",
    ("doc_id",),
    (
        Column(
            "doc_id",
            TEXT,
            "stable id: <site>:<id there>, without a version",
        ),
        *_FACTS,
    ),
)
DOCUMENTS = Table("documents", "the distinct works", ("doc_id",), (*CENSUS_DOCUMENTS.columns, _TEXT))
RECORDS = Table(
    "records",
    "every item as one source gives it",
    ("record_id",),
    (
        Column("record_id", TEXT, "<source entry>/<position in it>"),
        Column("origin", TEXT, "the entry of census.toml it was read from"),
        *DOCUMENTS.columns,
        Column("external_url", TEXT, "what a linkpost points to, or the declared original of a copy", is_nullable=True),
        Column("crosspost_id", TEXT, "the same post on the other forum, as the forum declares it", is_nullable=True),
        Column("doi", TEXT, "DOI of the published version, as the source gives it", is_nullable=True),
    ),
)
REJECTS = Table(
    "rejects",
    "what could not be used, with the reason",
    ("record_id",),
    (
        Column("record_id", TEXT, "<source entry>/<position in it>"),
        Column("origin", TEXT, "the entry of census.toml"),
        Column("reason", TEXT, "why it was left out"),
        Column("excerpt", TEXT, "the id or title it claims, at most 200 characters"),
    ),
)
DUPLICATES = Table(
    "duplicates",
    "records that are another document again",
    ("record_id",),
    (
        Column("record_id", TEXT, "the record left out"),
        Column("doc_id", TEXT, "the document it belongs to"),
        Column("kept_record_id", TEXT, "the record that represents the document"),
        Column("reason", TEXT, "how the two were found to be one"),
    ),
)
PERSONS = Table(
    "persons",
    "every name as a source spells it, and the person it means",
    ("name", "orcid"),
    (
        Column("name", TEXT, "as the source spells it"),
        Column("orcid", TEXT, "the ORCID that the source gives beside it, or empty"),
        Column("person", TEXT, "the fullest of the names that mean this person"),
        Column("document_count", INTEGER, "documents that carry this spelling"),
        Column("organisations", TEXTS, "where the sources say that this spelling works, by the table's names"),
        Column("organisation_kinds", TEXTS, "lab, academia, independent, government or think tank, one for each"),
    ),
)
AUTHORSHIP = Table(
    "authorship",
    "who wrote each document",
    ("doc_id",),
    (
        Column("doc_id", TEXT, "the document"),
        Column("names", TEXTS, "the names that it carries, as the source spells them; empty where it names nobody"),
        Column("persons", TEXTS, "the person whom each name means, as in persons; each once"),
    ),
)
WORKS = Table(
    "works",
    "which documents are one work; documents of different frames are linked here and stay documents",
    ("doc_id",),
    (
        Column("doc_id", TEXT, "the document, also one that was merged into another of its frame"),
        Column("work_id", TEXT, "the doc_id that represents the work: its paper, else its earliest place"),
        Column("frame", TEXT, "the frame it is a member of"),
        Column("url", TEXT, "where this place of the work is", is_nullable=True),
        Column("first_published_date", TEXT, "earliest date of any place of the work", is_nullable=True),
        Column("reason", TEXT, "how it was found to be the same work, or: only place, represents the work"),
    ),
)
FRAME_MEMBERS = Table(
    "frame_members",
    "which documents each frame has or had, and since when; a document may be in several frames",
    ("frame", "doc_id"),
    (
        Column("frame", TEXT, "the frame"),
        Column("doc_id", TEXT, "the document; one that is gone may be in no other table"),
        Column(
            "window",
            TEXT,
            "year or quarter (YYYY, YYYY-Q1) it was first counted in, by the frame's windows; a date that is corrected "
            "later does not move it; empty where the frame has no windows or the date is unknown",
        ),
        Column("part", TEXT, "the part of the window, where the frame's file of members names parts; else empty"),
        Column("first_seen", TEXT, "snapshot or census that first listed it, as a date", is_nullable=True),
        Column("last_seen", TEXT, "the last one that did", is_nullable=True),
        Column(
            "gone", TEXT, "the first complete listing since then without it; empty while it is there", is_nullable=True
        ),
    ),
)
TEXT_VERSIONS = Table(
    "text_versions",
    "every hash under which the present text of a document was known: its own, and that of an opening it begins with",
    ("doc_id", "text_sha256"),
    (
        Column("doc_id", TEXT, "the document"),
        Column("text_sha256", TEXT, "SHA-256 of title, an empty line and text, as in documents"),
    ),
)
ROUND_MEMBERS = Table(
    "members",
    "every document of every stratum of a round, when it was drawn",
    ("doc_id",),
    (
        Column("doc_id", TEXT, "the document"),
        Column("stratum", TEXT, "the stratum it was in"),
        Column("text_sha256", TEXT, "of a drawn document, the hash of its text then", is_nullable=True),
    ),
)
DRAWN_MEMBERS = Table(
    "drawn_members",
    "the population that each round was drawn from: every document of every stratum, when it was drawn",
    ("round", "doc_id"),
    (
        Column("round", TEXT, "the round"),
        Column("doc_id", TEXT, "the document; one that is gone since may be in no other table"),
        Column("stratum", TEXT, "the stratum it was in"),
        Column("is_drawn", FLAG, "whether the draw took it"),
    ),
)
COVERAGE = Table(
    "coverage",
    "what the draws cover of each frame and window, and what they do not",
    ("frame", "window"),
    (
        Column("frame", TEXT, "the population"),
        Column("window", TEXT, "year or quarter; empty for the whole frame"),
        Column("n_members", INTEGER, "documents in it now"),
        Column(
            "n_covered", INTEGER, "of these, those in a stratum of which some document is read: the share is theirs"
        ),
        Column("n_uncovered", INTEGER, "the rest: no share says anything of them"),
        Column("n_late", INTEGER, "of the uncovered, those that came into a window after it was drawn"),
        Column("n_moved", INTEGER, "members whose date has been corrected into another window; they stay in this one"),
        Column("n_gone", INTEGER, "documents that the frame had and has no more"),
        Column("n_drawn", INTEGER, "of the members, those drawn"),
        Column("n_read", INTEGER, "of the drawn, those that a coder has read"),
        Column("n_adjudicated", INTEGER, "of the read, those that an adjudicator or a person settled"),
        Column("n_stale", INTEGER, "of the read, those whose text has changed since: to be read again first"),
        Column("n_borrowed", INTEGER, "of the read, those drawn in another frame that has them too"),
    ),
)
TERMS = Table(
    "terms",
    "counts of words and word pairs of a pruned vocabulary; the order of words cannot be recovered",
    ("doc_id", "term"),
    (
        Column("doc_id", TEXT, "the document"),
        Column("term", TEXT, "word or pair of words, lower case"),
        Column("term_count", pa.int16(), "how often it occurs in title and text"),
    ),
)


def embeddings_table(dimension_count: int) -> Table:
    """Returns the table of vectors for an encoder of `dimension_count` dimensions."""
    return Table(
        "embeddings",
        "one unit vector a document, in doc_id order",
        ("doc_id",),
        (
            Column("doc_id", TEXT, "the document"),
            Column("text_sha256", TEXT, "hash of the text that was encoded"),
            Column("encoder", TEXT, "name of the encoder"),
            Column("encoder_revision", TEXT, "SHA-256 of the encoder's weights"),
            Column("vector", pa.list_(pa.float16(), dimension_count), "float16, unit length up to rounding"),
            Column(
                "encoder_backend",
                TEXT,
                "engine and precision that computed it, such as openvino-bfloat16; empty where it was not recorded "
                "(census 2026.07: torch, float32)",
                is_nullable=True,
                is_late=True,
            ),
        ),
    )


HYDRATED = Table(
    "hydrated",
    "texts of a census, fetched again; they belong to their authors and stay on this machine",
    ("doc_id",),
    (
        Column("doc_id", TEXT, "the document"),
        Column("status", TEXT, "verified, alike, changed, gone or no text (see pipeline/hydrate/stage.py)"),
        Column("text", TEXT, "cleaned text; of a verified opening, the part that was verified", is_nullable=True),
        Column("text_kind", TEXT, "full, abstract, opening, none"),
        Column(
            "similarity_score",
            NUMBER,
            "cosine of the stored vector with the text's, where the hash differs",
            is_nullable=True,
        ),
    ),
)
SCOPE = Table(
    "scope",
    "how likely each document is in scope; those below the threshold stay in every table",
    ("doc_id",),
    (
        Column("doc_id", TEXT, "the document"),
        Column(
            "scope_score", NUMBER, "probability of groups A to E; of a read document, by models that did not see it"
        ),
        Column("is_in_scope", FLAG, "whether the score reaches the threshold"),
        Column("is_read", FLAG, "whether the document was read"),
    ),
)
SCOPE_QUALITY = Table(
    "scope_quality",
    "precision and recall of the scope threshold, from the read documents",
    ("frame", "measure"),
    (
        Column("frame", TEXT, "the population; empty for all documents"),
        Column("measure", TEXT, "recall or precision"),
        Column("value", NUMBER, "estimate under the weights of the design"),
        Column("low", NUMBER, "lower end of the Jeffreys Monte-Carlo interval"),
        Column("high", NUMBER, "upper end of it"),
        Column("level", NUMBER, "level of the interval"),
        Column("n_population", INTEGER, "documents"),
        Column("n_read", INTEGER, "documents read"),
        N_PERSON,
        Column("n_read_below", INTEGER, "of these, below the threshold: the elusion sample"),
        Column("threshold", NUMBER, "the scope score that counts as in scope"),
    ),
)
CLUSTERS = Table(
    "clusters",
    "the groups of each layer",
    ("layer", "cluster_id"),
    (
        Column("layer", TEXT, "name of the layer, from coarse to fine"),
        Column("cluster_id", TEXT, "<layer>-<number>; kept for as long as the group lives, never given out twice"),
        Column("name", TEXT, "what to call it: the name a reader gave, else its most telling terms"),
        Column("name_kind", TEXT, "who named it: person, language model, or terms"),
        Column("terms_name", TEXT, "its most telling terms (class-based TF-IDF) when the group was born"),
        Column("terms", TEXTS, "its most telling terms now"),
        Column("parent_id", TEXT, "the group of the layer above that holds most of it", is_nullable=True),
        Column("parent_share", NUMBER, "share of its members that the parent holds", is_nullable=True),
        Column("document_count", INTEGER, "members"),
        Column("exemplar_ids", TEXTS, "the members closest to the centre"),
        Column("random_ids", TEXTS, "members drawn at random"),
        Column("border_ids", TEXTS, "the members closest to another group"),
        Column("sample_jaccard", NUMBER, "stability: mean overlap with its match in cuts of random 80% parts", True),
        Column("seed_jaccard", NUMBER, "stability: mean overlap with its match in cuts with other seeds", True),
        Column("words_jaccard", NUMBER, "stability: overlap with its match when words replace vectors", True),
        Column(
            "encoder_jaccard",
            NUMBER,
            "stability: overlap with its match when a second encoder made the vectors; empty where none is stored",
            is_nullable=True,
            is_late=True,
        ),
        Column(
            "source_probe_score",
            NUMBER,
            "how well papers can be told from posts inside it by their vectors: 0.5 not at all, 1 always",
            is_nullable=True,
        ),
        Column("is_small", FLAG, "below [cluster] min_size: read with care"),
        Column("is_unstable", FLAG, "small, or sample_jaccard below 0.6: mark it wherever it appears"),
        Column("resolution", NUMBER, "of the layer's cut"),
        Column("neighbour_count", INTEGER, "of the graph that was cut"),
        Column(
            "space",
            TEXT,
            "vectors: all documents, by their vectors; subject: those in scope, by vectors, words and chances of the"
            " codes, without what tells sources apart; the others are <layer>-ground, of which nothing is measured",
            is_nullable=True,
            is_late=True,
        ),
    ),
)
CLUSTER_MEMBERS = Table(
    "cluster_members",
    "which group each document is in",
    ("layer", "doc_id"),
    (
        Column("layer", TEXT, "name of the layer"),
        Column("doc_id", TEXT, "the document"),
        Column("cluster_id", TEXT, "its group"),
        Column("centrality_score", NUMBER, "cosine with the centre of the group"),
        Column("border_score", NUMBER, "that cosine less the best one with another centre; below 0: closer to another"),
    ),
)
SECOND_MEMBERS = Table(
    "second_members",
    "the same layers cut from the vectors of a second encoder: what the groups would be if another model had read",
    ("layer", "doc_id"),
    (
        Column("layer", TEXT, "name of the layer, cut with the same settings"),
        Column("doc_id", TEXT, "the document"),
        Column("cluster_number", INTEGER, "its group: 0 for the largest; no relation to cluster_id"),
        Column("encoder", TEXT, "name of the second encoder"),
        Column("encoder_revision", TEXT, "SHA-256 of its weights"),
    ),
)
CLUSTER_CHANGES = Table(
    "cluster_changes",
    "what became of each group whenever the layers were cut anew",
    ("layer", "step", "cluster_id"),
    (
        Column("layer", TEXT, "name of the layer"),
        Column("step", INTEGER, "0 for the first cut, then one more for each new cut"),
        Column("cluster_id", TEXT, "the group"),
        Column("change", TEXT, "born, kept, split (off from other_id), merged (into other_id), or died"),
        Column("other_id", TEXT, "the group it came from or went to", is_nullable=True),
        Column("document_count", INTEGER, "members: after the cut, or before it where the group is gone"),
        Column("shared_count", INTEGER, "members it has in common with its past, its origin or its heir"),
    ),
)
CLUSTER_FACETS = Table(
    "cluster_facets",
    "where and when the members of each group come from",
    ("layer", "cluster_id", "facet", "value"),
    (
        Column("layer", TEXT, "name of the layer"),
        Column("cluster_id", TEXT, "the group"),
        Column("facet", TEXT, "source, frame or year"),
        Column("value", TEXT, "of the facet; empty where unknown"),
        Column("document_count", INTEGER, "members"),
    ),
)
LAYOUT = Table(
    "layout",
    "a place in the plane for each document: near means alike, distances mean no more than that",
    ("doc_id",),
    (Column("doc_id", TEXT, "the document"), Column("x", pa.float32(), "0 to 1"), Column("y", pa.float32(), "0 to 1")),
)
CODES = Table(
    "codes",
    "the settled codes of each read document",
    ("doc_id",),
    (
        Column("doc_id", TEXT, "the document"),
        Column("stratum", TEXT, "sampling stratum"),
        Column("inclusion_probability", NUMBER, "chance of having been drawn"),
        Column(
            "phase2_stratum",
            TEXT,
            "agree, doubtful, disagree, picked by a person (read out of order), or extension (read beyond the round)",
        ),
        Column("phase2_probability", NUMBER, "chance of having been settled by an adjudicator or a person"),
        Column("is_adjudicated", FLAG, "whether an adjudicator or a person settled it"),
        Column("reader_1_leaf", TEXT, "leaf of the first reader; empty for an extension", is_nullable=True),
        Column("reader_2_leaf", TEXT, "leaf of the second reader; empty for an extension", is_nullable=True),
        Column("leaf", TEXT, "settled leaf: a person's, else the adjudicator's, else the first reader's"),
        Column("leaf2", TEXT, "second leaf", is_nullable=True),
        Column("group", TEXT, "letter of the settled leaf"),
        Column("confidence", INTEGER, "how sure the coder is, as the codebook counts it"),
        Column("coder_kind", TEXT, "whose code it is: person or language model"),
        Column("coder", TEXT, "the sheet it is from", is_nullable=True, is_late=True),
        N_PERSON,
    ),
)


def codes_table(axes: Mapping[str, str]) -> Table:
    """Returns the table `codes` for a codebook's axes: what each of them holds, confidence included."""
    place = [column.name for column in CODES.columns].index("confidence")
    own = tuple(Column(axis, INTEGER if axis == "confidence" else TEXT, about) for axis, about in axes.items())
    return Table(CODES.name, CODES.meaning, CODES.key, CODES.columns[:place] + own + CODES.columns[place + 1 :])


PREDICTIONS = Table(
    "predictions",
    "what the classifier expects of every document, read or not, from a model that never saw its codes",
    ("query", "doc_id"),
    (
        Column("doc_id", TEXT, "the document"),
        Column(
            "query",
            TEXT,
            "definition <id>, denominator <name>, group <code>, leaf <code> or agenda <leaves joined with +>",
        ),
        Column("probability", NUMBER, "calibrated chance that it matches, four decimals"),
        Column("fold", INTEGER, "the fold left out of the model's learning"),
    ),
)
GUESSES = Table(
    "guesses",
    "what the classifier, which never saw their codes, expects of the read documents: what surprises is measured by it",
    ("kind", "id", "query"),
    (
        Column("kind", TEXT, "document"),
        Column("id", TEXT, "the document"),
        Column("query", TEXT, "leaf <code>"),
        Column("probability", NUMBER, "chance that it matches"),
    ),
)
WEIGHTS = Table(
    "weights",
    "the read documents: what each stands for, what it may be coded as, and how that varies; every share comes from it",
    ("doc_id", "frame"),
    (
        Column("doc_id", TEXT, "the read document"),
        Column("frame", TEXT, "the population"),
        Column("year", TEXT, "year that is a stratum of its own; empty where years are not"),
        Column("stratum", TEXT, "of the design"),
        Column("inclusion_probability", NUMBER, "chance of being drawn"),
        Column("weight", NUMBER, "documents of the population that it stands for, itself included"),
        Column("is_settled", FLAG, "whether its code is settled; else adjudication might change it"),
        Column("codes", TEXTS, "the codes that it may have: leaf and axes, parted by spaces, - for none"),
        Column("kept_chances", NUMBERS, "chance of each of them if its leaf is kept; they add up to one"),
        Column("changed_chances", NUMBERS, "chance of each if its leaf is changed; no cells where settled"),
        Column("change_chance", NUMBER, "chance that adjudication would change its leaf; 0 where settled"),
        Column("replicate_weights", NUMBERS, "the weight in each replicate"),
        Column("replicate_codes", INTEGERS, "place in codes of the code in each replicate; no cells where settled"),
        Column("replicate_changes", NUMBERS, "change_chance in each replicate; no cells where settled"),
    ),
)
MIXTURES = Table(
    "mixtures",
    "shares from rounds that were drawn with replacement, half evenly and half by what documents count for",
    ("round", "frame", "weight", "denominator", "definition"),
    (
        Column("round", TEXT, "the draw"),
        Column("frame", TEXT, "the population"),
        Column("weight", TEXT, "what each document counts for: documents = one each, else a column of documents"),
        Column("denominator", TEXT, "what it is a share of (codebook.toml)"),
        Column("definition", TEXT, "what counts as direct (codebook.toml)"),
        Column("share", NUMBER, "estimated share, 0 to 1"),
        Column("low", NUMBER, "lower end of the interval"),
        Column("high", NUMBER, "upper end of the interval"),
        Column("level", NUMBER, "level of the interval"),
        Column("standard_error", NUMBER, "of the share"),
        Column("n_population", INTEGER, "documents in the frame when it was drawn"),
        Column("n_members", INTEGER, "documents in the frame now"),
        Column("n_draws", INTEGER, "draws in the frame; a document drawn twice is two"),
        Column("n_read", INTEGER, "documents behind them"),
        Column("method", TEXT, "estimator and interval"),
        N_PERSON,
    ),
)
AGENDAS = Table(
    "agendas",
    "the share of each leaf, group and joined agenda, by frame and year",
    ("frame", "year", "code"),
    (
        Column("frame", TEXT, "the population"),
        Column("year", TEXT, "year of publication; empty for all years"),
        Column("code", TEXT, "a leaf of the codebook, the letter of a group, or leaves joined with +"),
        Column("title", TEXT, "what the code stands for"),
        Column("denominator", TEXT, "what it is a share of (codebook.toml)"),
        Column("share", NUMBER, "estimated share, 0 to 1", is_nullable=True),
        Column("low", NUMBER, "lower end of the interval", is_nullable=True),
        Column("high", NUMBER, "upper end of the interval", is_nullable=True),
        Column("n_read", INTEGER, "documents read in the frame and year"),
        N_PERSON,
        Column("n_coded", INTEGER, "read documents whose settled code it is"),
    ),
)
AGENDA_LIST = Table(
    "agenda_list",
    "the named agendas of the study (agendas.toml): what each is, its documents, neighbours, people and growth",
    ("agenda",),
    (
        Column("agenda", TEXT, "its id"),
        Column("name", TEXT, "its name for people"),
        Column("says", TEXT, "what it is, in one sentence"),
        Column("leaves", TEXTS, "leaves of the codebook that it refines"),
        Column("document_count", INTEGER, "documents assigned to it, of all frames"),
        Column("first_year", INTEGER, "year of publication of the earliest assigned document", is_nullable=True),
        Column("neighbours", TEXTS, "the agendas whose documents lie nearest (cosine of their mean vectors)"),
        Column("shared", TEXTS, "the agendas that most of its documents are assigned to as well"),
        Column("people", TEXTS, "who wrote most of its assigned documents: persons, one across handles and spellings"),
        Column("people_counts", INTEGERS, "documents of each"),
        Column("exemplar_ids", TEXTS, "the documents most surely of it"),
        Column("frame", TEXT, "the largest frame with years, which growth is of", is_nullable=True),
        Column("early_share", NUMBER, "share of the frame in its first three years", is_nullable=True),
        Column("late_share", NUMBER, "share of the frame in its last three years", is_nullable=True),
        Column("change_share", NUMBER, "late_share less early_share", is_nullable=True),
        Column("change_low", NUMBER, "lower end of the interval of change_share", is_nullable=True),
        Column("change_high", NUMBER, "upper end of the interval of change_share", is_nullable=True),
    ),
)
AGENDA_MEMBERS = Table(
    "agenda_members",
    "which documents are of which named agenda; several agendas a document, or none",
    ("agenda", "doc_id"),
    (
        Column("agenda", TEXT, "id of the agenda"),
        Column("doc_id", TEXT, "the document"),
        Column("chance", NUMBER, "chance that it is of the agenda, from models that never saw what was read of it"),
        Column("is_read", FLAG, "whether somebody read it against the list of agendas"),
        Column("is_assigned", FLAG, "what the reader said; where nobody read it, a chance of 0.25 or more"),
    ),
)
AGENDA_SIZES = Table(
    "agenda_sizes",
    "how many documents of a frame are of each named agenda, by the published weights",
    ("frame", "year", "agenda"),
    (
        Column("frame", TEXT, "the population"),
        Column("year", TEXT, "year of publication; empty for all years"),
        Column("agenda", TEXT, "id of the agenda"),
        Column("document_count", NUMBER, "estimated number of documents"),
        Column("low", NUMBER, "lower end of its interval; none where too little was read", is_nullable=True),
        Column("high", NUMBER, "upper end of its interval; none where too little was read", is_nullable=True),
        Column("share", NUMBER, "the same as a share of all documents of the frame and year"),
        Column("n_population", INTEGER, "documents of the frame and year, also those that the census does not hold"),
        Column("n_read", INTEGER, "of them, read against the list of agendas, or settled out of scope"),
        Column("n_found", INTEGER, "of those, of this agenda"),
        Column("basis", TEXT, "read: chances put right by what was read; chances: their sum, not put right"),
    ),
)
AGENDA_SCORES = Table(
    "agenda_scores",
    "how right the assignment is: cross-fitted chances against what was read, weighted to all documents",
    ("agenda",),
    (
        Column("agenda", TEXT, "id of the agenda; empty for all together"),
        Column("n_read", INTEGER, "documents read against the list"),
        Column("n_member", INTEGER, "of them, of the agenda"),
        Column("n_assigned", INTEGER, "of them, assigned by their chance"),
        Column("n_both", INTEGER, "of the agenda and assigned"),
        Column("precision", NUMBER, "share of the assigned that are of it", is_nullable=True),
        Column("precision_low", NUMBER, "lower end of its interval", is_nullable=True),
        Column("precision_high", NUMBER, "upper end of its interval", is_nullable=True),
        Column("recall", NUMBER, "share of those of it that are assigned", is_nullable=True),
        Column("recall_low", NUMBER, "lower end of its interval", is_nullable=True),
        Column("recall_high", NUMBER, "upper end of its interval", is_nullable=True),
        Column("f1", NUMBER, "harmonic mean of both", is_nullable=True),
        Column("calibration_error", NUMBER, "expected against seen, over ten bands of the chance", is_nullable=True),
        Column(
            "n_drawn", INTEGER, "read documents drawn at random from the unread ones assigned to it, seeds left out"
        ),
        Column("n_right", INTEGER, "of these, of the agenda"),
        Column("coder_kinds", TEXTS, "who read: person, language model"),
    ),
)
AGENDA_GROWTH = Table(
    "agenda_growth",
    "the share of each agenda in the first and the last years of a frame",
    ("frame", "code"),
    (
        Column("frame", TEXT, "the population"),
        Column("code", TEXT, "a leaf of the codebook, or leaves joined with +"),
        Column("title", TEXT, "what the code stands for"),
        Column("denominator", TEXT, "what it is a share of (codebook.toml)"),
        Column("early_years", TEXT, "the first years, joined"),
        Column("late_years", TEXT, "the last years, joined"),
        Column("early_share", NUMBER, "share in the first years"),
        Column("late_share", NUMBER, "share in the last years"),
        Column("change_share", NUMBER, "late_share less early_share, -1 to 1"),
        Column("low", NUMBER, "lower end of the interval of change_share"),
        Column("high", NUMBER, "upper end of the interval of change_share"),
        Column("n_read", INTEGER, "documents read in both spans"),
        N_PERSON,
    ),
)
SHARES = Table(
    "shares",
    "the share of each definition, frame, year and denominator, with its interval",
    ("frame", "year", "denominator", "definition", "weight"),
    (
        Column("frame", TEXT, "the population"),
        Column("year", TEXT, "year of publication; empty for all years"),
        Column("definition", TEXT, "what counts as direct (codebook.toml)"),
        Column("denominator", TEXT, "what it is a share of (codebook.toml)"),
        Column("weight", TEXT, "what each document counts for: documents = one each"),
        Column(
            "share",
            NUMBER,
            "estimated share, 0 to 1; empty where no read document is in the denominator",
            is_nullable=True,
        ),
        Column("low", NUMBER, "lower end of the interval", is_nullable=True),
        Column("high", NUMBER, "upper end of the interval", is_nullable=True),
        Column("level", NUMBER, "level of the interval"),
        Column("n_population", INTEGER, "documents in the frame and year that the draws cover: the share is theirs"),
        Column("n_members", INTEGER, "documents in the frame and year now, covered or not"),
        Column("n_read", INTEGER, "documents read in the frame and year"),
        Column("standard_error", NUMBER, "of the share", is_nullable=True),
        Column(
            "share_unpredicted",
            NUMBER,
            "the share where no prediction has a part in the weights: what predictions move is the difference",
            is_nullable=True,
        ),
        Column("n_effective", NUMBER, "size of a simple random sample with the same precision", is_nullable=True),
        Column("method", TEXT, "estimator and interval"),
        N_PERSON,
    ),
)
AGREEMENT = Table(
    "agreement",
    "how far two coders agree on what both have read",
    ("coder_a", "coder_b", "subject", "weighting", "measure"),
    (
        Column("coder_a", TEXT, "name of a sheet, or of a published set of expert labels"),
        Column("coder_b", TEXT, "the other one"),
        Column("kind_a", TEXT, "person, language model, or published experts"),
        Column("kind_b", TEXT, "the other one's"),
        Column("subject", TEXT, "leaf, group, one group, or what one definition counts"),
        Column("weighting", TEXT, "design: by inclusion probability; none: every document alike"),
        Column("measure", TEXT, "raw, kappa, alpha, ac1, or positive (agreement on the class itself)"),
        Column("value", NUMBER, "of the measure; empty where it does not exist", is_nullable=True),
        Column("low", NUMBER, "lower end of the bootstrap interval", is_nullable=True),
        Column("high", NUMBER, "upper end", is_nullable=True),
        Column("level", NUMBER, "of the interval"),
        Column("n_both", INTEGER, "documents that both have read"),
    ),
)
AGREEMENT_PARTS = Table(
    "agreement_parts",
    "where two coders agree on the leaf: by frame, by leaf, by kind of coder, and with themselves when reading again",
    ("coder_a", "coder_b", "part", "name"),
    (
        Column("coder_a", TEXT, "name of a sheet, or every coder of a kind"),
        Column("coder_b", TEXT, "the other one; with `again`, the same coder's second reading"),
        Column("kind_a", TEXT, "person or language model"),
        Column("kind_b", TEXT, "the other one's"),
        Column("part", TEXT, "all, frame, leaf (documents that either put into it), or kinds (all pairs together)"),
        Column("name", TEXT, "of the frame or leaf"),
        Column("n_both", INTEGER, "documents that both have read; of kinds, readings in pairs"),
        Column("n_same", INTEGER, "of these, those that both put into the same leaf"),
        Column("share", NUMBER, "of these in those"),
        Column("low", NUMBER, "lower end of the exact interval"),
        Column("high", NUMBER, "upper end"),
        Column("level", NUMBER, "of the interval"),
    ),
)
OUTSIDE_LABELS = Table(
    "outside_labels",
    "settled codes against every outside scheme, by source and question; only labels that decide the question",
    ("scheme", "source", "asked"),
    (
        Column("scheme", TEXT, "of the labels, or every scheme"),
        Column("source", TEXT, "group of sources (census.toml, reader_sources), or every source"),
        Column("asked", TEXT, "definition, denominator or group: whether the document counts, or belongs"),
        Column("n_labelled", INTEGER, "read documents with a label that the crosswalk knows"),
        Column("n_decided", INTEGER, "of them, those whose labels allow one answer only"),
        Column("n_both", INTEGER, "of those, yes by the settled code and by the label"),
        Column("n_only_settled", INTEGER, "yes by the settled code alone"),
        Column("n_only_label", INTEGER, "yes by the label alone"),
        Column("n_neither", INTEGER, "no by both"),
        Column("agreed_share", NUMBER, "share on which they agree", is_nullable=True),
        Column("low", NUMBER, "lower end of its exact interval", is_nullable=True),
        Column("high", NUMBER, "upper end", is_nullable=True),
        Column("kappa", NUMBER, "agreement beyond chance; empty where it does not exist", is_nullable=True),
        Column("mcnemar_p", NUMBER, "exact test of whether disagreements are one-sided (McNemar)", is_nullable=True),
        Column("level", NUMBER, "of the interval"),
    ),
)
TRUTH = Table(
    "truth",
    "each read document whose settled leaf an outside scheme does not allow: both sides, and where to read it",
    ("doc_id", "scheme"),
    (
        Column("doc_id", TEXT, "the document"),
        Column("scheme", TEXT, "of the label"),
        Column("source", TEXT, "group of sources (census.toml, reader_sources)"),
        Column("frame", TEXT, "the population"),
        Column("title", TEXT, "cleaned title"),
        Column("url", TEXT, "where to read it", is_nullable=True),
        Column("settled_leaf", TEXT, "leaf of the settled code"),
        Column("confidence", INTEGER, "how sure its coder is"),
        Column("coder", TEXT, "whose code it is", is_nullable=True),
        Column("coder_kind", TEXT, "person or language model"),
        Column("label", TEXT, "what the outside scheme says"),
        Column("allowed_leaves", TEXTS, "leaves that the label may mean (external/crosswalk.csv)"),
        Column("only_settled", TEXTS, "definitions and denominators that hold by the settled code alone"),
        Column("only_label", TEXTS, "definitions and denominators that hold by the label alone"),
    ),
)
CLUSTER_CODES = Table(
    "cluster_codes",
    "what each cluster is made of, from the read sample",
    ("layer", "cluster_id", "group"),
    (
        Column("layer", TEXT, "name of the layer"),
        Column("cluster_id", TEXT, "the cluster"),
        Column("group", TEXT, "letter of the codebook"),
        Column("n_read", INTEGER, "read documents in the cluster"),
        N_PERSON,
        Column("share", NUMBER, "share of the group in the cluster, weighted by the design"),
        Column("low", NUMBER, "lower end of the interval"),
        Column("high", NUMBER, "upper end"),
    ),
)
LAYER_CODES = Table(
    "layer_codes",
    "how much of the variance of the codes each layer explains",
    ("layer", "group"),
    (
        Column("layer", TEXT, "name of the layer"),
        Column("group", TEXT, "letter of the codebook"),
        Column("eta_squared", NUMBER, "share of variance between clusters"),
        Column("epsilon_squared", NUMBER, "the same, adjusted for the number of clusters"),
        Column("n_read", INTEGER, "read documents"),
        N_PERSON,
    ),
)
CLUSTER_CHECKS = Table(
    "cluster_checks",
    "what each reader found of each cluster",
    ("coder", "cluster_id"),
    (
        Column("coder", TEXT, "name of the sheet"),
        Column("coder_kind", TEXT, "person or language model"),
        Column("cluster_id", TEXT, "the cluster"),
        Column("proposed_name", TEXT, "what the reader would call it"),
        Column("is_one_agenda", TEXT, "yes, no or unsure"),
        Column("n_random", INTEGER, "members shown that were drawn at random"),
        Column("n_belong", INTEGER, "of these, how many belong"),
        Column("belong_share", NUMBER, "their share"),
        Column("belong_low", NUMBER, "one-sided lower bound: what so many reads certify"),
        Column("holds", FLAG, "one agenda, and at least 70% belong"),
    ),
)
INTRUSION = Table(
    "intrusion",
    "how often a reader finds the one document of five that is from another cluster",
    ("coder", "layer"),
    (
        Column("coder", TEXT, "name of the sheet"),
        Column("coder_kind", TEXT, "person or language model"),
        Column("layer", TEXT, "name of the layer, or all"),
        Column("n_shown", INTEGER, "clusters shown"),
        Column("n_found", INTEGER, "intruders found"),
        Column("found_share", NUMBER, "their share; 0.2 is chance"),
        Column("low", NUMBER, "lower end of the exact interval"),
        Column("high", NUMBER, "upper end"),
        Column("chance_probability", NUMBER, "of finding as many by guessing"),
    ),
)
CONTROLS = Table(
    "controls",
    "negative controls: documents from elsewhere that count all the same",
    ("control", "coder", "definition"),
    (
        Column("control", TEXT, "what was drawn from"),
        Column("coder", TEXT, "name of the sheet"),
        Column("coder_kind", TEXT, "person or language model"),
        Column("definition", TEXT, "what counts as direct; or a denominator that asks for a purpose: what is in it"),
        Column("n_read", INTEGER, "documents drawn at random and read"),
        Column("n_counted", INTEGER, "of these, how many count"),
        Column("share", NUMBER, "their share of everything read"),
        Column("low", NUMBER, "lower end of the exact interval"),
        Column("high", NUMBER, "upper end"),
    ),
)
GROUPS = Table(
    "groups",
    "the share of each letter of the codebook in everything; the letters of a frame and year add up to one",
    ("frame", "year", "group"),
    (
        Column("frame", TEXT, "the population"),
        Column("year", TEXT, "year of publication; empty for all years"),
        Column("group", TEXT, "letter of the codebook"),
        Column("share", NUMBER, "estimated share, 0 to 1"),
        Column("low", NUMBER, "lower end; the intervals of a frame and year hold together (Bonferroni)"),
        Column("high", NUMBER, "upper end"),
        Column("level", NUMBER, "level at which they hold together"),
        Column("n_read", INTEGER, "documents read"),
        N_PERSON,
    ),
)
TRENDS = Table(
    "trends",
    "how a share moves over the years of a frame",
    ("frame", "denominator", "definition", "kind", "from_year", "to_year"),
    (
        Column("frame", TEXT, "the population"),
        Column("definition", TEXT, "what counts as direct (codebook.toml)"),
        Column("denominator", TEXT, "what it is a share of (codebook.toml)"),
        Column(
            "kind", TEXT, "slope: per year, of a straight line; change: first to last year; step: year to next year"
        ),
        Column("from_year", TEXT, "first year; the last year of a census may be a part of one"),
        Column("to_year", TEXT, "last year"),
        Column("value", NUMBER, "slope or difference of shares"),
        Column("standard_error", NUMBER, "of the value"),
        Column("low", NUMBER, "lower end of the interval"),
        Column("high", NUMBER, "upper end of the interval"),
        Column("simultaneous_low", NUMBER, "lower end that holds for all steps together (Bonferroni)"),
        Column("simultaneous_high", NUMBER, "upper end that holds for all steps together"),
        Column("level", NUMBER, "level of the intervals"),
        N_PERSON,
    ),
)
PEOPLE = Table(
    "people",
    "how many people a frame names, and how far their identity is in doubt",
    ("frame",),
    (
        Column("frame", TEXT, "the population"),
        Column("n_population", INTEGER, "documents"),
        Column("n_without_author", INTEGER, "documents that name nobody"),
        Column("n_author_slots", INTEGER, "authors on all documents"),
        Column("n_names", INTEGER, "distinct names, spelt as the source spells them"),
        Column("n_people", INTEGER, "distinct people: one across handles and spellings (persons)"),
        Column("n_people_merged", INTEGER, "distinct surnames with first initial: two people may share one"),
        Column("top_tenth_share", NUMBER, "part of the author slots that the most frequent tenth of the people holds"),
        Column("has_first_author_only", FLAG, "whether no document names more than one author"),
    ),
)
DIRECT_PEOPLE = Table(
    "direct_people",
    "how many distinct people wrote at least one document that counts, in a year and in all",
    ("frame", "year", "denominator", "definition"),
    (
        Column("frame", TEXT, "the population; one of which every document is known"),
        Column("year", TEXT, "year; empty for all years"),
        Column("denominator", TEXT, "what it is a share of (codebook.toml)"),
        Column("definition", TEXT, "the query over codes (codebook.toml)"),
        Column("n_people", INTEGER, "distinct people with any document of the frame and year (table authorship)"),
        Column("count", NUMBER, "people with at least one document that counts, estimated"),
        Column("low", NUMBER, "lower end of its interval; at least those seen to have one"),
        Column("high", NUMBER, "upper end; at most n_people"),
        Column("level", NUMBER, "level of the interval"),
        Column(
            "top_tenth_share",
            NUMBER,
            "part of the documents that count of which the busiest tenth of these people is named, by codes and "
            "predicted chances; without an interval",
            is_nullable=True,
        ),
        Column("has_first_author_only", FLAG, "whether no document names more than one author"),
        Column("n_read", INTEGER, "read documents behind it"),
        N_PERSON,
    ),
)
CURVE = Table(
    "curve",
    "the specification curve: the share under every way of drawing the contested lines, sorted, evenly thinned",
    ("frame", "denominator", "rank"),
    (
        Column("frame", TEXT, "the population"),
        Column("denominator", TEXT, "what it is a share of (codebook.toml)"),
        Column("rank", INTEGER, "place among all specifications, 0 for the smallest share"),
        Column("n_specifications", INTEGER, "specifications in all"),
        Column("included", TEXT, "the contested leaves that count as direct here, besides the uncontested core"),
        Column("share", NUMBER, "estimated share, 0 to 1"),
        Column("low", NUMBER, "lower end of the interval"),
        Column("high", NUMBER, "upper end of the interval"),
        N_PERSON,
    ),
)
TOGGLES = Table(
    "toggles",
    "how far each contested line moves the share, over all ways of drawing the others",
    ("frame", "denominator", "toggle"),
    (
        Column("frame", TEXT, "the population"),
        Column("denominator", TEXT, "what it is a share of (codebook.toml)"),
        Column("toggle", TEXT, "the leaf, or leaves, or works with a code of an axis (purpose P1), counted or not"),
        Column("n_specifications", INTEGER, "specifications in all"),
        Column("mean_effect", NUMBER, "mean change of the share when it counts"),
        Column("least_effect", NUMBER, "smallest change"),
        Column("greatest_effect", NUMBER, "greatest change"),
        N_PERSON,
    ),
)
ROBUSTNESS = Table(
    "robustness",
    "the same share by other estimators, readers and scopes, and by the wrong way",
    ("frame", "definition", "variant"),
    (
        Column("frame", TEXT, "the population"),
        Column("definition", TEXT, "what counts as direct (codebook.toml)"),
        Column("denominator", TEXT, "what it is a share of (codebook.toml)"),
        Column("variant", TEXT, "what was done otherwise"),
        Column("share", NUMBER, "the share that comes out"),
        Column("low", NUMBER, "lower end of the interval, where there is one", is_nullable=True),
        Column("high", NUMBER, "upper end of the interval, where there is one", is_nullable=True),
        Column("difference", NUMBER, "from the headline"),
        Column("note", TEXT, "what it means"),
        N_PERSON,
    ),
)
PLAN = Table(
    "plan",
    "how many more documents to read, by predicted chance of counting, to halve an interval",
    ("frame", "year", "definition", "band"),
    (
        Column("frame", TEXT, "the population"),
        Column("year", TEXT, "year of publication; empty for all years"),
        Column("definition", TEXT, "what counts as direct (codebook.toml)"),
        Column("denominator", TEXT, "what it is a share of (codebook.toml)"),
        Column("band", INTEGER, "stratum: documents alike in their predicted chance of counting, 0 for the lowest"),
        Column("n_population", INTEGER, "documents in the band"),
        Column("n_read", INTEGER, "documents of it that are read"),
        Column("n_more", INTEGER, "documents of it to read besides, drawn at random"),
        Column("n_more_for_target", INTEGER, "documents of it to read besides for ten points either way; 0 if reached"),
        Column("n_to_adjudicate", INTEGER, "read documents of the frame and year that no adjudicator has settled"),
        Column("half_width_now", NUMBER, "half of the interval's width"),
        Column("half_width_planned", NUMBER, "expected half width afterwards"),
    ),
)
TOTALS = Table(
    "totals",
    "how many documents count, by frame and year",
    ("frame", "year", "denominator", "definition"),
    (
        Column("frame", TEXT, "the population"),
        Column("year", TEXT, "year of publication; empty for all years"),
        Column("definition", TEXT, "what counts (codebook.toml); empty: everything in the denominator"),
        Column("denominator", TEXT, "what the documents belong to (codebook.toml)"),
        Column("count", NUMBER, "estimated number of documents"),
        Column("low", NUMBER, "lower end of the interval"),
        Column("high", NUMBER, "upper end of the interval"),
        Column("n_population", INTEGER, "documents in the frame and year"),
        Column("n_read", INTEGER, "documents read"),
        Column("level", NUMBER, "level of the interval"),
        N_PERSON,
    ),
)
TOTAL_GROWTH = Table(
    "total_growth",
    "how the number of documents that count grows, from year to year, beside all documents of the frame",
    ("frame", "denominator", "definition", "kind", "from_year", "to_year"),
    (
        Column("frame", TEXT, "the population"),
        Column("denominator", TEXT, "what the documents belong to (codebook.toml)"),
        Column("definition", TEXT, "what counts (codebook.toml); empty: everything in the denominator"),
        Column("kind", TEXT, "step: from a year to the next; change: from the first year to the last"),
        Column("from_year", TEXT, "the earlier year"),
        Column("to_year", TEXT, "the later year"),
        Column("count_from", NUMBER, "estimated number of documents in the earlier year, as in totals"),
        Column("count_to", NUMBER, "and in the later one"),
        Column("ratio", NUMBER, "the later by the earlier number; empty where there is none", is_nullable=True),
        Column("low", NUMBER, "lower end of its interval", is_nullable=True),
        Column("high", NUMBER, "upper end; empty where one of the two may be none", is_nullable=True),
        Column("whole_ratio", NUMBER, "the same ratio of all documents of the frame, counted: years may not be whole"),
        Column("relative", NUMBER, "ratio by whole_ratio: growth beyond that of the frame", is_nullable=True),
        Column("relative_low", NUMBER, "lower end of its interval", is_nullable=True),
        Column("relative_high", NUMBER, "upper end", is_nullable=True),
        Column("level", NUMBER, "of both intervals"),
        N_PERSON,
    ),
)
RECALL = Table(
    "recall",
    "of the documents that count, the share that a part of a frame holds, such as what a list of phrases finds",
    ("frame", "part", "year", "denominator", "definition"),
    (
        Column("frame", TEXT, "the population"),
        Column("part", TEXT, "the frame that is a part of it"),
        Column("year", TEXT, "year of publication; empty for all years"),
        Column("definition", TEXT, "what counts (codebook.toml); empty: everything in the denominator"),
        Column("denominator", TEXT, "what the documents belong to (codebook.toml)"),
        Column("recall", NUMBER, "share of them that the part holds; empty where none was read", is_nullable=True),
        Column("low", NUMBER, "lower end of the interval", is_nullable=True),
        Column("high", NUMBER, "upper end of the interval", is_nullable=True),
        Column("count_found", NUMBER, "estimated number of them in the part"),
        Column("count_missed", NUMBER, "estimated number of them outside it"),
        Column("n_read", INTEGER, "documents read in the frame and year"),
        Column("level", NUMBER, "level of the interval"),
        N_PERSON,
    ),
)
POSITIONS = Table(
    "positions",
    "the share and the number of documents that count for each position of positions.toml",
    ("frame", "year", "denominator", "position"),
    (
        Column("frame", TEXT, "the population"),
        Column("year", TEXT, "year of publication; empty for all years"),
        Column("position", TEXT, "name of the position (positions.toml)"),
        Column("denominator", TEXT, "what it is a share of (codebook.toml)"),
        Column("share", NUMBER, "estimated share, 0 to 1; empty where nothing was read", is_nullable=True),
        Column("low", NUMBER, "lower end of its interval", is_nullable=True),
        Column("high", NUMBER, "upper end of its interval", is_nullable=True),
        Column("count", NUMBER, "estimated number of documents"),
        Column("count_low", NUMBER, "lower end of its interval"),
        Column("count_high", NUMBER, "upper end of its interval"),
        Column("n_population", INTEGER, "documents in the frame and year"),
        Column("n_read", INTEGER, "documents read"),
        Column("level", NUMBER, "level of the intervals"),
        N_PERSON,
    ),
)
NEEDS = Table(
    "needs",
    "what it would take to bring an interval to the width that is asked for ([estimate] asked_widths)",
    ("frame", "year", "definition", "denominator"),
    (
        Column("frame", TEXT, "the population"),
        Column("year", TEXT, "year of publication; empty for all years"),
        Column("definition", TEXT, "what counts as direct (codebook.toml)"),
        Column("denominator", TEXT, "what it is a share of (codebook.toml)"),
        Column("width_now", NUMBER, "of its interval, as a share"),
        Column("width_asked", NUMBER, "what it is to be"),
        Column("n_read", INTEGER, "documents read"),
        Column(
            "n_to_adjudicate",
            INTEGER,
            "of them, those to be ruled on; 0 where that narrows next to nothing",
        ),
        Column("width_adjudicated", NUMBER, "expected width once all of these are ruled on"),
        Column("n_more", INTEGER, "documents to read beyond these, and to settle, in the strata that tell most"),
        Column("n_full", INTEGER, "of n_more, those read in full; the others are screened by title and first words"),
        Column("n_more_banded", INTEGER, "documents, where more are drawn by predicted chance in strata known in full"),
        Column("n_full_banded", INTEGER, "of n_more_banded, those read in full"),
        Column("width_then", NUMBER, "expected width after both"),
        Column("level", NUMBER, "of the interval"),
    ),
)
READER_ERROR = Table(
    "reader_error",
    "how often people put a document elsewhere than its settled code does, both ways, by source",
    ("basis", "source", "definition", "denominator", "settled", "asked"),
    (
        Column(
            "basis",
            TEXT,
            "outside labels: published labels, of documents that others chose, through the crosswalk (with an axis as "
            "read: labels change the leaf, and what readers said of that axis stands); gold: codes by people of "
            "settled documents drawn at random",
        ),
        Column("source", TEXT, "group of sources (census.toml, reader_sources)"),
        Column("definition", TEXT, "what counts as direct (codebook.toml)"),
        Column("denominator", TEXT, "what it is a share of (codebook.toml)"),
        Column(
            "settled", TEXT, "what the settled code says: counts, denominator only (in it, not counting), or outside"
        ),
        Column("asked", TEXT, "what people decide: whether it counts, or whether it is in the denominator"),
        Column("n_decided", INTEGER, "documents with such a code on which people decide it"),
        Column("n_changed", INTEGER, "of them, those on which people say the opposite"),
        Column(
            "change_chance",
            NUMBER,
            "estimated chance that people say the opposite; empty where nothing is decided",
            is_nullable=True,
        ),
        Column("low", NUMBER, "lower end of its interval (Jeffreys)"),
        Column("high", NUMBER, "upper end"),
        Column("level", NUMBER, "of the interval"),
    ),
)
AS_PEOPLE = Table(
    "as_people",
    "the second interval: each share as people would code, beside the share as read; never instead of it",
    ("frame", "year", "denominator", "definition", "basis", "scope"),
    (
        Column("frame", TEXT, "the population"),
        Column("year", TEXT, "year of publication; empty for all years"),
        Column("definition", TEXT, "what counts as direct (codebook.toml)"),
        Column("denominator", TEXT, "what it is a share of (codebook.toml)"),
        Column("basis", TEXT, "outside labels or gold, as in reader_error"),
        Column("scope", TEXT, "theirs: people also say what is in the denominator; as read: only what counts changes"),
        Column("share_as_read", NUMBER, "the share by the settled codes, as in shares"),
        Column("low_as_read", NUMBER, "lower end of its interval"),
        Column("high_as_read", NUMBER, "upper end"),
        Column(
            "share",
            NUMBER,
            "the share as people would code, at the rates as seen (as read where no label decides); empty where no "
            "label of a source is there",
            is_nullable=True,
        ),
        Column("low", NUMBER, "lower end of its interval: sampling and reader error together"),
        Column("high", NUMBER, "upper end"),
        Column("level", NUMBER, "of both intervals"),
        Column("n_decided", INTEGER, "documents on which people decide whether they count, of the same sources"),
        N_PERSON,
    ),
)
CLAIMS = Table(
    "claims",
    "the dial: at which reader error a claim ceases to hold (claims: census.toml)",
    ("claim", "dial"),
    (
        Column("claim", TEXT, "its id"),
        Column("title", TEXT, "what it says"),
        Column("frame", TEXT, "the population"),
        Column("definition", TEXT, "what counts as direct (codebook.toml)"),
        Column("denominator", TEXT, "what it is a share of (codebook.toml)"),
        Column(
            "dial",
            TEXT,
            "which error: missed (in the denominator only, should count), overcalled (counts, should not), both ways "
            "alike, scope too narrow (outside, should count); of a fall: where it does most harm",
        ),
        Column(
            "ends_at",
            NUMBER,
            "chance of this error from which the interval no longer bears the claim; 0: not even as read; empty: never",
            is_nullable=True,
        ),
        Column("turns_at", NUMBER, "the same of the estimate itself", is_nullable=True),
        Column("basis", TEXT, "what the error was measured on, as in reader_error; empty where it was not"),
        Column("n_decided", INTEGER, "documents it was measured on"),
        Column("measured_chance", NUMBER, "the error as measured", is_nullable=True),
        Column("measured_low", NUMBER, "lower end of its interval", is_nullable=True),
        Column("measured_high", NUMBER, "upper end", is_nullable=True),
    ),
)
SMOOTHED = Table(
    "smoothed",
    "yearly shares smoothed over the years (a random walk, integrated over its step): an extra line, no headline",
    ("frame", "year", "denominator", "definition"),
    (
        Column("frame", TEXT, "the population"),
        Column("year", TEXT, "year of publication"),
        Column("definition", TEXT, "what counts as direct (codebook.toml)"),
        Column("denominator", TEXT, "what it is a share of (codebook.toml)"),
        Column("share", NUMBER, "smoothed share: a year that stands out is pulled towards those beside it"),
        Column("low", NUMBER, "lower end of its interval"),
        Column("high", NUMBER, "upper end"),
        Column("level", NUMBER, "of the interval"),
        Column("step", NUMBER, "standard deviation of a year's step, mean of what the data leave possible"),
        N_PERSON,
    ),
)
PRICES = Table(
    "prices",
    "what every next step costs and saves: points of interval for each minute of reading, the best first",
    ("target", "rank"),
    (
        Column("target", TEXT, "which interval: FRAME/YEAR DEFINITION, or the mean width of every headline share's"),
        Column("rank", INTEGER, "place of the step for this target, 1 for the best"),
        Column(
            "action",
            TEXT,
            "adjudicate (one document, or some together), read one more of a stratum or band, read more of a stratum "
            "at random or by bands (active drawing), have people check (gold)",
        ),
        Column("what", TEXT, "document, stratum, band of predicted chances (of each definition), or size of the draw"),
        Column("interval", TEXT, "as read; or, for people's checks, as people would (the second interval)"),
        Column("n_documents", INTEGER, "documents that it takes"),
        Column("points_now", NUMBER, "width of that interval now, in percentage points"),
        Column("points_saved", NUMBER, "expected narrowing, in percentage points"),
        Column("minutes", NUMBER, "of reading (census.toml, minutes)"),
        Column("saved_per_minute", NUMBER, "the price: points_saved / minutes"),
    ),
)
CALLS = Table(
    "calls",
    "which documents are called in scope, read or not: no share rests on it (census.toml, estimate.scope_recall)",
    ("doc_id",),
    (
        Column("doc_id", TEXT, "the document"),
        Column("frame", TEXT, "the frame it came with, whose threshold it was called by"),
        Column("chance", NUMBER, "of being in scope, calibrated on what was read of its frame; without its own code"),
        Column("scope", TEXT, "in (a chance of a half or more), out (below the frame's threshold), edge (between)"),
        Column("group", TEXT, "the likeliest group of the codebook, given that"),
        Column("is_read", FLAG, "whether it was read or screened: then its code counts, not this call"),
    ),
)
SCOPE_CALLS = Table(
    "scope_calls",
    "how sure calls are: of each frame's read documents, by thresholds and chances that did not see their codes",
    ("frame",),
    (
        Column("frame", TEXT, "the frame that documents came with; empty for all"),
        Column("asked_recall", NUMBER, "share of the documents in scope that the threshold is to keep"),
        Column("threshold", NUMBER, "chance below which a document is called out of scope", is_nullable=True),
        Column("n_documents", INTEGER, "documents"),
        Column("n_read", INTEGER, "of them read, or marked out of scope by a screener"),
        Column("n_inside", INTEGER, "of these in scope by their code"),
        Column("share_called", NUMBER, "of the documents, called in scope or at the edge"),
        Column("share_likely", NUMBER, "of the documents, called in scope"),
        Column("calibration_error", NUMBER, "mean over ten bands of |mean chance - share in scope|", is_nullable=True),
        Column("calibration_noise", NUMBER, "what exact chances would show with as many read", is_nullable=True),
        *(
            Column(f"{name}{end}", NUMBER, meaning if not end else f"{word} of its interval", is_nullable=True)
            for name, meaning in (
                ("recall", "of what is in scope by its code, called in scope or at the edge (weighted)"),
                ("precision", "of what is called so, in scope by its code (weighted)"),
                ("likely_recall", "of what is in scope by its code, called in scope (weighted)"),
                ("likely_precision", "of what is called in scope, in scope by its code (weighted)"),
            )
            for end, word in (("", ""), ("_low", "lower end"), ("_high", "upper end"))
        ),
        Column("level", NUMBER, "of the intervals"),
    ),
)
RELIABILITY = Table(
    "reliability",
    "whether chances of being in scope come true: of the read documents of each band of chances, the share in scope",
    ("frame", "band"),
    (
        Column("frame", TEXT, "the frame that documents came with; empty for all"),
        Column("band", TEXT, "of the chance"),
        Column("n_read", INTEGER, "documents read, or marked by a screener, in it"),
        Column("chance", NUMBER, "their mean chance, from models that did not see their codes (weighted)"),
        Column("share", NUMBER, "of them in scope by their code (weighted)"),
        Column("low", NUMBER, "lower end of its interval (Wilson, at Kish's effective size)"),
        Column("high", NUMBER, "upper end"),
        Column("level", NUMBER, "of the interval"),
    ),
)
EDGE_PRICES = Table(
    "edge_prices",
    "what reading documents of doubtful scope puts right: by itself, and by what it teaches (make plan)",
    ("frame",),
    (
        Column("frame", TEXT, "the frame that documents came with"),
        Column("n_unread", INTEGER, "documents at hand that nobody read"),
        Column("n_doubtful", INTEGER, "of them, those with a chance of being in scope between 0.25 and 0.75"),
        Column("n_asked", INTEGER, "documents to read: of these"),
        Column("minutes", NUMBER, "that takes (census.toml, minutes)"),
        Column("wrong_now", NUMBER, "unread documents expected to be called wrong at a chance of a half"),
        Column("settled_doubtful", NUMBER, "of them expected among n_asked doubtful ones: reading puts them right"),
        Column("settled_random", NUMBER, "of them expected among n_asked drawn of all unread ones"),
        Column("recall_now", NUMBER, "expected: of the documents in scope, read or called in"),
        Column("precision_now", NUMBER, "expected: of what is called in, or read and in scope, in scope"),
        Column("recall_then", NUMBER, "expected once n_asked doubtful ones are read, by this alone"),
        Column("precision_then", NUMBER, "expected once n_asked doubtful ones are read, by this alone"),
        Column("n_repeats", NUMBER, "repetitions of the replay; empty where too little is read", is_nullable=True),
        Column("n_taught", NUMBER, "documents that one added to half of the frame's readings", is_nullable=True),
        Column("wrong_share_doubtful", NUMBER, "of the doubtful ones added, called wrong before", is_nullable=True),
        Column("wrong_share_random", NUMBER, "of those added at random, called wrong before", is_nullable=True),
        *(
            Column(f"{key}_{name}", NUMBER, f"{what}: {meaning}", is_nullable=True)
            for key, what in (("wrong", "wrong calls, of 1,000 not read"), ("brier", "1,000 times the squared error"))
            for name, meaning in (
                ("replayed", "before documents were added"),
                ("doubtful", "fewer after doubtful ones were added"),
                ("doubtful_error", "standard deviation of that over the root of n_repeats"),
                ("random", "fewer after as many drawn by their weights were added"),
                ("random_error", "standard deviation of that over the root of n_repeats"),
                ("apart_error", "standard deviation of the difference over the root of n_repeats"),
            )
        ),
    ),
)
SHARE_TABLES = {
    table.name: table
    for table in (
        SHARES,
        TOTALS,
        TOTAL_GROWTH,
        POSITIONS,
        RECALL,
        GROUPS,
        TRENDS,
        PEOPLE,
        DIRECT_PEOPLE,
        CURVE,
        TOGGLES,
        ROBUSTNESS,
        AGENDAS,
        AGENDA_GROWTH,
        GUESSES,
        WEIGHTS,
        PLAN,
        PRICES,
        NEEDS,
        READER_ERROR,
        AS_PEOPLE,
        CLAIMS,
        SMOOTHED,
        MIXTURES,
        CALLS,
        SCOPE_CALLS,
        RELIABILITY,
    )
}
CHANGES = Table(
    "changes",
    "what differs from the last version",
    ("doc_id",),
    (
        Column("doc_id", TEXT, "the document"),
        Column("change", TEXT, "added, changed or gone"),
        Column("columns", TEXTS, "the columns of documents that differ; empty unless changed"),
    ),
)
TEXTS_TABLE = Table(
    "texts",
    "texts that their licence allows to pass on; off unless [dataset] text says otherwise",
    ("doc_id",),
    (
        Column("doc_id", TEXT, "the document; its authors and url are in documents"),
        Column("text", TEXT, "cleaned text"),
        Column("text_sha256", TEXT, "SHA-256 of title, an empty line and this text, as in documents"),
        Column("licence", TEXT, "under which the text may be passed on, as an SPDX identifier"),
    ),
)
