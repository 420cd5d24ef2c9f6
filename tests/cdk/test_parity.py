"""The construct and the SAM template describe the same stack, as SAM's own translator reads it."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from trellis_process.cdk.properties import PROPERTIES
from trellis_process.deploy.environment import own_environment
from trellis_process.deploy.sources import template_path
from trellis_process.deploy.template import with_code

from .conftest import Synthesised
from .stacks import ARCHIVE_KEY, KEY, TOPIC

#: The paths of what the template becomes begin so.
CONTENTS = "Tracker/Default/"

TRANSLATE = """
import json, sys
from boto3 import Session
from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator
from samtranslator.yaml_helper import yaml_parse

translator = Translator({}, Parser(), boto_session=Session(region_name="us-east-1"))
json.dump(translator.translate(yaml_parse(sys.stdin.read()), parameter_values={}), sys.stdout)
"""

# What the stacks of stacks.py give, in the words of the template, and which conditions then hold.
CASES: Mapping[str, tuple[Mapping[str, object], set[str]]] = {
    "Plain": ({}, {"OwnsEventBus", "HasExternalEvents"}),
    "Jwt": (
        {
            "Authorization": "jwt",
            "JwtIssuer": "https://issuer.example",
            "JwtAudience": "steps,more",
            "JwtTenantClaim": "tenant",
            "JwtOperatorScope": "process-definitions",
            "ExternalEvents": "off",
        },
        {"OwnsEventBus", "UsesJwt"},
    ),
    "Whole": (
        {
            "RetentionDays": 90,
            "ArchiveBucketName": "archive",
            "ArchivePrefix": "done/",
            "ReadModels": "on",
            "ArchiveKeyArn": ARCHIVE_KEY,
            "AlarmTopicArn": TOPIC,
            "EventBusName": "company",
            "EncryptionKeyArn": KEY,
            "LogLevel": "DEBUG",
            "LogRetentionDays": 365,
            "PublisherParallelism": 4,
            "Sweepers": 8,
        },
        {
            *("HasAlarmTopic", "HasArchive", "HasArchiveKey", "HasEncryptionKey"),
            *("HasExternalEvents", "HasReadModels", "LogsEverything"),
            *(f"HasSweeper{number}" for number in range(2, 9)),
        },
    ),
}


@pytest.fixture(scope="module")
def sam() -> dict[str, Any]:
    """The SAM template, translated by the library that SAM deploys with."""
    # It pins one minor version of pydantic; the local cloud's environment has it anyhow.
    python = own_environment("ministack") / "python"
    source = with_code(template_path(), "s3://bundles/bundle.zip")
    done = subprocess.run(
        [python, "-c", TRANSLATE], input=source, capture_output=True, text=True, check=True
    )
    translated: dict[str, Any] = json.loads(done.stdout)
    return translated


@pytest.mark.parametrize("stack", CASES)
def test_the_construct_has_what_the_template_has(
    sam: dict[str, Any], synthesised: Synthesised, stack: str
) -> None:
    values, held = CASES[stack]
    assert held <= set(sam["Conditions"])
    expected = deployed(sam, {**values, "AWS::StackName": stack.lower()}, held)
    made = synthesised.templates[stack]
    names = {
        logical_id: path.removeprefix(CONTENTS)
        for path, logical_id in synthesised.ids[stack].items()
        if path.startswith(CONTENTS) and logical_id in made["Resources"]
    }
    assert sorted(names.values()) == sorted(expected["Resources"])
    for logical_id, name in names.items():
        resource = plain(made["Resources"][logical_id], names.get)
        resource["Properties"].pop("Code", None)
        assert resource == expected["Resources"][name], name
    assert plain(made["Outputs"], names.get) == expected["Outputs"]


def test_the_construct_brings_nothing_else(synthesised: Synthesised) -> None:
    made = synthesised.templates["Plain"]["Resources"]
    others = {
        path
        for path, logical_id in synthesised.ids["Plain"].items()
        if logical_id in made and not path.startswith(CONTENTS)
    }
    assert others <= {"CDKMetadata/Default"}
    assert set(synthesised.templates["Plain"].get("Parameters", {})) == {"BootstrapVersion"}
    assert "Conditions" not in synthesised.templates["Plain"]


def test_every_condition_is_tried_both_ways(sam: dict[str, Any]) -> None:
    for condition in sam["Conditions"]:
        assert {condition in held for _, held in CASES.values()} == {True, False}, condition


def test_every_parameter_is_given_by_a_property(sam: dict[str, Any]) -> None:
    assert set(PROPERTIES) == set(sam["Parameters"])
    assert {name for values, _ in CASES.values() for name in values} == set(sam["Parameters"])


def deployed(
    template: Mapping[str, Any], values: Mapping[str, object], held: set[str]
) -> dict[str, Any]:
    """The template as CloudFormation would take it with these parameters."""
    defaults = {name: each.get("Default") for name, each in template["Parameters"].items()}
    known = {**defaults, **values}

    def chosen(content: Any) -> Any:
        match content:
            case {"Ref": name} if name in known:
                return known[name]
            case {"Fn::If": [condition, then, otherwise]}:
                return chosen(then if condition in held else otherwise)
            case {"Fn::Split": [separator, text]}:
                return chosen(text).split(separator)
            case {"Fn::Sub": str(text)}:
                return {"Fn::Sub": substituted(text)}
            case {"Fn::Sub": [text, members]}:
                return {"Fn::Sub": [substituted(text), chosen(members)]}
            case dict():
                members = {name: chosen(each) for name, each in content.items()}
                return {name: each for name, each in members.items() if each != NO_VALUE}
            case list():
                return [each for each in map(chosen, content) if each != NO_VALUE]
        return content

    def substituted(text: str) -> str:
        return re.sub(r"\$\{([\w:]+)\}", lambda found: str(known.get(found[1], found[0])), text)

    return {
        section: {
            name: plain(of_cdk(chosen(each)), lambda name: name)
            for name, each in template[section].items()
            if each.get("Condition", "always") in {"always", *held}
        }
        for section in ("Resources", "Outputs")
    }


NO_VALUE = {"Ref": "AWS::NoValue"}


def of_cdk(resource: dict[str, Any]) -> dict[str, Any]:
    """What SAM made, without what is rightly otherwise where CDK made it."""
    decided = {name: each for name, each in resource.items() if name != "Condition"}
    if resource.get("Type") == "AWS::Lambda::Function":
        properties = dict(resource["Properties"])
        assert properties.pop("Code") == {"S3Bucket": "bundles", "S3Key": "bundle.zip"}
        assert properties.pop("Tags") == [{"Key": "lambda:createdBy", "Value": "SAM"}]
        decided["Properties"] = properties
    return decided


def plain(content: Any, name_of: Callable[[str], str | None]) -> Any:
    """The content in one spelling, with the template's names for resources."""
    match content:
        case {"Ref": name}:
            return {"Ref": name_of(name) or name}
        case {"Fn::GetAtt": str(text)}:
            return plain({"Fn::GetAtt": text.split(".", 1)}, name_of)
        case {"Fn::GetAtt": [name, attribute]}:
            return {"Fn::GetAtt": [name_of(name) or name, attribute]}
        case {"Fn::Sub": str(text)}:
            return {"Fn::Sub": renamed(text, name_of)}
        case {"Fn::Sub": [text, members]}:
            return {"Fn::Sub": [renamed(text, name_of), plain(members, name_of)]}
        case dict():
            members = {name: plain(each, name_of) for name, each in content.items()}
            return {name: each for name, each in members.items() if each != {}}
        case list():
            return [plain(each, name_of) for each in content]
    return str(content)  # CloudFormation takes "30" for 30


def renamed(text: str, name_of: Callable[[str], str | None]) -> str:
    return re.sub(r"\$\{(\w+)", lambda found: "${" + (name_of(found[1]) or found[1]), text)
