"""A long run of random definitions: ``python -m tests.proof.engine_soak --minutes 10``.

It goes from seed to seed until its time is up. Where a promise is broken it prints the definition
and the history that break it, and the seed that finds them again, and ends with 1. ``--seed`` runs
the history of that seed alone, and takes up to five minutes more to make it a short one.
"""

from __future__ import annotations

import argparse
import random
import sys
import time

from tests.proof.chance import Chance
from tests.proof.engine_histories import broken_by, shortest
from tests.proof.lagging_indexes import LaggingIndexes
from tests.proof.stack import Stack, a_stack

SHORTENED_FOR_SECONDS = 300


def main() -> int:
    """Runs until the time is up or a promise is broken; how the program ends."""
    said = _arguments()
    with a_stack() as stack:
        indexes = LaggingIndexes(stack.wire, stack.clock, stack.table)
        if said.seed is not None:
            return _one(said.seed, stack, indexes)
        return _many(time.monotonic() + said.minutes * 60, stack, indexes)


def _many(ends_at: float, stack: Stack, indexes: LaggingIndexes) -> int:
    first = random.SystemRandom().randrange(10**9)
    number = changes = troubles = 0
    while time.monotonic() < ends_at:
        history, broken = broken_by(Chance(first + number), stack, indexes)
        if broken is not None:
            print(f"{broken}\nBroken by seed {first + number}. Find it again, and shorter, with")
            print(f"  .venv/bin/python -m tests.proof.engine_soak --seed {first + number}")
            return 1
        number += 1
        if history is not None:
            changes += history.worlds.changes
            troubles += history.met.total()
        if sys.stdout.isatty() and not number % 100:
            print(f"\r{number} definitions", end="", flush=True)
    print(f"\r{number:,} random definitions, {changes:,} changes in both stores and {troubles:,}")
    print("troubles of an AWS that was not well kept every promise,")
    print(f"those of the seeds {first} to {first + number - 1}.")
    return 0


def _one(seed: int, stack: Stack, indexes: LaggingIndexes) -> int:
    _, broken = broken_by(Chance(seed), stack, indexes)
    if broken is None:
        print(f"The definition of seed {seed} kept every promise.")
        return 0
    print(shortest(broken, stack, indexes, SHORTENED_FOR_SECONDS))
    return 1


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10, help="how long to run")
    parser.add_argument("--seed", type=int, help="run the history of this seed alone")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
