"""How long an interpreter takes for some statements, and its peak memory, as JSON.

The statements are the argument; the time is CPU time, which another program's load leaves alone.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from pathlib import Path


def main(statements: str) -> None:
    began = time.process_time(), time.perf_counter()
    exec(statements, {})
    cpu, wall = time.process_time() - began[0], time.perf_counter() - began[1]
    print(json.dumps({"cpu_ms": cpu * 1000, "wall_ms": wall * 1000, "peak_kb": peak_kb()}))


def peak_kb() -> float:
    """The peak of this interpreter's memory, in KB."""
    status = Path("/proc/self/status")
    if status.exists():  # Linux, where getrusage also counts what the parent had when it forked
        return float(status.read_text().partition("VmHWM:")[2].split()[0])
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024  # macOS says bytes


if __name__ == "__main__":
    main(sys.argv[1])
