"""Configurations with odd values: one line at the start, or a run that may go on. A case returns what went wrong."""

from collections.abc import Callable
from pathlib import Path

from pipeline.config import load_config
from pipeline.errors import PipelineError
from pipeline.scrape.settings_check import check_sources

Case = Callable[[Path], str]
# A value for every key; `check` replaces one of them.
BASE = {
    "version": '"1"',
    "seed": "1",
    "sources.mine.kind": '"files"',
    "sources.mine.path": '"a.jsonl"',
    "sources.mine.source": '"arxiv"',
    "sources.mine.frame": '"small"',
    "sources.mine.text_limit": "0",
    "sources.mine.leave_empty": "[]",
    "sources.query.kind": '"arxiv-query"',
    "sources.query.frame": '"small"',
    "sources.query.url": '"https://example.org/api"',
    "sources.query.seconds_between": "3.0",
    "sources.query.page_size": "200",
    "sources.query.query.phrases": '["AI safety"]',
    "sources.query.query.submitted_from": '"2025-01-01"',
    "sources.query.query.submitted_before": '"2026-01-01"',
    "sources.forum.kind": '"forum"',
    "sources.forum.site": '"lesswrong"',
    "sources.forum.frame": '"small"',
    "sources.forum.url": '"https://example.org/graphql"',
    "sources.forum.after": '"2017-01-01T00:00:00Z"',
    "sources.blog.kind": '"blog"',
    "sources.blog.site": '"b"',
    "sources.blog.frame": '"small"',
    "sources.blog.url": '"https://example.org/feed"',
    "sources.blog.keep_pattern": '"/blog/"',
    "sources.blog.skip_pattern": '"/fr/"',
    "scrape.contact": '"a@example.org"',
    "hydrate.seconds_between": "3.0",
    "hydrate.arxiv_url": '"https://example.org/api"',
    "paths.dist": '"dist"',
    "paths.processed": '"data/processed"',
    "terms.min_document_count": "2",
    "terms.max_document_share": "0.5",
    "scope.min_recall": "0.9",
    "scope.fold_count": "5",
    "embed.model": '"m"',
    "embed.weights_sha256": f'"{"0" * 64}"',
    "embed.dimension_count": "384",
    "embed.batch_size": "32",
    "cluster.layers": '[{ name = "broad", resolution = 1.0 }]',
    "cluster.neighbour_count": "30",
    "cluster.min_size": "25",
    "estimate.round": '"none"',
    "estimate.level": "0.95",
    "report.title": '"Small census"',
    "report.headline_frame": '"small"',
    "report.headline_definitions": "[]",
    "dataset.title": '"Small census"',
    "dataset.url": '"https://example.org/small"',
    "dataset.reading_note": '"Nobody has read it."',
    "frames.small.title": '"Small"',
    "frames.small.kind": '"census"',
    "frames.small.description": '"invented documents"',
    "frames.small.use": '"none"',
    "frames.small.is_quotable": "false",
}
NUMBERS = ("nan", "inf", "-inf", "-1", "99999999999999999999", "true", '"1"', "[1]", "{}")
TEXTS = ("5", "true", "[]", "{}", '"\\u0000"', '"\\u001b[31m"', "1979-05-27", '"' + "x" * 20_000 + '"')
MUST_FAIL: dict[str, tuple[str, ...]] = {
    "version": (
        '"../../../x"',
        '"/tmp/x"',
        '"a/b"',
        '".."',
        '"."',
        '""',
        '".hidden"',
        '"a b"',
        '"a\\\\b"',
        '"é"',
        "5",
        "2026.07",
        '"-x"',
    ),
    "seed": (*NUMBERS, "1.5"),
    "estimate.round": ('"../x"', '"/etc"', '"a/b"', '"."', "5"),
    "estimate.level": ("0", "1", "1.0", "0.0", "95", *NUMBERS),
    "sources.query.url": (
        '"example.org"',
        '"ftp://example.org"',
        '"http://["',
        '"http://"',
        '"https://u:p@example.org"',
        '"https://a b.org"',
        '"http://a:x/"',
        '"http://a:99999/"',
        '"javascript:alert(1)"',
        '"https://"',
        "5",
    ),
    "sources.blog.url": ('"//example.org"', '"file:///etc/passwd"', '"https://[::1"', '"http:/one"'),
    "hydrate.arxiv_url": ('"export.arxiv.org"', '"http://["'),
    "dataset.url": ('"example"', '"http://["', '"javascript:x"'),
    "sources.blog.keep_pattern": (
        '"("',
        '"["',
        '"*a"',
        '"(?P<a>x)(?P<a>y)"',
        '"(?<=a*)b"',
        '"a{5,2}"',
        "'\\'",
        '"(?z)"',
        "5",
        '"(a+)+$"',
        '"(a|a)*b"',
        '"(x+x+)+y"',
        '"(.*)*"',
        '"(?:[^/]+)*x"',
        '"(?:(?:a)+)+"',
        '"(a{2,})*"',
        '"(?i"',
        '"' + "a?" * 600 + '"',
    ),
    "sources.blog.skip_pattern": ('")"', '"+"', '"[z-a]"', '"(?P=none)"'),
    "sources.blog.moved_from": ('["http://["]', '["evil.org/path"]', '"x"', "[5]", '["a b"]', '["a.org", "a.org"]'),
    "sources.blog.routes": ('[{ url = "http://[" }]', "[{}]", '["x"]', '[{ url = "https://a.org", layout = "x" }]'),
    "sources.blog.layout": ('"nope"', "5"),
    "sources.query.query.phrases": ('[""]', '["a", "a"]', "[1]", '["*"]', '["  "]', '["@nope"]', '["\\u0000"]', '"AI"'),
    "sources.query.query.categories": (
        '["cs.AI", "cs.AI"]',
        '[""]',
        "[1]",
        '["cs.AI OR all:x"]',
        '["../x"]',
        '"cs.AI"',
    ),
    "sources.query.query.announced_from": ('"2026-02-30"', '"soon"', "5"),
    "sources.forum.tag_id": ('"a b"', '"\\" or 1"', '"../x"', "5"),
    "sources.forum.canaries": ('[""]', '["a", "a"]', "[1]", '"lw:x"'),
    "sources.forum.expect.min_items": ("-1", "1.5", "nan", '"5"', "10000000000000"),
    "sources.forum.expect.max_age_days": ("-1", "nan", "1000000"),
    "sources.forum.expect.min_filled": (
        "{ authors = 2.0 }",
        "{ authors = -0.1 }",
        "{ authors = nan }",
        "{ nothing = 0.5 }",
    ),
    "sources.mine.only": ('[""]', '"x"', "[1]", '["a\\nb"]', '["a", "a"]'),
    "sources.mine.empty_marks": ('[""]', '["NA", "NA"]', '"NA"', "[1]"),
    "sources.mine.min_read_shares": ("{ karma = 2.0 }", "{ karma = -1.0 }", "{ karma = nan }", "{ nothing = 0.5 }"),
    "sources.mine.columns": ("{ nothing = 'x' }", "{ title = 5 }", "[]", '"title"'),
    "sources.mine.dump": ('"nope"', "5"),
    "corpus.fixed_frames": ('["nowhere"]', '["small", "small"]', '"small"', "[5]"),
    "frames.small.windows": ('"month"', "5", '["year"]'),
    "frames.small.renamed_from": ('["small"]', '["x", "x"]', '["../x"]', '"x"', "[5]"),
    "frames.small.part_of": ('"nowhere/core"', '"small/x"', '"/"', '"a/b/c/d"', "5"),
    "embed.model": ('"../../evil"', '"http://x"', '"a\\nb"', "5", '"a/../b"'),
    "dataset.left_out": ('["../x"]', '["a", "a"]', '"documents"', '[""]'),
    "report.headline_definitions": ('["a", "a"]', '["../x"]', '[""]', "[1]", '"strict"'),
    "report.denominator": ('"../x"', '"a b"', "5"),
    "sources.query.query.submitted_from": (
        '"1800-01-01"',
        '"2999-01-01"',
        '"2025-01-01\\n"',
        '" 2025-01-01"',
        '"2025-13-01"',
        '"2025-02-30"',
        '"yesterday"',
        '"2025"',
        '"2025-1-1"',
        '"01.01.2025"',
        '"2027-01-01"',
        '"0000-00-00"',
        "5",
    ),
    "sources.query.query.submitted_before": ('"2024-01-01"', '"2025-01-01"', '"9999-99-99"', '"2025-01-01T25:00:00Z"'),
    "sources.forum.after": ('"2017-01-01T99:00:00Z"', '"now"', '"2017/01/01"', '"1"'),
    "sources.query.seconds_between": ("-1.0", "nan", "inf", "1e9", '"3"', "true"),
    "sources.query.page_size": ("0", "-5", "1000000", "1.5", *NUMBERS[:5]),
    "hydrate.seconds_between": ("-0.1", "nan", "inf"),
    "scrape.contact": (
        '"ä@b.org"',
        '"a@b.org\\r\\nX: y"',
        '"mailto:a@b.org"',
        '"nobody"',
        '"a@b"',
        '"a b@c.org"',
        '"a@c.org, d@e.org"',
        '"<a@c.org>"',
        "5",
    ),
    "terms.min_document_count": ("0", "-1", "1.5", "nan"),
    "terms.max_document_share": ("0.0", "1.5", "-0.1", "nan", '"0.5"'),
    "scope.min_recall": ("-0.1", "1.1", "nan"),
    "scope.fold_count": ("0", "1", "100000", "2.5"),
    "embed.dimension_count": ("0", "-1", "10000000", "1.5"),
    "embed.batch_size": ("0", "-1", "99999999"),
    "embed.weights_sha256": ('"abc"', f'"{"g" * 64}"', "5"),
    "cluster.layers": (
        '[{ name = "a", resolution = 0.0 }]',
        '[{ name = "a", resolution = nan }]',
        '[{ name = "../a", resolution = 1.0 }]',
        '[{ name = "a", resolution = 1.0 }, { name = "a", resolution = 2.0 }]',
        "[{ resolution = 1.0 }]",
        '["a"]',
        "5",
    ),
    "cluster.neighbour_count": ("0", "-1", "1000000", "1.5"),
    "cluster.min_size": ("0", "-1", "1.5"),
    "paths.dist": ('""', '" "', '"a\\u0000b"', "5"),
    "paths.processed": ('""', "[]"),
    "report.headline_frame": ('"none"', '""', "5"),
    "report.title": TEXTS[:1] + TEXTS[1:6] + TEXTS[7:],
    "frames.small.title": TEXTS[:6] + TEXTS[7:],
    "frames.small.description": TEXTS[:6],
    "frames.small.is_quotable": ("1", '"true"', "[]", "true"),  # the last: a source of blogs needs a span
    "frames.small.complete_from": ('"2026-13-01"', '"soon"', "5", '"2026-01-01"'),  # the last: no windows
    "frames.small.complete_before": ('"9999-99-99"', "[]"),
    "sources.mine.kind": ('"file"', '""', "5", "[]"),
    "sources.mine.frame": ('"nowhere"', "5"),
    "sources.mine.leave_empty": ('["doc_id"]', '["nothing"]', '"karma"', "5"),
    "sources.mine.path": (
        "5",
        "[]",
        '"a\\u0000b"',
        '""',
        '" "',
        '"."',
        '"a\\nb.csv"',
        '"a.exe"',
        '"a.csv.xz"',
        '"a.zip"',
        '"a.parquet.gz"',
        '"http://x/a.csv"',
        '"/etc/passwd"',
    ),
    "sources.mine.text_limit": ("-1", "1.5", '"5"'),
    "sources.forum.site": ('"reddit"', '""', "5"),
}
EXTRA_KEYS = (
    "seeds = 1",
    "root = 'x'",
    "[embeds]\nmodel = 'x'",
    "[cluster.layer]\nname = 'a'",
    "[frames.small.more]\nx = 1",
    "[sources.mine.columns]\nnothing = 'x'",
)
FILES: dict[str, bytes | None] = {
    "missing": None,
    "empty": b"",
    "bytes": bytes(range(256)),
    "latin-1": 'version = "caf\xe9"'.encode("latin-1"),
    "utf-16": 'version = "1"'.encode("utf-16"),
    "not TOML": b"version 1",
    "doubled key": b'version = "1"\nversion = "2"\n',
    "cut": b'version = "1',
    "deep": b"a = " + b"[" * 5_000 + b"]" * 5_000,
    "a number of 5,000 digits": b"seed = " + b"9" * 5_000,
    "only comments": b"# nothing\n",
    "a list": b"[[sources]]\nkind = 'files'\n",
    "sources is a text": b"sources = 'x'\n",
    "nul": b'version = "1"\n\x00\n',
}
MAY_PASS = {  # odd, and allowed
    "report.title": ('"<b>$\\\\frac{1$ | [x](y) & Co."', '"日本"', '"' + "x" * 500 + '"'),
    "sources.query.query.submitted_from": ("2025-01-01", '""'),
    "sources.forum.after": ("2017-01-01T00:00:00Z", '"2017-01-01"'),
    "version": ('"2026.07"', '"2026.07-rc1"', '"v1"'),
    "sources.blog.keep_pattern": ('""', '"/(?:a|b)/[^/]+"', '"(?:/[^/]+)+"', "'\\d+(?:-\\d+)*'", '"(?:a*)?"'),
    "sources.mine.columns": ('{ text = "" }', '{ title = "name" }'),
    "sources.query.query.categories": ('["cs.AI", "cond-mat.mes-hall", "hep-th", "physics.soc-ph"]', "[]"),
    "embed.model": ('"sentence-transformers/all-MiniLM-L6-v2"',),
    "scrape.contact": ('""',),
    "paths.dist": ('"../elsewhere"', '"/tmp/somewhere"'),
    "frames.small.windows": ('"year"\nframes.small.complete_from = "2026-01-01"',),
}


