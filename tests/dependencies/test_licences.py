"""Licences: all are allowed, or excepted for a reason that holds, and the page lists them."""

from __future__ import annotations

import pytest

from locks.licences import (
    ENVIRONMENTS,
    EXCEPTIONS,
    EXTRAS,
    PAGE,
    UNSAID,
    Part,
    allowed,
    page,
    parts,
    refused,
)
from locks.lockfiles import declared

NOT_FOR_USERS = {"docs", "dev", *ENVIRONMENTS}


@pytest.fixture(scope="module")
def found() -> list[Part]:
    return parts()


def test_every_licence_is_allowed(found: list[Part]):
    assert refused(found) == {}, "choose another package, or say why this one; locks/licences.py"


def test_the_page_lists_what_is_locked(found: list[Part]):
    assert PAGE.read_text(encoding="utf-8") == page(found), "run `make licences`"


def test_every_extra_has_its_part_of_the_page():
    assert {*EXTRAS, "dev", "build", *ENVIRONMENTS} == set(declared())


def test_an_exception_is_for_what_needs_one_and_reaches_no_program_of_users(found: list[Part]):
    needed = {
        (package.name, part.name)
        for part in found
        for package in part.packages
        if not allowed(package.licence)
    }
    assert {name for name, _ in needed} == set(EXCEPTIONS)
    assert {part for _, part in needed} <= NOT_FOR_USERS


def test_nothing_is_said_for_a_package_that_is_not_there(found: list[Part]):
    assert set(UNSAID) <= {package.name for part in found for package in part.packages}


@pytest.mark.parametrize(
    "licence", ["MIT", "Apache-2.0 OR GPL-3.0-only", "Apache-2.0; BSD", "MPL-2.0 AND (MIT OR 0BSD)"]
)
def test_a_licence_is_allowed_where_all_of_it_or_a_choice_in_it_is(licence: str):
    assert allowed(licence)


@pytest.mark.parametrize(
    "licence", ["UNKNOWN", "", "GPL-3.0-only", "MIT AND GPL-3.0-only", "MIT; GPL", "AGPL OR SSPL"]
)
def test_another_licence_is_not(licence: str):
    assert not allowed(licence)
