"""What a stage is, declared once: the command line, the make targets and what reruns when all follow from it.

A room declares its stages in its `__init__.py` as `STAGES`, without importing the work, which is loaded when it runs.
"""

from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class Option:
    """One option of a stage.

    Attributes:
        name: as on the command line, without the two hyphens; an underscore stands for a hyphen.
        help: what it does, in a few words.
        variable: the make variable that sets it; empty if make has none.
        default: taken where it is not given; its type (str, int) is the option's. False makes it a flag.
        choices: the values allowed; empty for any.
        is_positional: given by place, not by name.
        keyword: what the stage's function calls it, where that is another name.
    """

    name: str
    help: str
    variable: str = ""
    default: str | int | bool = ""
    choices: tuple[str, ...] = ()
    is_positional: bool = False
    keyword: str = ""


@dataclass(frozen=True)
class Case:
    """What a stage reads besides, where a setting has a certain value.

    Attributes:
        setting: `a.b` for the setting `b` of `[a]`.
        value: the one of which the rest holds.
        inputs: patterns of files, as those of a stage.
        settings: keys, as those of a stage.
    """

    setting: str
    value: str
    inputs: tuple[str, ...] = ()
    settings: tuple[str, ...] = ()


@dataclass(frozen=True)
class Stage:
    """One stage: a make target and a command.

    A stage with outputs is run by make when something it depends on has other content: its code (the modules that
    `run` reaches, without comments and docstrings), its settings, its tables, its inputs and its assets. A stage
    without outputs is a command: make brings the tables that it reads up to date, and runs it.

    Attributes:
        name: of the target.
        purpose: what it makes, in a few words, as `make help` says it.
        run: `module:function`, called as `function(config, **options)`; it returns an exit status or None.
        reads: tables of `data/processed`, by name, that other stages write.
        may_read: tables that it reads where they exist; make does not bring them up to date for it.
        writes: tables of `data/processed`, by name.
        inputs: patterns of files that no stage writes. `{raw}`, `{handcheck}`, `{reports}` and `{root}` are folders of
            the configuration; `{census}` stands for the folder of each census source, `{reuse}` for each of
            `[embed] reuse`, `{files}` for each file that a source names, `{other_reports}` for the folder of each
            published version but this one, and `{a.b}` for the file that the setting `b` of `[a]` names.
        outputs: patterns of other files that it writes; `{version}` is the census version.
        settings: keys of the configuration that it reads, such as `report.denominator`; `frames.*` for the names in a
            table, `frames.*.is_quotable` for one key of each; `sources[census]` for the census sources alone.
        cases: inputs and settings that it reads under one value of a setting only.
        tuning: settings that change how fast it is, never what comes out.
        assets: patterns of files under `pipeline/` that are no Python.
        options: on the command line.
        extras: optional parts of the installation that it cannot do without.
        shows_meanings: whether what `schemas` says of columns is part of what it writes.
        is_hidden: left out of `make help`.
    """

    name: str
    purpose: str
    run: str
    reads: tuple[str, ...] = ()
    may_read: tuple[str, ...] = ()
    writes: tuple[str, ...] = ()
    inputs: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()
    settings: tuple[str, ...] = ()
    cases: tuple[Case, ...] = ()
    tuning: tuple[str, ...] = ()
    assets: tuple[str, ...] = ()
    options: tuple[Option, ...] = ()
    extras: tuple[str, ...] = ()
    shows_meanings: bool = False
    is_hidden: bool = False

    @property
    def is_derived(self) -> bool:
        """Whether it writes files that can be up to date."""
        return bool(self.writes or self.outputs)

    @property
    def module(self) -> str:
        """The module of its function."""
        return self.run.partition(":")[0]


# What the readers of a round left: every stage that starts from the read sample watches these.
ROUND_FILES = (
    "{handcheck}/codebook/codebook.toml",
    "{handcheck}/rounds/*/round.toml",
    "{handcheck}/rounds/*/design.csv",
    "{handcheck}/rounds/*/sample.csv",
    "{handcheck}/rounds/*/mixture.csv",
    "{handcheck}/rounds/*/members.parquet",
    "{handcheck}/rounds/*/adjudication*.csv",
    "{handcheck}/rounds/*/extension.csv",
    "{handcheck}/sheets/*.csv",
    "{handcheck}/sheets/adjudication/*.csv",
    "{handcheck}/sheets/screening/*.csv",
)
# And these, to lay the rounds over the census of today.
ROUND_TABLES = ("documents", "frame_members", "text_versions")
ROUND_SETTINGS = (
    "estimate.round",
    "estimate.rounds",
    "frames.*.renamed_from",
    "frames.*.windows",
    "frames.*.borrows",
    "frames.*.part_of",
    "report.headline_frame",
)


def order_stages(stages: dict[str, Stage], target: str) -> Iterator[Stage]:
    """Yields the stages that the tables of `target` come from, each after those it reads from, and `target` last.

    Raises:
        ValueError: a table is written by no stage, or the declarations form a circle.
    """
    writer = {table: stage for stage in stages.values() for table in stage.writes}
    done: set[str] = set()

    def visit(stage: Stage, above: tuple[str, ...]) -> Iterator[Stage]:
        if stage.name in above:
            raise ValueError(f"the stages {' -> '.join([*above, stage.name])} form a circle")
        for table in stage.reads:
            if table not in writer:
                raise ValueError(f"stage {stage.name} reads the table {table}, which no stage writes")
            if writer[table].name not in done:
                yield from visit(writer[table], (*above, stage.name))
        done.add(stage.name)
        yield stage

    yield from visit(stages[target], ())
