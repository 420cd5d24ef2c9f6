"""Who is calling: by the signature of an AWS principal, or by a token."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from trellis_process.client.errors import NotAuthorized
from trellis_process.extras import from_extra

_SERVICE = "execute-api"
_REGION_IN_HOST = re.compile(r"\.execute-api\.([a-z0-9-]+)\.amazonaws\.com(?:\.cn)?$")


@dataclass(frozen=True)
class Request:
    """One try of a call, as it is about to be sent."""

    method: str
    #: The whole address, with the query as it is sent.
    url: str
    #: The host in it, without the port.
    host: str
    headers: dict[str, str]
    body: bytes


class Authorization(Protocol):
    """Shows the step API who is calling."""

    def headers_for(self, request: Request) -> dict[str, str]:
        """The headers to add; asked for with each try, from any thread. May raise NotAuthorized."""


class SigV4:
    """Signs each request with the credentials of an AWS principal (the default).

    ``session`` is a session of botocore or boto3; unless given, credentials are looked for where
    every AWS client does, on Lambda those of the function's role, and renewed before they expire.
    ``region`` is the API's: unless given, the one that its address names, else the session's.

    Needs botocore: ``pip install 'trellis-process[client]'``. It is imported with the first call.
    """

    def __init__(self, session: Any = None, *, region: str | None = None) -> None:
        self._session = session
        self._region = region
        self._credentials: Any = None
        self._lock = threading.Lock()

    def headers_for(self, request: Request) -> dict[str, str]:
        """The signature, its time, and the token of temporary credentials.

        Raises NotAuthorized where there are no credentials, or no region; ImportError without
        botocore.
        """
        with from_extra("client", "signing", instead="give the client a BearerToken"):
            from botocore.auth import SigV4Auth
            from botocore.awsrequest import AWSRequest
            from botocore.exceptions import BotoCoreError
        try:
            key, region = self._frozen_credentials(), self._region_for(request.host)
        except BotoCoreError as error:
            raise NotAuthorized(f"the AWS credentials cannot be had: {error}") from error
        signed = AWSRequest(request.method, request.url, dict(request.headers), request.body)
        SigV4Auth(key, _SERVICE, region).add_auth(signed)
        return {
            name: value
            for name, value in signed.headers.items()
            if request.headers.get(name) != value
        }

    def _frozen_credentials(self) -> Any:
        with self._lock:  # a session may be shared by threads, but not made or first used by two
            if self._session is None:
                from botocore.session import Session

                self._session = Session()
            if self._credentials is None:
                self._credentials = self._session.get_credentials()
        if self._credentials is None:
            raise NotAuthorized(
                "there are no AWS credentials in the environment, the configuration or the role; "
                "give the client SigV4(session) or a BearerToken"
            )
        return self._credentials.get_frozen_credentials()

    def _region_for(self, host: str) -> str:
        named = _REGION_IN_HOST.search(host)
        region = self._region or (named and named[1]) or _region_of(self._session)
        if region is None:
            raise NotAuthorized(
                f"the AWS region of {host} is not known: set AWS_DEFAULT_REGION, or give the "
                "client SigV4(region=…)"
            )
        return region


class BearerToken:
    """Shows a token, for a stack that was deployed with ``Authorization=jwt``.

    ``token`` is the token, or what returns the one that is good now: it is called for every try,
    also from several threads at once, so it keeps the token until that expires.
    """

    def __init__(self, token: str | Callable[[], str]) -> None:
        self._token = token

    def headers_for(self, request: Request) -> dict[str, str]:
        """The token as a header. Raises what the function that returns tokens raises."""
        token = self._token if isinstance(self._token, str) else self._token()
        return {"Authorization": f"Bearer {token.strip()}"}  # a file ends in a newline


def _region_of(session: Any) -> str | None:
    if hasattr(session, "region_name"):  # of boto3
        region: str | None = session.region_name
    else:
        region = session.get_config_variable("region")
    return region
