"""Studies of one's own: a folder with configuration, codebook, rounds and data, sharing nothing with the others."""

from pipeline.stages import Option, Stage

STAGES = (
    Stage(
        name="new",
        purpose="a study of your own under studies/: make new STUDY=name FROM=file.csv, then make … STUDY=name",
        run="pipeline.study.create:run",
        assets=("study/templates/*",),
        options=(
            Option("study", "its name and its folder's", "STUDY", keyword="name"),
            Option("file", "its documents: CSV, JSON lines or Parquet", "FROM", keyword="source"),
        ),
    ),
)
