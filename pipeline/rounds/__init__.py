"""The loop that makes the next census: what is covered, what to read next, and who settles it."""

from pipeline.stages import ROUND_FILES, ROUND_SETTINGS, ROUND_TABLES, Option, Stage

KINDS = ("", "disagree", "doubtful", "surprising")  # readings that a draw of phase 2 may be restricted to

STAGES = (
    Stage(
        name="status",
        purpose="what is drawn, read, adjudicated, stale and not covered, by frame and window, and the next command",
        run="pipeline.rounds.status:run",
        reads=ROUND_TABLES,
        inputs=ROUND_FILES,
        settings=(*ROUND_SETTINGS, "frames.*.is_quotable"),
    ),
    Stage(
        name="draw",
        purpose="a new round: make draw ROUND=name N=number [FRAMES=a,b] [BY=neyman|equal|proportional|mixture]",
        run="pipeline.rounds.draw:run",
        reads=ROUND_TABLES,
        may_read=("predictions",),
        inputs=ROUND_FILES,
        settings=(*ROUND_SETTINGS, "frames.*.is_quotable", "seed", "report.headline_definitions", "report.denominator"),
        options=(
            Option("round", "names the round and its folder", "ROUND", keyword="name"),
            Option("n", "documents to read", "N", default=0, keyword="total"),
            Option("frames", "only these frames, with commas between", "FRAMES"),
            Option("by", "how they are shared out", "BY", choices=("", "neyman", "equal", "proportional", "mixture")),
            Option("seed", "of the permanent random numbers (default: that of the configuration)", "SEED", default=0),
            Option("sizes", "number by stratum, window or part: core=180,rest=400; or a file like design.csv", "SIZES"),
            Option("weight", "of a mixture: karma or word_count", "WEIGHT", default="word_count"),
        ),
    ),
    Stage(
        name="adjudicate",
        purpose="phase 2: which readings are settled by another reader: make adjudicate CODER=name [N=number] [ONLY=]",
        run="pipeline.rounds.adjudicate:run",
        reads=(*ROUND_TABLES, "embeddings", "terms"),
        inputs=ROUND_FILES,
        settings=(*ROUND_SETTINGS, "embed.dimension_count"),
        options=(
            Option("coder", "who will adjudicate", "CODER"),
            Option("n", "agreements to draw at random (default: 15%, at least 15)", "N", default=0, keyword="total"),
            Option("round", "only this round", "ROUND", keyword="name"),
            Option("only", "only readings of this kind: disagree, doubtful, surprising", "ONLY", choices=KINDS),
        ),
    ),
    Stage(
        name="gold",
        purpose="settled documents for people to read, which measure the readers' error: make gold N=number [ROUND=]",
        run="pipeline.rounds.gold:run",
        reads=(*ROUND_TABLES, "embeddings", "terms"),
        inputs=(*ROUND_FILES, "{handcheck}/rounds/*/gold.csv"),
        settings=(*ROUND_SETTINGS, "embed.dimension_count", "estimate.reader_sources"),
        options=(
            Option("n", "documents to draw", "N", default=0, keyword="total"),
            Option("round", "whose settled documents", "ROUND", keyword="name"),
        ),
    ),
)
