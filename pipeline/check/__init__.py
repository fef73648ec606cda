"""The reading room: who reads what, against which codebook, on a page, in a file, or by a model."""

from typing import Literal, get_args

from pipeline.stages import Option, Stage

Task = Literal[
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
]
TASKS: tuple[Task, ...] = get_args(Task)
KINDS = ("", "person", "language model", "trial")
CODER = Option("coder", "names the sheet", "CODER")
TASK = Option("task", "what to read", "TASK", default="documents", choices=TASKS)
KIND = Option("kind", "who reads; asked once where it is not known", "KIND", choices=KINDS)
ROUND = Option("round", "the round (default: that of the estimate)", "ROUND", keyword="round_name")
STRATUM = Option("stratum", "only this frame or stratum", "STRATUM")
COUNT = Option("count", "documents (0: all)", "COUNT", default=0)
FORMATS = ("", "items", "batch", "sheet")

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
        purpose="documents to be coded elsewhere: make export FILE=items.jsonl [ROUND=] [STRATUM=] [TASK=]",
        run="pipeline.check.stage:run_export",
        reads=("documents",),
        options=(
            Option("file", "what to write: .jsonl, or .csv for a spreadsheet", "FILE"),
            Option("coder", "in whose order, without what is read already", "CODER", default="reader"),
            TASK,
            ROUND,
            STRATUM,
            COUNT,
            Option("format", "items, batch (requests of hosted services) or sheet", "FORMAT", choices=FORMATS),
            Option("model", "the model that a batch asks for", "MODEL"),
        ),
    ),
    Stage(
        name="pack",
        purpose="one HTML file for an invited reader, to be sent by mail: make pack CODER=name [FILE=] [COUNT=50]",
        run="pipeline.check.stage:run_pack",
        reads=("documents",),
        options=(
            CODER,
            Option("file", "what to write (default: read-CODER.html)", "FILE"),
            TASK,
            KIND,
            ROUND,
            STRATUM,
            Option("count", "documents (0: all)", "COUNT", default=50),
        ),
    ),
    Stage(
        name="read-model",
        purpose="a language model reads, at any OpenAI-compatible endpoint: make read-model CODER= MODEL_URL= [MODEL=]",
        run="pipeline.check.stage:run_read_model",
        reads=("documents",),
        options=(
            CODER,
            Option("model_url", "such as http://localhost:8000/v1; the key comes from $CENSUS_MODEL_KEY", "MODEL_URL"),
            TASK,
            Option("model", "its name, where the endpoint serves several", "MODEL"),
            ROUND,
            STRATUM,
            COUNT,
            Option("workers", "questions at once", "WORKERS", default=4),
            Option("timeout", "seconds for one answer", "TIMEOUT", default=120),
            Option("price_in", "of a million tokens in, for the estimate", "PRICE_IN", default="0"),
            Option("price_out", "of a million tokens out", "PRICE_OUT", default="0"),
            Option("max_price", "stop before it would cost more (0: no limit)", "MAX_PRICE", default="0"),
            Option("estimate_only", "print what it would cost, and ask nothing", default=False),
        ),
        extras=("scrape",),
    ),
    Stage(
        name="freeze-groups",
        purpose="what the tasks clusters, names and intrusion show, frozen anew after a new cut",
        run="pipeline.check.stage:run_draw",
        reads=("clusters", "cluster_members"),
    ),
)
