"""What may stand in the configuration: its sections, each a frozen dataclass, with their defaults."""

from dataclasses import field
from typing import Literal

from pydantic import ConfigDict
from pydantic.dataclasses import dataclass

STRICT = ConfigDict(extra="forbid", strict=True)


@dataclass(frozen=True, config=STRICT)
class Paths:
    """Where the stages read and write. `root` starts at the folder of the configuration file, the rest at `root`."""

    root: str = "."
    raw: str = "data/raw"
    processed: str = "data/processed"
    reports: str = "reports"
    dist: str = "dist"
    handcheck: str = "data/raw/handcheck"


@dataclass(frozen=True, config=STRICT)
class Frame:
    """A defined population of documents: what it is, and whether a share of it may be quoted.

    Attributes:
        windows: the spans of time that it grows by, each a stratum of its own: year or quarter. Empty: the whole frame
            is one stratum.
        renamed_from: ids that it had before; documents, samples and configurations that say them mean this frame.
        borrows: whether documents that were drawn in another frame and are in this one too count here.
        members: a file that lists its whole population, also documents whose facts the census does not hold: the
            columns doc_id (or id) and stratum (`frame/window` or `frame/window/part`).
        complete_from, complete_before: the span in which it is complete, if not always: days, the second one outside.
            Its shares may then be quoted window by window, of windows inside the span; see `may_be_quoted`.
        part_of: the parts of another frame's strata that are this one, as `frame/part`: its shares are then those of
            these strata, and nothing else is drawn or read for it.
    """

    title: str
    kind: str
    description: str
    use: str
    is_quotable: bool
    windows: Literal["", "year", "quarter"] = ""
    renamed_from: tuple[str, ...] = ()
    borrows: bool = True
    members: str = ""
    complete_from: str = ""
    complete_before: str = ""
    part_of: str = ""


@dataclass(frozen=True, config=STRICT)
class Terms:
    """How the vocabulary of the term counts is pruned."""

    min_document_count: int = 12
    max_document_share: float = 0.25
    max_terms_per_document: int = 80
    token_limit: int = 600


@dataclass(frozen=True, config=STRICT)
class Corpus:
    """How records become documents.

    Attributes:
        fixed_frames: frames that a sample was drawn from: their members are linked as one work, never merged.
    """

    fixed_frames: tuple[str, ...] = ()


@dataclass(frozen=True, config=STRICT)
class Scope:
    """How the relevance score is learned, and how much of the work in scope its threshold must keep."""

    background: str = ""
    min_recall: float = 0.97
    inverse_penalty: float = 3.0
    fold_count: int = 10
    repeat_count: int = 5


@dataclass(frozen=True, config=STRICT)
class Hydrate:
    """Where the texts of a census are asked for, and how politely.

    Attributes:
        access_header_variable: environment variable with a header ("Name: value") that a forum gave you.
        arxiv_url: the bulk interface, one paper a request; an address that ends in /api/query is the Atom interface,
            `paper_batch_count` papers a request, which needs `arxiv_robots` (see `robots` of a source `arxiv-query`).
        arxiv_robots_reason: where the operator's terms stand that allow it.
    """

    seconds_between: float = 3.0
    post_batch_count: int = 10
    paper_batch_count: int = 100
    access_header_variable: str = "CENSUS_FORUM_HEADER"
    arxiv_url: str = "https://oaipmh.arxiv.org/oai"
    arxiv_robots: Literal["", "documented API"] = ""
    arxiv_robots_reason: str = ""
    forum_urls: dict[str, str] = field(
        default_factory=lambda: {
            "lw": "https://www.lesswrong.com/graphql",
            "eaf": "https://forum-bots.effectivealtruism.org/graphql",
        }
    )


@dataclass(frozen=True, config=STRICT)
class Scrape:
    """Who asks. `contact` is an e-mail address that services may write to; $CENSUS_CONTACT takes its place."""

    contact: str = ""


@dataclass(frozen=True, config=STRICT)
class Embed:
    """Which encoder makes the vectors, and with what.

    Attributes:
        model: a package that carries weights, or a folder with them.
        batch_size: texts at once on torch; the OpenVINO path has its own, smaller size.
        backend, precision: `auto` takes the fastest at hand whose vectors stay within cosine 0.999 of torch float32.
            `int8` is faster and less faithful; it has to be asked for, and its vectors are stored apart.
        device: `auto` takes a CUDA device where torch sees one.
        reuse: folders of releases whose vectors are taken, by text hash, before anything is encoded.
        engine: `local`, or `ray`: the work of `corpus`, `embed` and `cluster` by several processes or machines (extra
            `ray`; RAY_ADDRESS names a cluster, whose machines must all see the processed files).
        worker_count: processes of the ray engine.
    """

    model: str
    weights_sha256: str
    dimension_count: int
    max_tokens: int = 256
    batch_size: int = 32
    backend: Literal["auto", "torch", "openvino", "onnx"] = "auto"
    precision: Literal["auto", "float32", "bfloat16", "int8"] = "auto"
    device: Literal["auto", "cpu", "cuda"] = "auto"
    reuse: tuple[str, ...] = ()
    engine: Literal["local", "ray"] = "local"
    worker_count: int = 2


