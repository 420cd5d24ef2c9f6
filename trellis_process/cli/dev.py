"""``trellis dev``: the whole stack on this machine, kept between runs, its events followed."""

from __future__ import annotations

import socket
import time
from pathlib import Path

from rich.text import Text

from trellis_process.cli.console import Console
from trellis_process.cli.event_line import event_line
from trellis_process.cli.interruption import interruptible
from trellis_process.cli.stacks import remember_dev
from trellis_process.local.events import EventTap
from trellis_process.local.ministack import REGION, LocalCloud
from trellis_process.local.stack import STACK_NAME, LocalStack, deploy_trellis

USUAL_PORT = 4566  # where people expect a local AWS
SEEN = {"ReadModels": "on"}  # a developer looks at processes in every way there is


def run_dev(data_dir: Path, *, port: int | None, fresh: bool) -> None:
    """Starts the stack, says where it is, and prints events until it is told to stop."""
    console = Console()
    interruptible()
    began = time.monotonic()

    def note(line: str) -> None:
        console.print(f"· {line}", style="dim")

    port = port or (USUAL_PORT if _is_free(USUAL_PORT) else None)
    cloud = LocalCloud(
        auth=True, data_dir=data_dir, port=port, log_file=data_dir / "cloud.log", report=note
    )
    with cloud:
        if fresh:
            cloud.reset()
        stack = deploy_trellis(cloud, parameters=SEEN, report=note)
        tap = EventTap(stack, "dev")
        took = f" up after {time.monotonic() - began:.1f} s\n"
        console.print(Text.assemble(("✓", "green"), took))
        key = (stack.caller.access_key_id, stack.caller.secret_access_key)
        remember_dev(data_dir, stack.api_url, key, STACK_NAME, cloud.client_environment())
        try:
            _tell_addresses(console, stack, data_dir)
            for event in tap:
                width = console.width if console.is_terminal else None
                console.print(event_line(event["detail"], width), soft_wrap=True)
        except KeyboardInterrupt:
            console.print("\nStopping; the data is kept.")


def _tell_addresses(console: Console, stack: LocalStack, data_dir: Path) -> None:
    caller = stack.caller
    lines = {
        "step API": stack.api_url,
        "event bus": stack.outputs["EventBusName"],
        "table": stack.outputs["TableName"],
        "log": str(data_dir / "cloud.log"),
    }
    for name, value in lines.items():
        console.print(f"  {name:<10} {value}", soft_wrap=True)
    console.print("\nAny AWS tool reaches this cloud with", style="dim")
    for name, value in stack.cloud.client_environment().items():
        console.print(f"  export {name}={value}", soft_wrap=True)
    console.print(
        "\nThe step API takes signed requests. List the processes of a tenant:", style="dim"
    )
    console.print(
        f"  curl --aws-sigv4 aws:amz:{REGION}:execute-api "
        f"--user {caller.access_key_id}:{caller.secret_access_key} "
        f"'{stack.api_url}/tenants/demo/processes'",
        soft_wrap=True,
    )
    console.print("\nEvents appear below as they reach the bus. Ctrl-C stops.", style="dim")


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        # As the server does, so that the last run's closing connections are no hindrance.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
