"""The constructors of dataclasses as they are read best: what has to be given comes first."""

from __future__ import annotations

import inspect
import re
import sys
from dataclasses import MISSING, Field, fields, is_dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sphinx.application import Sphinx

_KEPT_ALIAS = re.compile(r"TypeAliasForwardRef\('(\w+)'\)")
_EMPTY: dict[Any, str] = {dict: "{}", list: "[]"}
_NAMES_ITSELF = "kind"  # a class of a step is its kind; nobody says it twice


class _AsWritten:
    """A default as one would write it, in place of what dataclasses make of it."""

    def __init__(self, text: str) -> None:
        self._text = text

    def __repr__(self) -> str:
        return self._text


def _read_best(app: Sphinx, described: Any, bound_method: bool) -> None:
    owner = _dataclass_of(described)
    if owner is None:
        return
    own = {field.name: field for field in fields(owner)}
    signature = inspect.signature(described)
    parameters = [
        parameter.replace(default=_default(own[name])) if name in own else parameter
        for name, parameter in signature.parameters.items()
        if name != _NAMES_ITSELF
    ]
    # Only those given by name may change places; sorting keeps the order of the others.
    parameters.sort(
        key=lambda each: each.kind is each.KEYWORD_ONLY and each.default is not each.empty
    )
    described.__signature__ = signature.replace(parameters=parameters)


def _dataclass_of(described: Any) -> type | None:
    """The class whose constructor a dataclass wrote; None for anything else."""
    name = getattr(described, "__qualname__", "")
    if not name.endswith(".__init__") or "." in name.removesuffix(".__init__"):
        return None
    module = sys.modules.get(getattr(described, "__module__", ""))
    owner = getattr(module, name.removesuffix(".__init__"), None)
    if not (isinstance(owner, type) and is_dataclass(owner)):
        return None
    return owner if vars(owner).get("__init__") is described else None


def _default(field: Field[Any]) -> Any:
    if field.default_factory is not MISSING:
        return _AsWritten(_EMPTY.get(field.default_factory, "…"))
    if field.default is MISSING:
        return inspect.Parameter.empty
    usual = type(field.default)
    if is_dataclass(usual) and all(
        each.default is not MISSING and getattr(field.default, each.name) == each.default
        for each in fields(usual)
    ):
        return _AsWritten(f"{usual.__name__}()")
    return field.default


def _name_aliases(
    app: Sphinx, what: str, name: str, described: Any, options: Any, signature: Any, result: Any
) -> tuple[Any, Any] | None:
    """Inside of a union Sphinx writes how it keeps another name of a type; the name is enough."""
    if "TypeAliasForwardRef" not in f"{signature}{result}":
        return None
    return _KEPT_ALIAS.sub(r"\1", signature or ""), result and _KEPT_ALIAS.sub(r"\1", result)


def setup(app: Sphinx) -> None:
    """Puts them in their order before Sphinx writes them."""
    app.connect("autodoc-before-process-signature", _read_best)
    app.connect("autodoc-process-signature", _name_aliases)
