"""The stack as a construct, for those who deploy from a CDK app of their own.

Begin at ``TrellisProcess``: ``pip install 'trellis-process[cdk]'``.
"""

from trellis_process.extras import from_extra

with from_extra("cdk", "the construct"):
    from trellis_process.cdk.functions import FunctionName, FunctionSettings
    from trellis_process.cdk.properties import JwtAuthorization
    from trellis_process.cdk.trellis_process import TrellisProcess

__all__ = ["FunctionName", "FunctionSettings", "JwtAuthorization", "TrellisProcess"]
