"""Python runs this as it starts, where PYTHONPATH names this folder and the checkout: it watches the stages of make.

Each stage has an interpreter of its own, as elsewhere than on Linux: a forked one has loaded the modules of others.
"""

import os
import sys

if os.environ.get("CENSUS_TRACES") and "--config" in sys.orig_argv:
    if "make" in sys.orig_argv:
        from pipeline.cli import loaded

        loaded.start_loading = lambda modules: False
    else:
        from tests.trace_stage import watch_stage

        watch_stage(sys.orig_argv)
