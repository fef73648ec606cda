"""The hand check: a page on this machine where documents and clusters are read and coded."""

from pipeline.stages import Option, Stage

TASKS = ("documents", "extension", "clusters", "intrusion", "adjudication")

STAGES = (
    Stage(
        name="check",
        purpose="the hand-check page: make check CODER=name [TASK=documents|extension|clusters|intrusion|adjudication]",
        run="pipeline.check.stage:run",
        reads=("documents",),
        options=(
            Option("coder", "names the sheet", "CODER"),
            Option("task", "what to read", "TASK", default="documents", choices=TASKS),
            Option("kind", "who reads", "KIND", default="person", choices=("person", "language model")),
            Option("port", "of the page; 0 takes any free one", "PORT", default=0),
            Option("no_browser", "print the link, open nothing", default=False),
            Option("show_codes", "adjudication: show what the readers said", default=False),
        ),
        extras=("read",),
    ),
)
