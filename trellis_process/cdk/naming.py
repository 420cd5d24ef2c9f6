"""What one construct's bus, API, dashboard and metrics are called, apart from those of others."""

from __future__ import annotations

import re

from aws_cdk import Names, Stack, Token
from constructs import Construct

from trellis_process.errors import InvalidInput

_LONGEST = 100  # a dashboard's name takes 255, and a metric's namespace, and ends in the region
_NAME = re.compile(rf"[A-Za-z0-9_-]{{1,{_LONGEST}}}")


def name_of(construct: Construct, given: str | None) -> str:
    """The given name, or one made of the stack's name and the construct's path in it.

    Raises ``InvalidInput`` for a name that a bus or a dashboard could not have.
    """
    if given is None:
        given = _own_name(construct)
    if not _NAME.fullmatch(given):
        allowed = f"allowed are 1 to {_LONGEST} letters, digits, - and _"
        raise InvalidInput("name", given, allowed)
    return given


def _own_name(construct: Construct) -> str:
    stack = Stack.of(construct)
    if Token.is_unresolved(stack.stack_name):  # of a nested stack, which is named on deployment
        return Names.unique_resource_name(construct, max_length=_LONGEST, separator="-")
    path = construct.node.path[len(stack.node.path) :]
    return re.sub(r"[^A-Za-z0-9_]+", "-", f"{stack.stack_name}{path}").strip("-")
