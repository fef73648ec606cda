"""From the items of every source to one clean document per work."""

from pipeline.stages import Option, Stage

STAGES = (
    Stage(
        name="corpus",
        purpose="one clean document per work, from every source",
        run="pipeline.corpus.stage:run",
        writes=(
            "documents",
            "records",
            "rejects",
            "duplicates",
            "works",
            "frame_members",
            "text_versions",
            "terms",
        ),
        inputs=(
            "{census}/manifest.json",
            "{census}/documents.parquet",
            "{census}/terms.parquet",
            "{census}/frame_members.parquet",
            "{census}/text_versions.parquet",
            "{frames.*.members}",
            "{files}",
            "{raw}/*/*/manifest.json",
            "{raw}/hydrated/*.parquet",
        ),
        settings=(
            "sources",
            "corpus",
            "terms",
            "frames.*.windows",
            "frames.*.renamed_from",
            "frames.*.members",
        ),
        tuning=("embed.engine", "embed.worker_count"),
    ),
    Stage(
        name="persons",
        purpose="who the authors are: one person across handles and spellings, with organisations",
        run="pipeline.corpus.persons:run",
        reads=("documents",),
        writes=("persons", "authorship"),
        assets=("text/handles.toml", "text/organisations.toml"),
    ),
    Stage(
        name="places",
        purpose="every place where one work stands",
        run="pipeline.corpus.places:run",
        reads=("works", "frame_members"),
        options=(Option("name", "the id or the address of a document", "ID", is_positional=True),),
    ),
)
