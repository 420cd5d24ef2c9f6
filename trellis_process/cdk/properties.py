"""What people change about the stack, checked when it is given."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from aws_cdk import Token

from trellis_process.cdk.conditions import Template, Values, broken_rule
from trellis_process.domain.limits import check_whole_number
from trellis_process.errors import InvalidInput

LogLevel: TypeAlias = Literal["DEBUG", "INFO", "WARNING", "ERROR"]

PROPERTIES: Mapping[str, str] = {
    "Authorization": "authorization",
    "JwtIssuer": "authorization.issuer",
    "JwtAudience": "authorization.audiences",
    "JwtTenantClaim": "authorization.tenant_claim",
    "JwtOperatorScope": "authorization.operator_scope",
    "RetentionDays": "retention_days",
    "ArchiveBucketName": "archive_bucket",
    "ArchivePrefix": "archive_prefix",
    "ArchiveKeyArn": "archive_bucket.encryption_key",
    "ReadModels": "read_models",
    "ExternalEvents": "external_events",
    "LogRetentionDays": "log_retention_days",
    "LogLevel": "log_level",
    "PublisherParallelism": "publisher_parallelism",
    "Sweepers": "sweepers",
    "AlarmTopicArn": "alarm_topic",
    "EventBusName": "event_bus",
    "EncryptionKeyArn": "encryption_key",
}
"""Each parameter of the SAM template, and what gives the construct its value."""


@dataclass(frozen=True, kw_only=True)
class JwtAuthorization:
    """Callers are bearers of a token, who reach the tenant that its claim names and no other.

    Raises ``InvalidInput`` without an issuer, or for audiences that no token could have.
    """

    #: The https URL of the issuer, exactly as in the token's ``iss``.
    issuer: str
    #: What is accepted in the token's ``aud`` or ``client_id``: one or more, without commas.
    audiences: Sequence[str]
    #: The claim that names the tenant.
    tenant_claim: str = "tenant_id"
    #: The scope whose bearer may see to the definitions, which are the whole stack's.
    operator_scope: str = "trellis/operator"

    def __post_init__(self) -> None:
        if not self.issuer:
            allowed = "allowed is the https URL in the token's iss"
            raise InvalidInput("authorization.issuer", self.issuer, allowed)
        given = self.audiences
        if isinstance(given, str) or not given or any(not each or "," in each for each in given):
            allowed = "allowed is a list of one or more, none empty or with a comma"
            raise InvalidInput("authorization.audiences", given, allowed)


def checked(template: Template, values: Values) -> dict[str, object]:
    """The values of the template's parameters, once they are known to be allowed.

    What is known only on deployment is left to CloudFormation.

    Raises ``InvalidInput`` for a value that a parameter does not take, or that does not go together
    with another.
    """
    for name, value in values.items():
        if name in PROPERTIES and not Token.is_unresolved(value):
            _check_value(PROPERTIES[name], template["Parameters"][name], value)
    if broken := broken_rule(template, values):
        name = broken.split()[0].partition("=")[0]
        raise InvalidInput(PROPERTIES[name], values[name], broken)
    return dict(values)


def _check_value(field: str, parameter: Mapping[str, Any], value: object) -> None:
    if (choice := parameter.get("AllowedValues")) and value not in choice:
        raise InvalidInput(field, value, f"allowed are {', '.join(map(str, choice))}")
    if {"MinValue", "MaxValue"} <= set(parameter):
        check_whole_number(field, value, parameter["MinValue"], parameter["MaxValue"])
    if (pattern := parameter.get("AllowedPattern")) and not re.search(pattern, str(value)):
        raise InvalidInput(field, value, f"it {parameter['ConstraintDescription']}")
    if len(str(value)) < parameter.get("MinLength", 0):
        raise InvalidInput(field, value, "it must not be empty")
