"""What cdk-nag and CDK's own checks find in an app with the construct."""

from __future__ import annotations

from .conftest import Synthesised


def test_nothing_is_found_in_the_construct(synthesised: Synthesised) -> None:
    ours = ("/Default/", "/WorkLeft-")
    assert [each for each in synthesised.findings() if any(one in each[1] for one in ours)] == []


def test_the_checks_ran_and_find_what_is_not_ours(synthesised: Synthesised) -> None:
    assert "AwsSolutions" in {each["pluginName"] for each in synthesised.report["pluginReports"]}
    assert ("AwsSolutions-SQS3", "Used/Queue/Resource") in set(synthesised.findings())
