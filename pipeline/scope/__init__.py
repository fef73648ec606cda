"""How likely each document is AI safety at all."""

from pipeline.stages import ROUND_FILES, Stage

STAGES = (
    Stage(
        name="scope",
        purpose="how likely each document is AI safety at all, with precision and recall",
        run="pipeline.scope.stage:run",
        reads=("documents", "embeddings"),
        writes=("scope", "scope_quality"),
        inputs=(*ROUND_FILES, "{scope.background}"),
        settings=(
            "scope",
            "seed",
            "estimate.round",
            "estimate.level",
            "embed.dimension_count",
            "embed.weights_sha256",
        ),
    ),
)
