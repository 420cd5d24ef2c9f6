"""A service that reports to the deployed step API, with its own AWS credentials.

Run it with ``python examples/report_over_http.py`` after ``pip install 'trellis-process[client]'``.
It takes the address, the stack's output ``ApiUrl``, from TRELLIS_API_URL, and credentials and
region from where every AWS client takes them: on Lambda those of the function's role.
"""

import os
import sys

from trellis_process import ProcessStep
from trellis_process.client import TrellisClient
from trellis_process.errors import ProcessFinished, StepFinished


def main(trellis: TrellisClient) -> None:
    process = trellis.start_process(
        tenant_id="tenant-1",
        process_type="CaseCreation",
        aggregate_type="Referral",
        aggregate_id="ref-123",
        steps=[ProcessStep(name="create_case", timeout_ms=30_000, retries_permitted=3)],
        idempotency_key="referral ref-123",  # sent twice, it still starts one process
    )
    try:
        trellis.start_step(process, "create_case")
    except (ProcessFinished, StepFinished) as finished:
        print(f"nothing to do: {finished}")  # what asked for the work was delivered twice
        return
    trellis.heartbeat(process, "create_case")  # work that takes longer says so now and then
    trellis.complete_step(process, "create_case", {"case": "c-77"})
    print(f"{process.process_type} of {process.aggregate_id}: {process.state}")


if __name__ == "__main__":
    if "TRELLIS_API_URL" not in os.environ:
        sys.exit("TRELLIS_API_URL is to be the stack's output ApiUrl")
    with TrellisClient(os.environ["TRELLIS_API_URL"]) as trellis:
        main(trellis)
