"""The texts of the shipped census, fetched again and verified."""

from pipeline.stages import Option, Stage

STAGES = (
    Stage(
        name="hydrate",
        purpose="the texts of the shipped census, from the network, verified (HYDRATE=--dry-run, --full)",
        run="pipeline.hydrate.stage:run",
        options=(
            Option("dry_run", "print what would be asked, and ask nothing", default=False, keyword="is_dry_run"),
            Option("full", "ask for everything again, not only for what is new", default=False, keyword="is_full"),
        ),
        extras=("scrape",),
    ),
)
