"""The configuration: one TOML file, read into frozen dataclasses, each stage with its own slice."""

import json
import tomllib
from dataclasses import field, fields, replace
from datetime import date, time
from pathlib import Path
from typing import Any, Literal, TypeVar

from pydantic import ConfigDict, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from pipeline.config_checks import check_name, check_values
from pipeline.errors import ConfigError

T = TypeVar("T")
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
        engine: `local`, or `ray`: extraction and encoding by several processes or machines (extra `ray`; RAY_ADDRESS
            names a cluster, whose machines must all see the processed files).
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


@dataclass(frozen=True, config=STRICT)
class Config:
    """The whole file. `sources` stays as tables, since each source validates its own entry."""

    version: str
    seed: int
    sources: dict[str, dict[str, Any]]
    frames: dict[str, Frame]
    embed: Embed
    cluster: Cluster
    estimate: Estimate
    report: Report
    dataset: Dataset
    paths: Paths = field(default_factory=Paths)
    terms: Terms = field(default_factory=Terms)
    corpus: Corpus = field(default_factory=Corpus)
    scope: Scope = field(default_factory=Scope)
    hydrate: Hydrate = field(default_factory=Hydrate)
    claims: tuple[Claim, ...] = ()
    scrape: Scrape = field(default_factory=Scrape)
    root: Path = Path()
    file: Path = Path("census.toml")

    def path(self, *parts: str) -> Path:
        """Returns a path of the project, starting at its root."""
        return self.root.joinpath(*parts)

    def processed(self, name: str) -> Path:
        """Returns the path of the derived table `name`."""
        return self.path(self.paths.processed, f"{name}.parquet")


def build(kind: type[T], table: object, where: str) -> T:
    """Checks a table of the configuration against a frozen dataclass and returns it filled in.

    Raises:
        ConfigError: for the first unknown key, missing key or wrong type, naming its place.
    """
    adapter = TypeAdapter(kind)
    try:
        # JSON mode turns TOML arrays into tuples while staying strict about every other type.
        return adapter.validate_json(json.dumps(table, default=_as_text))
    except (RecursionError, TypeError) as error:
        raise ConfigError(f"cannot be read ({error})", where=where, do="write it as census.toml does") from None
    except ValidationError as error:
        # A misspelt key is missing under its right name too: the spelling is the cause.
        errors = sorted(error.errors(), key=lambda item: item["type"] != "unexpected_keyword_argument")
        first = errors[0]
        place = ".".join(str(part) for part in first["loc"])
        hint = {
            "unexpected_keyword_argument": "unknown key; remove it or correct its spelling",
            "missing": "missing key; add it",
            "missing_argument": "missing key; add it",
        }.get(first["type"], f"{first['msg']} (it is {repr(first['input'])[:80]})")
        raise ConfigError(
            f"[{place}] {hint}", where=where, do="see census.toml in the repository for every key"
        ) from None


def _as_text(value: object) -> str:
    """Writes a date of TOML, which JSON does not have, as it would stand in quotes."""
    if isinstance(value, date | time):
        return value.isoformat()
    raise TypeError(f"a {type(value).__name__}")


def load_config(path: Path) -> Config:
    """Reads and checks the configuration file.

    Raises:
        ConfigError: the file is missing, is not TOML, or has a key or type that is not declared.
    """
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        raise ConfigError(
            "the configuration file is missing",
            where=str(path),
            do="run from the repository root, or pass --config FILE",
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"cannot be read ({error})", where=str(path), do="restore the file from git") from None
    except (tomllib.TOMLDecodeError, RecursionError, ValueError) as error:
        raise ConfigError(f"is not valid TOML: {error}", where=str(path), do="mend the line it names") from None
    if "file" in table:
        raise ConfigError("[file] unknown key; remove it", where=str(path))
    if "root" in table:
        raise ConfigError("[root] unknown key; remove it", where=str(path))
    config = build(Config, table, str(path))
    check_values(config, str(path))
    _check_names(config, str(path))
    config = replace(config, root=(path.resolve().parent / config.paths.root).resolve(), file=path.resolve())
    _check_references(config, str(path))
    return config


def _check_names(config: Config, where: str) -> None:
    """Checks what becomes the name of a folder or a file, so that none leads out of its place."""
    check_name(config.version, "version", where)
    rounds = config.estimate.rounds if isinstance(config.estimate.rounds, tuple) else ()
    for name in (config.estimate.round, *rounds):
        if name:
            check_name(name, "estimate.rounds", where)
    for name in config.sources:
        check_name(name, f"sources.{name[:40]}", where)
    for name in config.frames:
        check_name(name, f"frames.{name[:40]}", where)
    layers = [layer.name for layer in config.cluster.layers]
    for name in layers:
        check_name(name, "cluster.layers", where)
    if len(set(layers)) < len(layers):
        raise ConfigError("[cluster.layers] has two layers of one name", where=where, do="rename one")
    for item in fields(config.paths):
        if not getattr(config.paths, item.name).strip():
            raise ConfigError(f"[paths.{item.name}] is empty", where=where, do="name a folder, or take the key out")


def _check_references(config: Config, where: str) -> None:
    """Checks what a type cannot say: names that must exist, and ranges."""
    if config.report.headline_frame not in config.frames:
        raise ConfigError(
            f"[report.headline_frame] there is no frame {config.report.headline_frame!r}",
            where=where,
            do=f"use one of {', '.join(config.frames)}",
        )
    if not 0 < config.estimate.level < 1:
        raise ConfigError(f"[estimate.level] must lie between 0 and 1, not {config.estimate.level}", where=where)
    _check_claims(config, where)
    if config.cluster.neighbour_count < 1:
        raise ConfigError(
            f"[cluster.neighbour_count] must be at least 1, not {config.cluster.neighbour_count}", where=where
        )
    if not config.sources:
        raise ConfigError("[sources] names no source", where=where, do="add one, such as [sources.census]")
    for name, entry in config.sources.items():
        if not isinstance(entry.get("kind"), str):
            raise ConfigError(f"[sources.{name}.kind] missing key; add it", where=where)


def _check_claims(config: Config, where: str) -> None:
    seen: set[str] = set()
    for claim in config.claims:
        place = f"[claims] {claim.id}"
        if claim.id in seen:
            raise ConfigError(f"{place} is there twice", where=where, do="rename one")
        seen.add(claim.id)
        if claim.frame not in config.frames:
            do = f"use one of {', '.join(config.frames)}"
            raise ConfigError(f"{place}: there is no frame {claim.frame!r}", where=where, do=do)
        said = [claim.below is not None or claim.above is not None, bool(claim.from_year)]
        if sum(said) != 1:
            do = "give below, above or both, or from_year"
            raise ConfigError(f"{place} says nothing, or two things", where=where, do=do)
        for value in (claim.below, claim.above):
            if value is not None and not 0 <= value <= 1:
                raise ConfigError(f"{place}: {value} is no share", where=where, do="give a number from 0 to 1")
