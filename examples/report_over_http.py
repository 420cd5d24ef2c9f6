"""A service that calls the deployed step API, signing each request with its own AWS credentials.

Run it with ``python examples/report_over_http.py`` after ``pip install botocore``. It takes the
address, the stack's output ``ApiUrl``, from TRELLIS_API_URL, and credentials and region from where
every AWS client takes them: on Lambda those of the function's role.
"""

import json
import os
import urllib.request
from typing import Any
from urllib.error import HTTPError

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.session import Session


class Refused(Exception):
    """The step API refused; ``problem`` is its answer, ``problem["code"]`` is for programs."""

    def __init__(self, status: int, problem: dict[str, Any]) -> None:
        self.status = status
        self.problem = problem
        super().__init__(f"{status} {problem.get('code')}: {problem.get('detail', problem)}")


def call(
    method: str, path: str, body: dict[str, Any] | None = None, **headers: str
) -> dict[str, Any]:
    """One signed request. Raises Refused, and URLError where nobody answers.

    Headers are given with underscores: ``If_Match='"7"'``.
    """
    url = os.environ["TRELLIS_API_URL"] + path
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    if body is not None:
        sent["Content-Type"] = "application/json"
    data = None if body is None else json.dumps(body).encode()
    request = AWSRequest(method, url, headers=sent, data=data)
    session = Session()
    region = session.get_config_variable("region")
    SigV4Auth(session.get_credentials(), "execute-api", region).add_auth(request)
    signed = urllib.request.Request(url, data, dict(request.headers), method=method)  # noqa: S310
    try:
        with urllib.request.urlopen(signed, timeout=30) as answer:  # noqa: S310
            return json.load(answer)
    except HTTPError as error:
        with error:
            raise Refused(error.code, json.load(error)) from None


def main() -> None:
    process = call(
        "POST",
        "/tenants/tenant-1/processes",
        {
            "process_type": "CaseCreation",
            "aggregate_type": "Referral",
            "aggregate_id": "ref-123",
            "steps": [{"name": "create_case", "timeout_ms": 30_000, "retries_permitted": 3}],
        },
        Idempotency_Key="referral ref-123",  # sent twice, it still starts one process
    )
    step = f"/tenants/tenant-1/processes/{process['process_id']}/steps/create_case"
    try:
        call("POST", f"{step}/start")
    except Refused as refused:
        if refused.problem.get("code") not in ("step_finished", "process_finished"):
            raise
        print(f"nothing to do: {refused}")  # what asked for the work was delivered twice
        return
    call("POST", f"{step}/heartbeat")  # work that takes longer says so now and then
    process = call("POST", f"{step}/complete", {"output": {"case": "c-77"}})
    print(f"{process['process_type']} of {process['aggregate_id']}: {process['state']}")


if __name__ == "__main__":
    main()
