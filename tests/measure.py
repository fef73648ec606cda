"""Runs a command and prints its wall time and the peak memory of its largest process."""

import resource
import subprocess
import sys
import time

start = time.perf_counter()
status = subprocess.run(sys.argv[1:], check=False).returncode
seconds = time.perf_counter() - start
peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
print(f"{' '.join(sys.argv[1:])}: {seconds:.1f} s, peak memory {peak:.0f} MiB, exit {status}")
sys.exit(status)
