"""A long run of random histories: ``python -m tests.proof.soak --minutes 10``.

It goes from seed to seed until its time is up. Where a promise is broken it prints the history that
breaks it and the seed that finds it again, and ends with 1. ``--seed`` runs the histories of that
seed alone, and takes up to five minutes more to make the history that it finds a short one.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import random
import sys
import time
import traceback

from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.proof.histories import Histories
from tests.proof.lagging_indexes import LaggingIndexes
from tests.proof.stack import a_stack

EXAMPLES = 100  # for each seed
STEPS = 40  # those of the tests have nine

SETTINGS = settings(
    max_examples=EXAMPLES,
    stateful_step_count=STEPS,
    deadline=None,
    database=None,
    print_blob=False,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)


def main() -> int:
    """Runs until the time is up or a promise is broken; how the program ends."""
    said = _arguments()
    first = said.seed if said.seed is not None else random.SystemRandom().randrange(10**9)
    ends_at = time.monotonic() + said.minutes * 60
    number = 0
    with a_stack() as stack:
        Histories.stack = stack
        Histories.indexes = LaggingIndexes(stack.wire, stack.clock, stack.table)
        while True:
            broken = _run(first + number, shortens=said.seed is not None)
            number += 1
            if broken:
                print(broken)
                print(f"Broken by seed {first + number - 1}. Find it again with")
                print(f"  .venv/bin/python -m tests.proof.soak --seed {first + number - 1}")
                return 1
            if said.seed is not None or time.monotonic() >= ends_at:
                break
            if sys.stdout.isatty():
                print(f"\r{number * EXAMPLES} histories", end="", flush=True)
    print(f"\r{number * EXAMPLES} random histories of up to {STEPS} steps kept every promise,")
    print(f"those of the seeds {first} to {first + number - 1}.")
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10, help="how long to run")
    parser.add_argument("--seed", type=int, help="run the histories of this seed alone")
    return parser.parse_args()


def _run(number: int, *, shortens: bool) -> str:
    """What broke in the histories of a seed; empty where nothing did."""
    machine = seed(number)(type("Histories", (Histories,), {}))
    told = io.StringIO()
    chosen = settings(SETTINGS, phases=[Phase.generate, Phase.shrink]) if shortens else SETTINGS
    try:
        with contextlib.redirect_stdout(told):
            run_state_machine_as_test(machine, settings=chosen)
    except Exception:
        return told.getvalue() + traceback.format_exc()
    return ""


if __name__ == "__main__":
    sys.exit(main())
