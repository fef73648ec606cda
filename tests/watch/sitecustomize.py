"""Python runs this as it starts, where PYTHONPATH names this folder and the checkout: it watches the stages of make."""

import os
import sys

if os.environ.get("CENSUS_TRACES") and "--config" in sys.orig_argv and "make" not in sys.orig_argv:
    from tests.trace_stage import watch_stage

    watch_stage(sys.orig_argv)
