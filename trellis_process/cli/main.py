"""The command ``trellis`` and what each of its words runs."""

from __future__ import annotations

import sys
from importlib.metadata import version
from pathlib import Path


def main() -> None:
    """Runs ``trellis``; without the libraries it is made of, says how to get them."""
    try:
        import click  # noqa: F401
        import rich  # noqa: F401
    except ImportError:
        sys.exit("trellis needs more than a plain install: pip install 'trellis-process[local]'")
    _commands()


def _commands() -> None:
    import click

    from trellis_process.cli import (
        cases,
        cost,
        coverage,
        defined,
        definitions,
        jobs,
        on_call,
        plan,
        processes,
        registered,
        schedules,
        simulate,
        views,
    )
    from trellis_process.deploy.errors import DeployError
    from trellis_process.local.errors import LocalCloudError

    @click.group(context_settings={"help_option_names": ["-h", "--help"]})
    @click.version_option(version("trellis-process"), prog_name="trellis")
    def trellis() -> None:
        """Track long-running business processes."""

    @trellis.command()
    def demo() -> None:
        """Run a referral's journey through the whole stack, on this machine.

        Starts a local cloud, deploys the stack into it, shows what happens, stops it again.
        """
        from trellis_process.cli.demo import run_demo

        sys.exit(run_demo())

    @trellis.command()
    @click.option(
        "--data-dir",
        type=click.Path(file_okay=False, path_type=Path),
        default=Path(".trellis"),
        show_default=True,
        help="Where the stack's data is kept between runs.",
    )
    @click.option("--port", type=click.IntRange(1, 65535), help="The port; 4566 if it is free.")
    @click.option("--fresh", is_flag=True, help="Forget what earlier runs kept.")
    def dev(data_dir: Path, port: int | None, fresh: bool) -> None:
        """Run the whole stack on this machine, and follow its events until Ctrl-C."""
        from trellis_process.cli.dev import run_dev

        run_dev(data_dir, port=port, fresh=fresh)

    @trellis.command()
    @click.option(
        "--output",
        type=click.Path(file_okay=False, path_type=Path),
        default=Path("trellis-stack"),
        show_default=True,
        help="The folder to write into.",
    )
    @click.option(
        "--runtime-python",
        type=click.Path(exists=True, dir_okay=False, path_type=Path),
        help="The Python of the runtime's version that compiles; python3.13 on the PATH otherwise.",
    )
    @click.option(
        "--without-bytecode", is_flag=True, help="Do without it; cold starts take twice as long."
    )
    def template(output: Path, runtime_python: Path | None, without_bytecode: bool) -> None:
        """Write out what is to be deployed: the SAM template and the functions' bundle."""
        from trellis_process.deploy.template import write_deployment

        written = write_deployment(
            output,
            bytecode=not without_bytecode,
            runtime_python=runtime_python,
            report=click.echo,
        )
        click.echo(f"Written. To deploy it:\n  sam deploy --guided --template-file {written}")

    for command in (
        *processes.COMMANDS,
        *defined.COMMANDS,
        *registered.COMMANDS,
        *definitions.COMMANDS,
        *schedules.COMMANDS,
        *jobs.COMMANDS,
        *simulate.COMMANDS,
        *cases.COMMANDS,
        *plan.COMMANDS,
        *coverage.COMMANDS,
        *views.COMMANDS,
        *on_call.COMMANDS,
        *cost.COMMANDS,
    ):
        trellis.add_command(command)
    try:
        trellis()
    except (DeployError, LocalCloudError) as error:
        sys.exit(f"trellis: {error}")
