"""Connections are kept, one for each thread; a closed one is noticed; certificates are verified."""

from __future__ import annotations

import datetime
import ssl
import threading
from concurrent.futures import ThreadPoolExecutor
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from trellis_process import ProcessStep
from trellis_process.client import BearerToken, TrellisClient, Unreachable, connections

from ..step_api_server import Fault, StepApi
from .conftest import NewClient
from .orders import started


def ports(step_api: StepApi) -> set[int]:
    return {asked.port for asked in step_api.asked}


def test_a_connection_is_kept_between_calls(client: TrellisClient, step_api: StepApi) -> None:
    client.complete_step(started(client), "pay")

    assert len(step_api.asked) == 2
    assert len(ports(step_api)) == 1


def test_a_kept_connection_that_was_closed_meanwhile_costs_no_try(
    new_client: NewClient, step_api: StepApi, pauses: list[float]
) -> None:
    client = new_client(tries=1)
    process = started(client)
    step_api.faults.append(Fault())

    assert client.complete_step(process, "pay").is_completed()
    assert pauses == []


def test_a_connection_is_not_used_again_after_a_long_pause(
    client: TrellisClient, step_api: StepApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    process = started(client)
    monkeypatch.setattr(connections, "MAX_IDLE_SECONDS", 0.0)

    client.complete_step(process, "pay")

    assert len(ports(step_api)) == 2


def test_a_client_that_was_closed_opens_a_connection_anew(
    client: TrellisClient, step_api: StepApi
) -> None:
    process = started(client)
    client.close()

    assert client.complete_step(process, "pay").is_completed()
    assert len(ports(step_api)) == 2


def test_threads_share_a_client_and_no_report_is_lost(
    client: TrellisClient, step_api: StepApi
) -> None:
    names = [f"step-{number}" for number in range(40)]
    process = started(client, steps=[ProcessStep(name=name) for name in names])
    together = threading.Barrier(4)

    def report(name: str) -> str:
        if name in names[:4]:
            together.wait()  # four threads there are
        return client.complete_step(process.key, name, {"of": name}).step(name).output["of"]

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(report, names)) == names

    assert client.get_process(*vars(process.key).values()).is_completed()
    assert len(ports(step_api)) == 5  # theirs and this thread's


@pytest.fixture
def certificate(step_api: StepApi, tmp_path: Path) -> Path:
    """The step API over TLS, with a certificate that nobody knows."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now)
        .not_valid_after(now + datetime.timedelta(hours=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    file = tmp_path / "certificate.pem"
    file.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + made.public_bytes(serialization.Encoding.PEM)
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    step_api.socket = context.wrap_socket(
        step_api.socket, server_side=True, do_handshake_on_connect=False
    )
    step_api.tokens = {"t"}
    return file


def https(step_api: StepApi) -> str:
    return step_api.url.replace("http:", "https:")


@pytest.mark.usefixtures("certificate")
def test_a_certificate_that_nobody_vouches_for_is_refused_at_once(
    step_api: StepApi, pauses: list[float]
) -> None:
    client = TrellisClient(https(step_api), BearerToken("t"), pause=pauses.append)

    with pytest.raises(Unreachable, match="CERTIFICATE_VERIFY_FAILED") as raised:
        started(client)
    assert not raised.value.may_have_happened
    assert pauses == []
    assert step_api.asked == []


def test_a_certificate_of_ones_own_authority_is_taken_where_it_is_given(
    step_api: StepApi, certificate: Path
) -> None:
    context = ssl.create_default_context(cafile=certificate)

    with TrellisClient(https(step_api), BearerToken("t"), ssl_context=context) as client:
        client.complete_step(started(client), "pay")
    assert len(ports(step_api)) == 1
