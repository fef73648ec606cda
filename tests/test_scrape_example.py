"""The worked example of CONTRIBUTING.md is a source: it runs as printed."""

import json
import re
import sys
import types

from pipeline.scrape import registry, stage
from pipeline.scrape.item import Item, Reject
from pipeline.web.clock import VirtualClock
from tests.fakes.server import Reply, Site
from tests.fakes.world import JSON_FAULTS, ROOT, config_for


def load_example() -> types.ModuleType:
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    module = types.ModuleType("journal_example")
    sys.modules[module.__name__] = module
    exec(re.search(r"```python\n# pipeline/scrape/journal.py\n(.*?)```", text, re.S)[1], module.__dict__)
    return module


def test_the_worked_example_brings_each_paper_once(tmp_path, monkeypatch):
    papers = [{"id": str(number), "title": f"Invented {number}", "date": "2025-01-01"} for number in range(95)]
    papers[7]["title"] = ""

    def answer(asked):
        page = int(asked.params["page"])
        body = {"papers": papers[page * 10 - 10 : page * 10], "last": -(-len(papers) // 10)}
        return Reply(json.dumps(body).encode(), kind="application/json")

    site = Site(answer, clock=VirtualClock(), seed=4, fault_share=0.3, faults=JSON_FAULTS, seconds_between=5.0)
    monkeypatch.setitem(registry.KINDS, "journal", load_example())
    config = config_for({"journal": {"kind": "journal", "frame": "invented", "url": site.url("/api/papers")}}, tmp_path)
    assert stage.run(config, clock=site.clock) == 0
    found = list(registry.read_items(config, "journal"))
    assert sorted(item.doc_id for item in found if isinstance(item, Item)) == sorted(
        f"journal:{number}" for number in range(95) if number != 7
    )
    assert [item.reason for item in found if isinstance(item, Reject)] == ["no id or title"]
    papers += [{"id": str(number), "title": "New"} for number in range(95, 101)]
    n_before = len(site.log)
    assert stage.run(config, clock=site.clock) == 0
    asked = [entry.params.get("page") for entry in site.log[n_before:] if entry.path != "/robots.txt"]
    assert set(asked) == {"10", "11"}
    assert sum(isinstance(item, Item) for item in registry.read_items(config, "journal")) == 100
    assert site.too_fast == 0
    site.close()