@dataclass(frozen=True, config=STRICT)
class Layer:
    """One level of the cluster hierarchy; a higher resolution gives more, smaller clusters."""

    name: str
    resolution: float


@dataclass(frozen=True, config=STRICT)
class Cluster:
    """The neighbour graph and the layers cut from it.

    Attributes:
        space: cut in the stored vectors, all documents; or in the space of the subject, documents in scope only, which
            needs a read sample.
        min_scope_chance: in the space of the subject, the least chance of being in scope of a document that is kept.
        sample_count: random parts of the documents that the stability of the clusters is measured on.
        recluster: cut the layers anew and match them to the last ones, instead of letting new documents join.
        remeasure: measure stability again, even where few documents are new since the last clustering.
    """

    layers: tuple[Layer, ...]
    neighbour_count: int = 30
    name_term_count: int = 4
    min_size: int = 25
    space: Literal["vectors", "subject"] = "vectors"
    min_scope_chance: float = 0.35
    sample_count: int = 20
    recluster: bool = False
    remeasure: bool = False


@dataclass(frozen=True, config=STRICT)
class Minutes:
    """Minutes that a document takes.

    Attributes:
        read: to be read by the readers of a round, all of them together, and settled where they do not agree.
        adjudicate: to be adjudicated.
        check: to be read by a person.
    """

    read: float = 2.0
    adjudicate: float = 1.0
    check: float = 1.0


@dataclass(frozen=True, config=STRICT)
class Estimate:
    """Which rounds the shares are estimated from, the level of the intervals, and leaves reported together.

    Attributes:
        rounds: "all", or the names of rounds under data/raw/handcheck/rounds/; all of them where neither is given.
        round: one round; where `rounds` is given too, only the one that the hand-check page shows.
        agendas: by the name of an agenda, the leaves that it joins.
        reader_sources: by a name, sources whose documents readers err alike on; others are each by themselves.
        minutes: what each action of `make plan` takes.
        asked_widths: how wide an interval is to be, by frame and definition, as a share: of every year and of all.
        scope_recall: share of the documents in scope that the call of single documents is to keep, in every frame; 0:
            no document is called.
    """

    round: str = ""
    rounds: Literal["all"] | tuple[str, ...] = ()
    level: float = 0.95
    agendas: dict[str, tuple[str, ...]] = field(default_factory=dict)
    reader_sources: dict[str, tuple[str, ...]] = field(default_factory=dict)
    minutes: Minutes = field(default_factory=Minutes)
    asked_widths: dict[str, dict[str, float]] = field(default_factory=dict)
    scope_recall: float = 0.0


@dataclass(frozen=True, config=STRICT)
class Claim:
    """A sentence about a share, to be held against reader error: it is below or above a number, or it has fallen.

    Attributes:
        id, title: of the claim.
        frame, definition, denominator: of its share; the headline's denominator by default.
        year: of its share, or the last year of a fall; "" for all years, or the last there is.
        below, above: what the share is below, or above.
        from_year: the first year of a fall.
    """

    id: str
    title: str
    frame: str
    definition: str
    denominator: str = ""
    year: str = ""
    below: float | None = None
    above: float | None = None
    from_year: str = ""


@dataclass(frozen=True, config=STRICT)
class Report:
    """What the first screen shows.

    Attributes:
        title: at its head.
        headline_frame, headline_definitions, denominator: what it says first.
        url: address at which the folder `reports/` is published, for the pictures of link previews; empty: nowhere.
    """

    title: str
    headline_frame: str
    headline_definitions: tuple[str, ...]
    denominator: str = "all"
    url: str = ""


@dataclass(frozen=True, config=STRICT)
class Licence:
    """Which texts may be passed on, and under what.

    Attributes:
        source: the site, as in `documents`.
        text_kinds: of its texts, those that it covers: full, abstract, opening.
        licence: SPDX identifier.
        from_date: the first day of publication that it covers; empty for all.
        reason: where it is said; an address.
    """

    source: str
    text_kinds: tuple[str, ...]
    licence: str
    from_date: str = ""
    reason: str = ""


@dataclass(frozen=True, config=STRICT)
class Dataset:
    """How the release introduces itself.

    Attributes:
        title, reading_note: shown at its head.
        url: where it is published; empty as long as it is nowhere, and then nothing claims to be.
        contact: whom to write to about it: an e-mail address or an address of the web; empty if nobody is named.
        creators: who publishes it, by name.
        keywords: tags of the card.
        acknowledgement: thanks that a source asks for.
        licences: the texts that may be passed on.
        text: `none`, or `licensed` to publish these texts.
        previous: folder of the version that the changes are counted from; the newest older census by default.
        left_out: tables of results that `make release` does not put into the repository, to keep it small.
    """

    title: str
    url: str
    reading_note: str
    contact: str = ""
    creators: tuple[str, ...] = ()
    keywords: tuple[str, ...] = ()
    acknowledgement: str = ""
    licences: tuple[Licence, ...] = ()
    text: Literal["none", "licensed"] = "none"
    previous: str = ""
    left_out: tuple[str, ...] = ()
