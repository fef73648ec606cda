"""How likely each document is AI safety at all."""

from pipeline.stages import ROUND_FILES, ROUND_SETTINGS, ROUND_TABLES, Stage

STAGES = (
    Stage(
        name="scope",
        purpose="how likely each document is AI safety at all, with precision and recall",
        run="pipeline.scope.stage:run",
        reads=(*ROUND_TABLES, "embeddings"),
        writes=("scope", "scope_quality"),
        inputs=(*ROUND_FILES, "{scope.background}"),
        settings=(
            "scope",
            "seed",
            *ROUND_SETTINGS,
            "estimate.level",
            "embed.dimension_count",
            "embed.weights_sha256",
        ),
    ),
)
