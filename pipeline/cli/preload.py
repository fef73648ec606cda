"""Loads what the stages of a make import, in the process that they are forked from (see `loaded`), when it is imported.

What cannot be loaded is left for the stage that needs it, which says why.
"""

import contextlib
import gc
import importlib
import os

from pipeline.cli.loaded import MODULES

for name in os.environ.get(MODULES, "").split():
    with contextlib.suppress(Exception):
        importlib.import_module(name)

gc.freeze()  # what is loaded is not looked through again, in any process forked from this one
