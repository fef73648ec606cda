"""Research-agenda groups in layers, their names, and the map."""

from pipeline.stages import ROUND_FILES, ROUND_SETTINGS, ROUND_TABLES, Case, Option, Stage

AGENDA_FILES = ("{handcheck}/agendas.toml", "{handcheck}/sheets/agendas/*.csv")

STAGES = (
    Stage(
        name="cluster",
        purpose="research-agenda groups, their names, and the map",
        run="pipeline.cluster.stage:run",
        reads=(*ROUND_TABLES, "embeddings", "terms"),
        writes=("clusters", "cluster_members", "cluster_changes", "cluster_facets", "layout", "second_members"),
        inputs=(
            "{census}/manifest.json",
            "{reuse}/manifest.json",
            "{census}/documents.parquet",
            "{census}/embeddings.parquet",
            "{census}/clusters.parquet",
            "{census}/cluster_members.parquet",
            "{census}/cluster_changes.parquet",
            "{census}/layout.parquet",
            "{census}/second_members.parquet",
            "{reuse}/second_members.parquet",
            "{handcheck}/cluster-names.csv",
            "{handcheck}/sheets/names/*.csv",
            "{handcheck}/sheets/clusters/*.csv",
        ),
        settings=(
            "sources[census]",
            "cluster",
            "seed",
            "embed.dimension_count",
            "embed.weights_sha256",
            "embed.reuse",
        ),
        tuning=("embed.engine", "embed.worker_count"),
        cases=(Case("cluster.space", "subject", inputs=(*ROUND_FILES, *AGENDA_FILES), settings=ROUND_SETTINGS),),
    ),
    Stage(
        name="second-encoder",
        purpose="add the layers of a second encoder to the shipped census",
        run="pipeline.cluster.second:run",
        options=(
            Option("ids", "NumPy file of doc_id", is_positional=True),
            Option("vectors", "NumPy file of their vectors, unit rows", is_positional=True),
            Option("encoder", "its name"),
            Option("weights_sha256", "SHA-256 of its weights"),
        ),
        is_hidden=True,
    ),
)
