"""Runs benchmarks: ``python -m benchmarks [names]``, all of them if none is named."""

from __future__ import annotations

import argparse
import time
from importlib import import_module

from rich.console import Console

from benchmarks.report import RESULTS, keep

NAMES = (
    "units",
    "dollars",
    "engine",
    "fan_out",
    "deciding",
    "sweep",
    "importing",
    "cpu",
    "speed",
    "scale",
)


def main() -> None:
    """Prints each section when it is measured, and puts it into RESULTS.md."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="name", help=f"of {', '.join(NAMES)}")
    parser.add_argument("--print", action="store_true", help="leave RESULTS.md as it is")
    asked = parser.parse_args()
    if unknown := sorted(set(asked.names) - set(NAMES)):
        parser.error(f"no such benchmark as {', '.join(unknown)}; there are {', '.join(NAMES)}")
    console = Console(highlight=False)
    for name in asked.names or NAMES:
        began = time.monotonic()
        with Console(stderr=True).status(f"Measuring {name}"):
            section, with_what = import_module(f"benchmarks.{name}").run()
        section.print(console)
        console.print(f"{with_what} It took {time.monotonic() - began:.0f} s.\n", style="dim")
        if not asked.print:
            keep(name, NAMES, section.markdown(with_what))
    if not asked.print:
        console.print(f"Written to {RESULTS.relative_to(RESULTS.parents[1])}.", style="dim")


if __name__ == "__main__":
    main()
