"""The HTTP API: any ProcessService behind API Gateway, one route per command and look-up.

Begin at ``api.py``. ``api = build_api(service)`` once, then ``api.answer(api.read(event))`` for
each event of an HTTP API (payload format 2.0). Neither raises, whatever the event holds.
"""

from trellis_process.http.api import NO_OPERATION, Answer, Api, Asked, build_api, failed

__all__ = ["NO_OPERATION", "Answer", "Api", "Asked", "build_api", "failed"]
