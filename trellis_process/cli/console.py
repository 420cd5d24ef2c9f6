"""The terminal that commands print to: every text comes out as it is, whatever stands in it."""

from __future__ import annotations

import os

import rich.console
from rich.table import Table
from rich.text import Text


class Console(rich.console.Console):  # noqa: TID251 - this is the one
    """A console of Rich that reads nothing into a text: no markup, no names of emoji, no numbers.

    A step may be called ``:pick:``, a reason may say ``[red]``. What is to be coloured is given as
    a ``Text``, or with a ``style``.
    """

    def __init__(self, *, stderr: bool = False) -> None:
        super().__init__(stderr=stderr, highlight=False, markup=False, emoji=False)

    @property
    def room(self) -> int | None:
        """How many characters a line may have; None in a pipe, where nothing need be folded."""
        return self.width if self.is_terminal or "COLUMNS" in os.environ else None

    def print_hanging(self, text: str | Text, *, mark: str = "", style: str = "") -> None:
        """Prints a text two characters in, behind a mark if there is one, also where it folds."""
        lines = Table.grid(padding=(0, 1, 0, 0))
        lines.add_row(f"  {mark}" if mark else " ", text, style=style)
        self.print(lines)
