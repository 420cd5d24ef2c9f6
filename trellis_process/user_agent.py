"""The user agent: by what name requests to AWS go, as CloudTrail and AWS's support see them."""

from __future__ import annotations

import botocore

#: Given to botocore's ``Config`` in place of its own, which it puts together of a dozen parts for
#: every request: a fifth of all the CPU that a request takes.
USER_AGENT = f"trellis-process botocore/{botocore.__version__}"