def write(values: dict[str, str], extra: str = "") -> str:
    """Returns the values as TOML, each under its dotted key."""
    return "".join(f"{key} = {value}\n" for key, value in values.items()) + extra


def load(folder: Path, content: bytes | None) -> str:
    """Returns the line that says what is wrong, or nothing."""
    path = folder / "census.toml"
    if content is not None:
        path.write_bytes(content)
    try:
        check_sources(load_config(path))
    except PipelineError as error:
        assert "\n" not in str(error) and str(error).isprintable() and len(str(error)) < 2_000
        return str(error)
    return ""


def refuse(folder: Path, content: bytes | None) -> str:
    return "" if load(folder, content) else "passes"


def all_cases() -> dict[str, Case]:
    """Returns every case by name."""
    cases: dict[str, Case] = {"as it should be": lambda folder: load(folder, write(BASE).encode())}
    cases["with a byte-order mark"] = lambda folder: load(folder, b"\xef\xbb\xbf" + write(BASE).encode())
    for key, values in MUST_FAIL.items():
        for number, value in enumerate(values):
            cases[f"{key}-{number}"] = lambda folder, key=key, value=value: refuse(
                folder, write({**BASE, key: value}).encode()
            )
    for key, values in MAY_PASS.items():
        for number, value in enumerate(values):
            cases[f"allowed-{key}-{number}"] = lambda folder, key=key, value=value: load(
                folder, write({**BASE, key: value}).encode()
            )
    for key, usual in BASE.items():
        rest = {name: value for name, value in BASE.items() if name != key}
        cases[f"without-{key}"] = lambda folder, rest=rest: load(folder, write(rest).encode()) and ""
        cases[f"misspelt-{key}"] = lambda folder, rest=rest, key=key, usual=usual: refuse(
            folder, write({**rest, f"{key}x": usual}).encode()
        )
    for number, extra in enumerate(EXTRA_KEYS):
        content = write(BASE, extra) if not extra[0].isalpha() else extra + "\n" + write(BASE)
        cases[f"extra-{number}"] = lambda folder, content=content: refuse(folder, content.encode())
    for name, content in FILES.items():
        cases[f"file-{name}"] = lambda folder, content=content: refuse(folder, content)
    for name in ("../x", "a/b", ".x", "a b", "é"):
        cases[f"source named {name}"] = lambda folder, name=name: refuse(
            folder, write({key.replace(".mine.", f'."{name}".'): value for key, value in BASE.items()}).encode()
        )
        cases[f"frame named {name}"] = lambda folder, name=name: refuse(
            folder,
            write(
                {
                    key.replace("frames.small.", f'frames."{name}".'): value.replace('"small"', f'"{name}"')
                    for key, value in BASE.items()
                }
            ).encode(),
        )
    return cases
