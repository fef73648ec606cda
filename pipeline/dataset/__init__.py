"""The census release: made, described, checked, searched; `load_census` opens one."""

from typing import TYPE_CHECKING, Any

from pipeline.stages import Option, Stage

if TYPE_CHECKING:
    from pipeline.release.load import Census, load_census

__all__ = ["STAGES", "Census", "load_census"]

STAGES = (
    Stage(
        name="dataset",
        purpose="the census release under dist/",
        run="pipeline.dataset.stage:run",
        reads=(
            "documents",
            "embeddings",
            "terms",
            "clusters",
            "cluster_members",
            "cluster_changes",
            "second_members",
            "layout",
            "codes",
            "weights",
            "predictions",
            "calls",
            "scope_calls",
            "shares",
            "agendas",
            "agenda_list",
            "agenda_members",
            "agenda_sizes",
            "agenda_scores",
            "coverage",
            "frame_members",
            "text_versions",
            "works",
            "persons",
        ),
        inputs=(
            "{handcheck}/codebook/codebook.toml",
            "{handcheck}/rounds/*/round.toml",
            "{handcheck}/rounds/*/members.parquet",
            "{handcheck}/rounds/*/sample.csv",
            "{raw}/census/*/manifest.json",
            "{raw}/census/*/documents.parquet",
            "{dataset.previous}/documents.parquet",
        ),
        outputs=("{dist}/census-{version}/*",),
        settings=(
            "sources[census]",
            "version",
            "dataset",
            "frames",
            "embed.model",
            "embed.weights_sha256",
            "embed.max_tokens",
            "embed.dimension_count",
        ),
        shows_meanings=True,
    ),
    Stage(
        name="dist",
        purpose="two wheels under dist/: the program, and the census as data",
        run="pipeline.dataset.wheels:run",
        reads=("documents", "embeddings", "shares", "codes", "persons"),
    ),
    Stage(
        name="release",
        purpose="the census that the next one starts from: make release VERSION=2027.02",
        run="pipeline.dataset.publish:run",
        reads=("documents", "shares", "codes"),
        options=(Option("version", "of the release (default: that of the configuration)", "VERSION"),),
    ),
    Stage(
        name="verify",
        purpose="recompute every hash, key, foreign key and count of the releases",
        run="pipeline.dataset.verify:run",
        reads=("shares", "agreement"),
    ),
    Stage(
        name="search",
        purpose="the documents nearest to a sentence",
        run="pipeline.dataset.search:run",
        options=(
            Option("query", "what to look for, in words", "QUERY", is_positional=True),
            Option("count", "how many documents", "COUNT", default=10),
            Option("release", "folder of the release (default: the census of the configuration)", keyword="folder"),
        ),
        extras=("encode",),
    ),
)


def __getattr__(name: str) -> Any:
    """Loads the loader when it is first asked for: a declaration must not load pandas."""
    if name in {"Census", "load_census"}:
        import pipeline.release.load as load  # noqa: PLC0415

        return getattr(load, name)
    raise AttributeError(name)
