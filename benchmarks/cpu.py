"""CPU: what a command over HTTP takes, against the bare botocore calls it makes."""

from __future__ import annotations

from pathlib import Path

from benchmarks.function_environment import ENVIRONMENT
from benchmarks.predecessor import run_program
from benchmarks.report import Section, Table
from benchmarks.surroundings import surroundings
from trellis_process.cost.functions import STEP_COMMANDS

GOAL = 2.0
STEPS = (1, 5, 20, 100)
PROFILED_STEPS = 5
_ROOT = str(Path(__file__).resolve().parents[1])


def run() -> tuple[Section, str]:
    """Each number of steps in a fresh interpreter, and one more for the profile."""
    rows, findings = [], []
    for steps in STEPS:
        found = _program(str(steps))
        ratio = found["command_us"] / found["bare_us"]
        rows.append(
            [
                f"{steps}",
                f"{found['command_us']:.0f}",
                f"{found['bare_us']:.0f}",
                f"{ratio:.2f}",
            ]
        )
        if round(ratio, 2) > GOAL:
            findings.append(f"**{steps} steps: {ratio:.2f}, and the goal is {GOAL:g}.**")
    shares = _program(str(PROFILED_STEPS), "profile")
    log = _program(str(PROFILED_STEPS), "log")
    section = Section(
        "CPU of a command over HTTP",
        "Microseconds of CPU for completing a step through the deployed function's handler, logs "
        "and metrics included, where half of the steps are done, and for the GetItem and the "
        "conditional PutItem that it makes, by botocore alone with the same item. Neither sends "
        "anything: the answers come from memory. "
        "The best of seven rounds in which both take turns, in one interpreter.",
        [
            Table(["steps of the process", "command, µs", "bare calls, µs", "ratio"], rows),
            Table(
                ["whose code", "share"],
                [[name, f"{share:.0%}"] for name, share in shares.items()],
                f"Where the CPU goes at {PROFILED_STEPS} steps, by a profile",
            ),
        ],
        [
            *findings,
            f"The goal is a ratio of {GOAL:g} at most.",
            f"A command writes {log['lines']:.0f} log line of {log['bytes']:.0f} bytes, as "
            f"CloudWatch counts them; the costs count with {STEP_COMMANDS.log_bytes_a_run}.",
        ],
    )
    return section, surroundings("aws-lambda-powertools", "pydantic", "pynamodb", "botocore")


def _program(*arguments: str) -> dict[str, float]:
    found: dict[str, float] = run_program(
        "cpu_of_commands", *arguments, environment={**ENVIRONMENT, "PYTHONPATH": _ROOT}
    )
    return found
