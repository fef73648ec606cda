"""Every table that a stage writes, declared once: columns, types, keys, and what each column means."""

from dataclasses import dataclass

import pyarrow as pa

TEXT = pa.string()
TEXTS = pa.list_(pa.string())
INTEGER = pa.int32()
NUMBER = pa.float64()
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


_FACTS = (
    Column("source", TEXT, "the site it comes from: alignmentforum, lesswrong, eaforum, arxiv, or a blog's name"),
    Column("frame", TEXT, "the defined population it belongs to (see the frames in census.toml)"),
    Column("url", TEXT, "where to read it", is_nullable=True),
    Column("title", TEXT, "cleaned title"),
    Column(
        "authors",
        TEXTS,
        "names as the source gives them, in order; the Alignment Forum frame has the first author only",
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
            "stable id: lw:<post id> (LessWrong and Alignment Forum), eaf:<post id>, arxiv:<id without version>",
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


CLUSTERS = Table(
    "clusters",
    "the groups of each layer",
    ("layer", "cluster_id"),
    (
        Column("layer", TEXT, "name of the layer, from coarse to fine"),
        Column("cluster_id", TEXT, "<layer>-<number>, numbered by size"),
        Column("name", TEXT, "its most telling terms (class-based TF-IDF)"),
        Column("document_count", INTEGER, "members"),
        Column("exemplar_ids", TEXTS, "the members closest to the centre"),
        Column("is_small", FLAG, "below [cluster] min_size: read with care"),
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
        Column("phase2_stratum", TEXT, "agree, doubtful or disagree"),
        Column("phase2_probability", NUMBER, "chance of having been adjudicated"),
        Column("is_adjudicated", FLAG, "whether an adjudicator settled it"),
        Column("reader_1_leaf", TEXT, "leaf of the first reader"),
        Column("reader_2_leaf", TEXT, "leaf of the second reader"),
        Column("leaf", TEXT, "settled leaf: the adjudicator's where there is one, else the first reader's"),
        Column("leaf2", TEXT, "second leaf", is_nullable=True),
        Column("group", TEXT, "letter of the settled leaf"),
        Column("target", TEXT, "axis: whose behaviour"),
        Column("mechanism", TEXT, "axis: what it does"),
        Column("scaling", TEXT, "axis: its claim about superhuman systems"),
        Column("evidence", TEXT, "axis: kind of evidence"),
        Column("confidence", INTEGER, "3 sure, 2 probable, 1 coin-flip"),
        Column("coder_kind", TEXT, "who settled it: person or language model"),
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
        Column("n_population", INTEGER, "documents in the frame and year"),
        Column("n_read", INTEGER, "documents read in the frame and year"),
        Column("n_effective", NUMBER, "size of a simple random sample with the same precision", is_nullable=True),
        Column("method", TEXT, "estimator and interval"),
    ),
)
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
        Column("licence", TEXT, "CC0-1.0 (arXiv metadata) or CC-BY-4.0 (EA Forum from 2022-12-01)"),
    ),
)
