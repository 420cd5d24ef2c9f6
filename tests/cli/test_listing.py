"""A listing in terminals of any width: whole, in order, and by line in a pipe."""

from __future__ import annotations

import pytest
from rich.cells import cell_len

from trellis_process.cli.console import Console
from trellis_process.cli.listing import print_listing

COLUMNS = ("process", "step", "role", "why")
ROWS = [
    ("p-1", "pay", "manager_of_the_northern_region", "the receipts cannot be read"),
    ("p-22", "send_in_app", "", "x" * 120),
    ("p-3", "pay", "clerk", ""),
]


def printed(capsys: pytest.CaptureFixture[str], rows: list[tuple[str, ...]] = ROWS) -> list[str]:
    print_listing(Console(), COLUMNS, rows, below=("why", "role"))
    return [line.rstrip() for line in capsys.readouterr().out.splitlines()]


def test_where_there_is_room_all_columns_stand_beside_each_other(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "80")

    assert printed(capsys, ROWS[::2]) == [
        "process  step  role                            why",
        "p-1      pay   manager_of_the_northern_region  the receipts cannot be read",
        "p-3      pay   clerk",
    ]


def test_what_has_no_room_beside_stands_below_with_its_name(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "60")

    assert printed(capsys) == [
        "process  step         role",
        "p-1      pay          manager_of_the_northern_region",
        "  why the receipts cannot be read",
        "p-22     send_in_app",
        "  why",
        *("  " + "x" * length for length in (58, 58, 4)),
        "p-3      pay          clerk",
    ]


@pytest.mark.parametrize("width", [40, 44, 60, 80, 120, 200])
def test_every_character_is_shown_and_no_line_is_longer_than_the_terminal(
    width: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    lines = printed(capsys)

    shown = "".join("".join(lines).split())
    assert max(map(cell_len, lines)) <= width
    assert all("".join(cell.split()) in shown for row in ROWS for cell in row)


def test_in_a_pipe_each_entry_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    lines = printed(capsys)

    assert [line.split()[0] for line in lines] == ["process", "p-1", "p-22", "p-3"]
    assert lines[2].endswith("x" * 120)


def test_what_is_wider_than_it_has_characters_keeps_the_columns(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    lines = printed(capsys, [("p-1", "支払い", "a", ""), ("p-2", "pay", "b", "")])

    assert [
        cell_len(line[: line.index(role)]) for line, role in zip(lines[1:], "ab", strict=True)
    ] == [17, 17]
