"""What every stand-in can do: make one AWS call and answer how it went."""

import botocore.session
from botocore.exceptions import ClientError

_session = botocore.session.get_session()
_clients = {}


def client(service):
    """A client with the rights of the function's role."""
    if service not in _clients:
        _clients[service] = _session.create_client(service)
    return _clients[service]


def outcome(call):
    """How ``{"service": …, "operation": …, "arguments": …}`` went: ``"ok"`` or the error's code."""
    try:
        getattr(client(call["service"]), call["operation"])(**call["arguments"])
    except ClientError as error:
        return error.response["Error"]["Code"]
    return "ok"
