"""Which API servers are believed: those whose certificate kubectl would take, on every Python alike."""

from __future__ import annotations

import ipaddress
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from cli.cluster import Cluster, ClusterRefused
from tests.factories.api_servers import ApiServer
from tests.factories.listeners import listening

CRON_JOBS = "/apis/batch/v1/namespaces/desk/cronjobs"
FOUND = {"items": [{"metadata": {"name": "desk-alpha-tools"}}]}


@dataclass(frozen=True)
class Authority:
    """Signs certificates; its own one has no more extensions than a line of OpenSSL gives it: that it is one."""

    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate

    @classmethod
    def made(cls) -> Authority:
        """A new one, on its own word."""
        key = ec.generate_private_key(ec.SECP256R1())
        name = _named("an old cluster")
        unsigned = _unsigned(name, name, key.public_key(), timedelta(days=1)).add_extension(
            x509.BasicConstraints(ca=True, path_length=None), critical=True
        )
        return cls(key, unsigned.sign(key, hashes.SHA256()))

    def signs(self, folder: Path, *, address: str, ends: timedelta) -> Path:
        """A server's certificate with its key, in one file."""
        key = ec.generate_private_key(ec.SECP256R1())
        names = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(address))])
        unsigned = _unsigned(_named("an API server"), self.certificate.subject, key.public_key(), ends)
        signed = unsigned.add_extension(names, critical=False).sign(self.key, hashes.SHA256())
        chain = folder / "server.pem"
        chain.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
            + signed.public_bytes(serialization.Encoding.PEM)
        )
        return chain


def _named(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _unsigned(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, ends: timedelta
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=2))
        .not_valid_after(now + ends)
    )


@contextmanager
def api_server(
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    *,
    believed: Authority | None = None,
    address: str = "127.0.0.1",
    ends: timedelta = timedelta(days=1),
) -> Iterator[None]:
    """An API server on HTTPS, and a kubeconfig that names it and the authority to believe: the one that signed."""
    signer = Authority.made()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(signer.signs(folder, address=address, ends=ends))
    authority = folder / "ca.crt"
    authority.write_bytes((believed or signer).certificate.public_bytes(serialization.Encoding.PEM))
    server = ApiServer()
    server.answers[CRON_JOBS] = FOUND
    server.socket = context.wrap_socket(server.socket, server_side=True)
    server.handle_error = lambda *_client: None  # type: ignore[method-assign]  # refused handshakes are the point
    at = {"server": f"https://127.0.0.1:{server.server_port}", "certificate-authority": str(authority)}
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "old", "cluster": at}],
        "users": [{"name": "me", "user": {"token": "t"}}],
        "contexts": [{"name": "old", "context": {"cluster": "old", "user": "me", "namespace": "desk"}}],
        "current-context": "old",
    }
    kubeconfig = folder / "kubeconfig"
    kubeconfig.write_text(yaml.safe_dump(config), encoding="utf-8")
    monkeypatch.setattr("kubernetes.config.kube_config.KUBE_CONFIG_DEFAULT_LOCATION", str(kubeconfig))
    with listening(server):
        yield


def test_an_authority_without_the_newer_extensions_is_believed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Kubectl takes it, and so did every Python before 3.13."""
    with api_server(tmp_path, monkeypatch):
        assert "desk-alpha" == Cluster.at(None, None, "desk").name


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"believed": Authority.made()}, "certificate"),
        ({"address": "127.0.0.2"}, "IP address mismatch"),
        ({"ends": -timedelta(hours=1)}, "certificate has expired"),
    ],
    ids=["another authority's", "another server's", "of yesterday"],
)
def test_any_other_certificate_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wrong: dict[str, object], said: str
) -> None:
    """What is not asked is the form of the authority's own certificate, and nothing else."""
    with (
        api_server(tmp_path, monkeypatch, **wrong),  # type: ignore[arg-type]
        pytest.raises(ClusterRefused, match=said),
    ):
        Cluster.at(None, None, "desk")
