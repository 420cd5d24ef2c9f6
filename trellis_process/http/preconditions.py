"""Preconditions: entity tags, and whether a process is at a version that they name.

The entity tag of a process is its version in quotes, ``"7"``. RFC 9110, section 13.1.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from trellis_process.application.process_service import ProcessService
from trellis_process.http.refusals import MalformedRequest

NO_VERSION = 0  # what no stored process is at, because the first save makes it 1

# What may not stand in a tag, not what may: a set up to the last character takes 10 ms to compile.
_TAG = r'(?:W/)?"[^\x00-\x20\x22\x7f]*"'
_MEMBER = rf"[ \t]*(?:{_TAG}[ \t]*)?"  # a list may have empty members
_LIST = re.compile(rf"{_MEMBER}(?:,{_MEMBER})*")


def entity_tag(version: int) -> str:
    """The entity tag of a process at this version."""
    return f'"{version}"'


def expected_version(if_match: str | None, current: Callable[[], int]) -> int | None:
    """The version on which ``If-Match`` lets a command change the process; None for any.

    ``current`` reads the version, and is asked only where the header leaves a choice. A weak tag,
    and one that no version has, match nothing: then NO_VERSION is expected.

    Raises MalformedRequest for what is no entity tag.
    """
    if if_match is None or if_match.strip() == "*":
        return None
    named = [opaque for weak, opaque in _tags("If-Match", if_match) if not weak]
    versions = {int(opaque) for opaque in named if re.fullmatch(r"[1-9][0-9]{0,15}", opaque)}
    if len(versions) > 1:
        versions &= {current()}
    return versions.pop() if versions else NO_VERSION


def expected_of(
    service: ProcessService, tenant_id: str, process_id: str, if_match: str | None
) -> int | None:
    """The same of a process that a service knows."""
    return expected_version(if_match, lambda: service.get_process(tenant_id, process_id).version)


def is_unchanged(if_none_match: str | None, version: int) -> bool:
    """Whether the caller has this version already, as ``If-None-Match`` says.

    Raises MalformedRequest for what is no entity tag.
    """
    if if_none_match is None:
        return False
    if if_none_match.strip() == "*":
        return True
    return any(opaque == str(version) for _, opaque in _tags("If-None-Match", if_none_match))


def _tags(header: str, value: str) -> list[tuple[str, str]]:
    tags = re.findall(r'(W/)?"([^"]*)"', value) if _LIST.fullmatch(value) else []
    if not tags:
        raise MalformedRequest(
            f'{header} is to be *, or entity tags as they came in ETag, quotes included: "7"'
        )
    return tags
