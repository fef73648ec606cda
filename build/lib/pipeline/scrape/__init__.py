"""The live sources and the files at hand; `scrape` is the only stage that asks the network for new documents."""

from pipeline.stages import Option, Stage

STAGES = (
    Stage(
        name="scrape",
        purpose="what is new at the sources, from the network (SCRAPE=--dry-run shows what would be asked)",
        run="pipeline.scrape.stage:run",
        options=(
            Option("source", "only this entry of [sources]", "SOURCE", keyword="only"),
            Option("dry_run", "print what would be asked, and ask nothing", default=False, keyword="is_dry_run"),
            Option("full", "ask for everything again, not only for what is new", default=False, keyword="is_full"),
        ),
        extras=("scrape",),
    ),
)
