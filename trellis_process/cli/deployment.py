"""A deployed stack as those see it who operate it: what it is made of, and the clients for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Self

from botocore.exceptions import ClientError, NoRegionError

from trellis_process.cli.errors import NoStack

if TYPE_CHECKING:
    from botocore.session import Session

    from trellis_process.dynamodb import Table

# Longer than the longest wait for a message, or than a function takes that is invoked.
_READ_TIMEOUT_S = 90


@dataclass(frozen=True)
class Deployment:
    """A stack of CloudFormation. Its clients use the credentials that every AWS client finds."""

    name: str
    region: str
    #: The template's outputs, by their names.
    outputs: Mapping[str, str]
    _session: Session = field(repr=False)
    _clients: dict[str, Any] = field(default_factory=dict, repr=False)

    @classmethod
    def of_stack(cls, name: str) -> Self:
        """The stack of that name. Raises NoStack where there is none, and what botocore raises."""
        from botocore.session import Session  # here, because not every command needs an SDK

        session = Session()
        region = session.get_config_variable("region")
        if not region:
            raise NoRegionError()
        found = cls(name, region, {}, session)
        try:
            (stack,) = found.client("cloudformation").describe_stacks(StackName=name)["Stacks"]
        except ClientError as error:
            if "does not exist" not in str(error):
                raise
            raise NoStack(
                f"there is no stack {name!r} in {region} in this account; check --stack, the "
                "region and the AWS profile"
            ) from error
        outputs = {each["OutputKey"]: each["OutputValue"] for each in stack.get("Outputs", [])}
        return cls(name, region, outputs, session)

    def client(self, service: str) -> Any:
        """A botocore client of a service; the same one each time."""
        if service not in self._clients:
            from botocore.config import Config

            settings = Config(
                connect_timeout=5,
                read_timeout=_READ_TIMEOUT_S,
                retries={"mode": "standard", "total_max_attempts": 3},
            )
            self._clients[service] = self._session.create_client(
                service, region_name=self.region, config=settings
            )
        return self._clients[service]

    def output(self, name: str) -> str:
        """An output of the template. Raises NoStack where the stack has none of that name."""
        try:
            return self.outputs[name]
        except KeyError:
            raise NoStack(
                f"the stack {self.name!r} has no output {name}: it is none of Trellis's, or of "
                "another version"
            ) from None

    def table(self) -> Table:
        """The stack's table."""
        from trellis_process.dynamodb import Table

        return Table(self.output("TableName"), region=self.region)

    def retention(self) -> timedelta | None:
        """How long the stack keeps finished processes, as its functions are told."""
        function = self.client("lambda").get_function_configuration(
            FunctionName=self.output("AuditFunctionName")
        )
        days = int(function["Environment"]["Variables"]["TRELLIS_RETENTION_DAYS"])
        return timedelta(days=days) if days else None

    def resources(self, kind: str) -> dict[str, str]:
        """The stack's resources of a type, ``AWS::SQS::Queue``: their ids by their logical ids."""
        pages = self.client("cloudformation").get_paginator("list_stack_resources")
        return {
            each["LogicalResourceId"]: each["PhysicalResourceId"]
            for page in pages.paginate(StackName=self.name)
            for each in page["StackResourceSummaries"]
            if each["ResourceType"] == kind and "PhysicalResourceId" in each
        }
