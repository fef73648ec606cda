"""The share under every definition, from the read documents."""

from pipeline.stages import ROUND_FILES, ROUND_SETTINGS, ROUND_TABLES, Option, Stage

STAGES = (
    Stage(
        name="estimate",
        purpose="shares with intervals, from the read documents",
        run="pipeline.estimate.stage:run",
        reads=(*ROUND_TABLES, "authorship", "terms", "embeddings", "cluster_members", "second_members"),
        writes=(
            "shares",
            "totals",
            "total_growth",
            "recall",
            "positions",
            "codes",
            "coverage",
            "predictions",
            "groups",
            "trends",
            "people",
            "curve",
            "toggles",
            "robustness",
            "agendas",
            "agenda_growth",
            "guesses",
            "weights",
            "plan",
            "prices",
            "needs",
            "reader_error",
            "as_people",
            "claims",
            "smoothed",
            "mixtures",
        ),
        inputs=(
            *ROUND_FILES,
            "{handcheck}/positions.toml",
            "{handcheck}/external/*.csv",
            "{handcheck}/rounds/*/gold.csv",
        ),
        settings=(
            "seed",
            "estimate",
            "claims",
            *ROUND_SETTINGS,
            "frames.*.is_quotable",
            "frames.*.complete_from",
            "frames.*.complete_before",
            "embed.dimension_count",
            "report.denominator",
            "report.headline_definitions",
        ),
    ),
    Stage(
        name="plan",
        purpose='what each next step costs and saves: make plan [FOR="FRAME/YEAR DEFINITION"] [DRAW=]',
        run="pipeline.estimate.plan:run",
        reads=("plan", "prices", "needs", "as_people", *ROUND_TABLES, "authorship", "terms", "embeddings"),
        inputs=(*ROUND_FILES, "{handcheck}/external/*.csv", "{handcheck}/rounds/*/gold.csv"),
        settings=(
            "seed",
            "estimate",
            *ROUND_SETTINGS,
            "embed.dimension_count",
            "report.denominator",
        ),
        options=(
            Option(
                "for", 'whose interval: "FRAME/YEAR DEFINITION" (default: every headline share)', "FOR", keyword="share"
            ),
            Option("draw", 'draw what halves an interval: "FRAME/YEAR DEFINITION", or of one stratum', "DRAW"),
        ),
    ),
)
