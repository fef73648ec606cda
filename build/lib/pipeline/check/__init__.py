"""The reading room: who reads what, against which codebook, on a page, in a file, or by a model."""

from pipeline.stages import Option, Stage

TASKS = (
    "documents",
    "extension",
    "adjudication",
    "gold",
    "screening",
    "retest",
    "clusters",
    "names",
    "intrusion",
    "practice",
)
KINDS = ("", "person", "language model", "trial")
CODER = Option("coder", "names the sheet", "CODER")
TASK = Option("task", "what to read", "TASK", default="documents", choices=TASKS)
KIND = Option("kind", "who reads; asked once where it is not known", "KIND", choices=KINDS)
ROUND = Option("round", "the round (default: that of the estimate)", "ROUND", keyword="round_name")

STAGES = (
    Stage(
        name="check",
        purpose=f"the reading room: make check CODER=name [TASK={'|'.join(TASKS)}] [ROUND=]",
        run="pipeline.check.stage:run_check",
        reads=("documents",),
        options=(
            CODER,
            TASK,
            KIND,
            ROUND,
            Option("port", "of the page; 0 takes any free one", "PORT", default=0),
            Option("no_browser", "print the link, open nothing", default=False),
            Option("correct_kind", "replace a wrong record of who reads by KIND, and stop", default=False),
        ),
        extras=("read",),
    ),
    Stage(
        name="import",
        purpose="codes from a file, all or nothing: make import FILE=codes.csv CODER=name [TASK=] [ROUND=] [KIND=]",
        run="pipeline.check.stage:run_import",
        may_read=("documents",),
        options=(
            Option("file", "a table (CSV, JSON lines) or a batch service's answers", "FILE"),
            CODER,
            TASK,
            KIND,
            ROUND,
        ),
    ),
    Stage(
        name="export",
        purpose="documents to be coded elsewhere: make export FILE=sheet.csv [CODER=] [TASK=] [ROUND=]",
        run="pipeline.check.stage:run_export",
        reads=("documents",),
        options=(
            Option("file", "what to write", "FILE"),
            Option("coder", "in whose order, without what is read already", "CODER", default="reader"),
            TASK,
            ROUND,
            Option("count", "documents (0: all)", "COUNT", default=0),
        ),
    ),
    Stage(
        name="freeze-groups",
        purpose="what the tasks clusters, names and intrusion show, frozen anew after a new cut",
        run="pipeline.check.stage:run_draw",
        reads=("clusters", "cluster_members"),
    ),
)
