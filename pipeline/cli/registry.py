"""Every stage that a room declares. A room is a folder of the package with `STAGES` in its `__init__.py`."""

import importlib
import pkgutil

import pipeline
from pipeline.stages import Stage, order_stages


def load_stages() -> dict[str, Stage]:
    """Returns the declared stages by name, those that need few others first.

    Raises:
        ValueError: two rooms declare the same stage, or write the same table.
    """
    found: dict[str, Stage] = {}
    written: dict[str, str] = {}
    for module in sorted(pkgutil.iter_modules(pipeline.__path__), key=lambda item: item.name):
        if not module.ispkg or module.name == "cli":
            continue
        for stage in getattr(importlib.import_module(f"{pipeline.__name__}.{module.name}"), "STAGES", ()):
            if stage.name in found:
                raise ValueError(f"two rooms declare the stage {stage.name}")
            for table in stage.writes:
                if table in written:
                    raise ValueError(f"the stages {written[table]} and {stage.name} both write the table {table}")
                written[table] = stage.name
            found[stage.name] = stage
    depth = {name: len(list(order_stages(found, name))) for name in found}
    return {name: found[name] for name in sorted(found, key=lambda name: (depth[name], name))}
