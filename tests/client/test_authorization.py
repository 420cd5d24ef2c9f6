"""Who calls: signatures of AWS principals, and tokens that are renewed."""

from __future__ import annotations

import subprocess
import sys

import boto3
import pytest
from botocore.session import Session

from trellis_process.client import BearerToken, NotAuthorized, Request, SigV4, TrellisClient

from ..step_api_server import KEY, REGION, StepApi, environment_of_a_caller
from .conftest import NewClient
from .orders import started


def a_request(host: str) -> Request:
    return Request("GET", f"https://{host}/tenants/t/processes", host, {}, b"")


def region_in(headers: dict[str, str]) -> str:
    """The region that a signature is for."""
    _, _, scope = headers["Authorization"].partition("Credential=")
    return scope.split("/")[2]


def a_session(region: str | None = None) -> Session:
    session = Session()
    session.set_credentials(KEY.access_key, KEY.secret_key, "token of the session")
    if region is not None:
        session.set_config_variable("region", region)
    return session


@pytest.fixture
def bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No credentials and no region anywhere."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_REGION", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment_of_a_caller("").items():
        if name.startswith("AWS_"):
            monkeypatch.setenv(name, value)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name)


def test_credentials_and_region_are_those_that_every_aws_client_finds(
    step_api: StepApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in environment_of_a_caller(step_api.url).items():
        monkeypatch.setenv(name, value)

    with TrellisClient(step_api.url) as client:
        assert started(client).version == 1


def test_a_session_of_boto3_signs_as_well(new_client: NewClient) -> None:
    session = boto3.Session(KEY.access_key, KEY.secret_key, region_name=REGION)

    assert started(new_client(SigV4(session))).version == 1


@pytest.mark.usefixtures("bare_environment")
@pytest.mark.parametrize(
    ("host", "given", "of_the_session", "expected"),
    [
        ("a1.execute-api.eu-north-1.amazonaws.com", None, "us-east-1", "eu-north-1"),
        ("a1.execute-api.cn-north-1.amazonaws.com.cn", None, None, "cn-north-1"),
        ("trellis.example.com", None, "us-east-1", "us-east-1"),
        ("trellis.example.com", "eu-west-1", "us-east-1", "eu-west-1"),
    ],
)
def test_the_region_is_the_apis(
    host: str, given: str | None, of_the_session: str | None, expected: str
) -> None:
    headers = SigV4(a_session(of_the_session), region=given).headers_for(a_request(host))

    assert region_in(headers) == expected
    assert headers["X-Amz-Security-Token"] == "token of the session"


@pytest.mark.usefixtures("bare_environment")
def test_without_credentials_or_region_the_error_says_what_to_do() -> None:
    with pytest.raises(NotAuthorized, match="no AWS credentials"):
        SigV4().headers_for(a_request("trellis.example.com"))
    with pytest.raises(NotAuthorized, match="AWS_DEFAULT_REGION"):
        SigV4(a_session()).headers_for(a_request("trellis.example.com"))


def test_a_profile_that_does_not_exist_is_not_authorized() -> None:
    with pytest.raises(NotAuthorized, match="nobody"):
        SigV4(Session(profile="nobody")).headers_for(a_request("trellis.example.com"))


def test_a_token_is_shown_instead_of_a_signature(new_client: NewClient, step_api: StepApi) -> None:
    step_api.tokens = {"t-1"}

    assert started(new_client(BearerToken("t-1\n"))).version == 1


def test_a_token_is_asked_for_with_each_call(new_client: NewClient, step_api: StepApi) -> None:
    step_api.tokens = {"t-1", "t-2"}
    tokens = iter(["t-1", "t-2"])
    client = new_client(BearerToken(lambda: next(tokens)))

    client.start_step(started(client), "pay")

    shown = [asked.headers["Authorization"] for asked in step_api.asked]
    assert shown == ["Bearer t-1", "Bearer t-2"]


def test_a_token_that_expired_on_its_way_is_renewed(
    new_client: NewClient, step_api: StepApi
) -> None:
    step_api.tokens = {"renewed"}
    tokens = iter(["expired", "renewed"])

    assert started(new_client(BearerToken(lambda: next(tokens)))).version == 1
    assert len(step_api.asked) == 2


def test_a_token_does_not_travel_in_clear() -> None:
    with pytest.raises(ValueError, match="https"):
        TrellisClient("http://trellis.example.com", BearerToken("t"))


@pytest.mark.parametrize("url", ["", "trellis.example.com", "ftp://a", "https://", "https://a/?b"])
def test_an_address_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="ApiUrl"):
        TrellisClient(url)


def test_without_botocore_the_error_says_what_to_install() -> None:
    program = """
import sys
sys.modules["botocore"] = None
from trellis_process.client import TrellisClient
try:
    TrellisClient("http://127.0.0.1:1").get_process("t", "p")
except ImportError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)

    assert "pip install 'trellis-process[client]'" in done.stdout, done.stderr
