"""A template's conditions and rules, decided once the values of its parameters are known.

CloudFormation takes conditions about parameters only, and a construct is given other things: the
ARN of a topic that the same stack makes is no parameter's value. So they are decided here, and what
is synthesised is what is deployed, without any "if".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

Template: TypeAlias = Mapping[str, Any]
Values: TypeAlias = Mapping[str, object]
"""Parameters by their names; one whose value is known only on deployment equals no text."""

_NO_VALUE = {"Ref": "AWS::NoValue"}


def decided(template: Template, values: Values) -> dict[str, Any]:
    """The template as it is where its parameters are ``values``, without conditions and rules.

    Raises ``ValueError`` for a condition that says something not understood here.
    """
    held = {
        name: _holds(condition, template, values)
        for name, condition in template.get("Conditions", {}).items()
    }
    made = {
        section: _without_ifs(content, held)
        for section, content in template.items()
        if section not in ("Conditions", "Rules")
    }
    for section in ("Resources", "Outputs"):
        made[section] = {
            name: {key: value for key, value in each.items() if key != "Condition"}
            for name, each in made[section].items()
            if "Condition" not in each or held[each["Condition"]]
        }
    return made


def broken_rule(template: Template, values: Values) -> str | None:
    """What the template says against ``values``, in the words of the first rule they break.

    Raises ``ValueError`` as ``decided`` does.
    """
    for rule in template.get("Rules", {}).values():
        if _holds(rule["RuleCondition"], template, values):
            for each in rule["Assertions"]:
                if not _holds(each["Assert"], template, values):
                    return str(each["AssertDescription"])
    return None


def _holds(expression: Mapping[str, Any], template: Template, values: Values) -> bool:
    ((function, argument),) = expression.items()

    def text(side: Any) -> str:
        return str(values[side["Ref"]] if isinstance(side, dict) else side)

    match function:
        case "Condition":
            return _holds(template["Conditions"][argument], template, values)
        case "Fn::Equals":
            return text(argument[0]) == text(argument[1])
        case "Fn::Contains":
            return text(argument[1]) in argument[0]
        case "Fn::Not":
            return not _holds(argument[0], template, values)
        case "Fn::And":
            return all(_holds(each, template, values) for each in argument)
        case "Fn::Or":
            return any(_holds(each, template, values) for each in argument)
    raise ValueError(f"the template decides something by {function}, which is not understood here")


def _without_ifs(content: Any, held: Mapping[str, bool]) -> Any:
    """The content with the side that counts in place of each Fn::If, or nothing for no value."""
    if isinstance(content, list):
        members = [_without_ifs(each, held) for each in content]
        return [each for each in members if each != _NO_VALUE]
    if not isinstance(content, dict):
        return content
    if set(content) == {"Fn::If"}:
        name, then, otherwise = content["Fn::If"]
        return _without_ifs(then if held[name] else otherwise, held)
    values = {key: _without_ifs(each, held) for key, each in content.items()}
    return {key: each for key, each in values.items() if each != _NO_VALUE}
