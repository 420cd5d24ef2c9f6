"""A listing: entries a line each, and below it what a terminal has no room for beside."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from rich.cells import cell_len
from rich.console import RenderableType
from rich.padding import Padding
from rich.text import Text

from trellis_process.cli.console import Console

_GAP = "  "


def print_listing(
    console: Console,
    columns: Sequence[str],
    rows: Iterable[Sequence[str | Text]],
    *,
    below: Sequence[str] = (),
) -> None:
    """Prints rows under the names of their columns. Nothing is cut, and no column is squeezed.

    Where they are too wide for the terminal, the columns in ``below`` leave the line one after
    another, in this order, and are told with their names on a line below. In a pipe each row is
    one line, however long.
    """
    cells = [[Text(cell) if isinstance(cell, str) else cell for cell in row] for row in rows]
    beside = _beside(columns, cells, below, console.room)
    for line in _lines(columns, cells, beside):
        console.print(line, soft_wrap=console.room is None)


def _beside(
    columns: Sequence[str], rows: Sequence[Sequence[Text]], below: Sequence[str], room: int | None
) -> dict[int, int]:
    """The columns that stand beside each other, each with its width."""
    widths = {
        place: max(cell_len(name), *(row[place].cell_len for row in rows), 0)
        for place, name in enumerate(columns)
    }
    for name in below:
        if room is None or sum(widths.values()) + len(_GAP) * (len(widths) - 1) <= room:
            break
        del widths[columns.index(name)]
    return widths


def _lines(
    columns: Sequence[str], rows: Sequence[Sequence[Text]], beside: dict[int, int]
) -> Iterator[RenderableType]:
    yield _line([Text(columns[place], "dim") for place in beside], beside)
    for row in rows:
        yield _line([row[place] for place in beside], beside)
        told = [
            Text.assemble((f"{name} ", "dim"), row[place])
            for place, name in enumerate(columns)
            if place not in beside and row[place]
        ]
        if told:
            yield Padding(Text(_GAP).join(told), (0, 0, 0, len(_GAP)))


def _line(cells: Sequence[Text], beside: dict[int, int]) -> Text:
    padded = []
    for cell, width in zip(cells, beside.values(), strict=True):
        padded.append(cell.copy())
        padded[-1].pad_right(width - cell.cell_len)
    line = Text(_GAP).join(padded)
    line.rstrip()
    return line
