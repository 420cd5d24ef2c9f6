"""The SAM template in plain CloudFormation, which is what CDK can take in.

Done here and not by SAM's own translator, which would tie every app that uses the construct to one
minor version of pydantic. It is what the tests compare this with.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import yaml

from trellis_process.deploy.sources import template_path
from trellis_process.deploy.template import with_code

NAME = "Name"
"""The parameter that stands where the template says the name of its stack."""

BUNDLE_BUCKET, BUNDLE_KEY = "BundleBucket", "BundleKey"
"""The parameters that say where in S3 the functions' bundle is."""

_CODE = f"{{ S3Bucket: !Ref {BUNDLE_BUCKET}, S3Key: !Ref {BUNDLE_KEY} }}"
_FUNCTION = "AWS::Serverless::Function"


def expanded_template() -> dict[str, Any]:
    """The template without SAM, with three parameters more: its name and where its bundle is.

    Raises ``DeployError`` where this installation is incomplete, ``ValueError`` for a template with
    anything of SAM but functions.
    """
    # A stack has one name and may hold several of these, so the name is given instead of looked up.
    text = with_code(template_path(), _CODE).replace("AWS::StackName", NAME)
    source = yaml.load(text, _Loader)  # noqa: S506 - it is a SafeLoader that knows CloudFormation's tags
    for parameter in (NAME, BUNDLE_BUCKET, BUNDLE_KEY):
        source["Parameters"][parameter] = {"Type": "String"}
    shared = source.pop("Globals")["Function"]
    del source["Transform"]
    resources: dict[str, Any] = {}
    for name, resource in source["Resources"].items():
        if resource["Type"] == _FUNCTION:
            resources |= _function(name, resource, shared)
        elif resource["Type"].startswith("AWS::Serverless::"):
            raise ValueError(f"{name} is an {resource['Type']}, which is not understood here")
        else:
            resources[name] = resource
    return {**source, "Resources": resources}


def _function(
    name: str, resource: Mapping[str, Any], shared: Mapping[str, Any]
) -> dict[str, dict[str, Any]]:
    """The resources that SAM makes of a function, by their names."""
    properties = _merged(shared, resource["Properties"])
    properties["Code"] = properties.pop("CodeUri")
    invoked = properties.pop("EventInvokeConfig", None)
    made = {name: {**resource, "Type": "AWS::Lambda::Function", "Properties": properties}}
    if invoked is not None:
        made[f"{name}EventInvokeConfig"] = {
            **{key: value for key, value in resource.items() if key == "Condition"},
            "Type": "AWS::Lambda::EventInvokeConfig",
            "Properties": {"FunctionName": {"Ref": name}, "Qualifier": "$LATEST", **invoked},
        }
    return made


def _merged(shared: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """What a function has of its own and, where it says nothing, what all have."""
    merged = {**shared, **own}
    for key in set(shared) & set(own):
        if isinstance(shared[key], dict):
            merged[key] = _merged(shared[key], own[key])
    return merged


class _Loader(yaml.SafeLoader):
    """Reads ``!Ref x`` as ``{"Ref": "x"}`` and ``!Sub x`` as ``{"Fn::Sub": "x"}``."""


def _intrinsic(loader: yaml.SafeLoader, tag: str, node: yaml.Node) -> dict[str, Any]:
    argument: Any
    match node:
        case yaml.ScalarNode():
            argument = loader.construct_scalar(node)
        case yaml.SequenceNode():
            argument = loader.construct_sequence(node, deep=True)
        case yaml.MappingNode():
            argument = loader.construct_mapping(node, deep=True)
    if tag == "GetAtt":
        argument = argument.split(".", 1)
    return {tag if tag in ("Ref", "Condition") else f"Fn::{tag}": argument}


_Loader.add_multi_constructor("!", _intrinsic)
