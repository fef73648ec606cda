"""Named agendas: which documents are of which, how large each is, and who works on it."""

from pipeline.stages import Option, Stage

AGENDA_FILES = ("{handcheck}/agendas.toml", "{handcheck}/codebook/codebook.toml")

STAGES = (
    Stage(
        name="agendas",
        purpose="named agendas: their documents, sizes, neighbours and people",
        run="pipeline.agendas.stage:run",
        reads=("documents", "embeddings", "terms", "codes", "weights", "predictions", "frame_members", "authorship"),
        writes=("agenda_list", "agenda_members", "agenda_sizes", "agenda_scores"),
        inputs=(*AGENDA_FILES, "{handcheck}/sheets/agendas/*.csv", "{handcheck}/agenda-draws/*.csv"),
        settings=("embed.dimension_count", "estimate.level", "frames.*.part_of"),
    ),
    Stage(
        name="agenda-draw",
        purpose="draw documents assigned to each agenda, to be read: its precision",
        run="pipeline.agendas.draw:run",
        reads=("agenda_members", "documents"),
        options=(
            Option("name", "of the draw"),
            Option("count", "documents of each agenda", default=2),
            Option("file", "where the items to be read go (default: agendas-NAME.jsonl)"),
        ),
        is_hidden=True,
    ),
    Stage(
        name="agenda",
        purpose='the documents of a named agenda: python -m pipeline agenda "chain of thought monitoring"',
        run="pipeline.agendas.find:run",
        reads=("agenda_list", "agenda_members", "agenda_sizes", "agenda_scores", "documents"),
        options=(
            Option("query", "its name, or words of it; all lists them", is_positional=True),
            Option("count", "documents to print", default=20),
        ),
        is_hidden=True,
    ),
)
