"""A role bound to one tenant's paths, by the policy that the docs show."""

from __future__ import annotations

import json

import pytest

from trellis_process.local.http import Credentials, SignedHttp
from trellis_process.local.ministack import ACCOUNT_ID, REGION
from trellis_process.local.stack import LocalStack

A_PROCESS = {
    "process_type": "CaseCreation",
    "aggregate_type": "Referral",
    "aggregate_id": "ref-1",
    "steps": [{"name": "create_case"}],
}


@pytest.fixture(scope="module")
def caller_of_tenant_1(deployed_stack: LocalStack) -> SignedHttp:
    """Somebody who may call the paths of tenant-1 and no others."""
    iam = deployed_stack.cloud.client("iam")
    iam.create_user(UserName="tenant-1")
    api = f"arn:aws:execute-api:{REGION}:{ACCOUNT_ID}:{deployed_stack.outputs['ApiId']}/$default"
    statement = {
        "Effect": "Allow",
        "Action": "execute-api:Invoke",
        "Resource": [f"{api}/{method}/tenants/tenant-1/*" for method in ("GET", "POST")],
    }
    iam.put_user_policy(
        UserName="tenant-1",
        PolicyName="tenant-1",
        PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [statement]}),
    )
    key = iam.create_access_key(UserName="tenant-1")["AccessKey"]
    credentials = Credentials(key["AccessKeyId"], key["SecretAccessKey"])
    return SignedHttp(deployed_stack.api_url, credentials)


def test_it_reaches_its_own_tenant(caller_of_tenant_1: SignedHttp) -> None:
    started = caller_of_tenant_1.request("POST", "/tenants/tenant-1/processes", A_PROCESS)
    path = f"/tenants/tenant-1/processes/{started.json()['process_id']}"

    assert started.status == 201
    assert caller_of_tenant_1.request("GET", path).status == 200


@pytest.mark.parametrize(
    "path",
    [
        "/tenants/tenant-2/processes",
        "/tenants/tenant-10/processes",
        "/tenants/TENANT-1/processes",
        "/tenants/tenant-1%2F..%2Ftenant-2/processes",
    ],
)
def test_it_reaches_no_other(caller_of_tenant_1: SignedHttp, path: str) -> None:
    # 404 where the path passes as the tenant's own, but leads to nothing.
    assert caller_of_tenant_1.request("GET", path).status in (403, 404)
    assert caller_of_tenant_1.request("POST", path, A_PROCESS).status in (403, 404)
