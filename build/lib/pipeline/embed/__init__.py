"""A vector for each document."""

from pipeline.stages import Stage

STAGES = (
    Stage(
        name="embed",
        purpose="a vector for each document; only new texts are encoded",
        run="pipeline.embed.stage:run",
        reads=("documents",),
        writes=("embeddings",),
        inputs=("{census}/embeddings.parquet", "{reuse}/embeddings.parquet"),
        settings=(
            "sources[census]",
            "embed.model",
            "embed.weights_sha256",
            "embed.dimension_count",
            "embed.max_tokens",
            "embed.batch_size",
            "embed.backend",
            "embed.precision",
            "embed.device",
            "embed.reuse",
        ),
        tuning=("embed.engine", "embed.worker_count"),
        assets=("embed/calibration.txt",),
    ),
)
