"""A server on this machine that stands for one on the internet: what tests fetch, and who asked for it."""

from __future__ import annotations

import datetime
import socket
import socketserver
import ssl
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

# Without it Python 3.13 believes no authority.
_MAY_SIGN = x509.KeyUsage(
    digital_signature=False,
    content_commitment=False,
    key_encipherment=False,
    data_encipherment=False,
    key_agreement=False,
    key_cert_sign=True,
    crl_sign=True,
    encipher_only=False,
    decipher_only=False,
)

Answer = bytes | Callable[[socket.socket], None]
"""All that is sent, or what sends it."""


def ok(body: bytes, *headers: str, status: str = "200 OK") -> bytes:
    """An answer with a length."""
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join([*lines, "", ""]).encode() + body


def to(location: str, status: str = "302 Found") -> bytes:
    """An answer that leads elsewhere."""
    return ok(b"", f"Location: {location}", status=status)


class Origin(socketserver.ThreadingTCPServer):
    """Serves `answers` by path.

    Attributes:
        answers: may be changed at any time; what is not there is 404.
        requests: the head of each request, in order.
        names: the server name (SNI) of each TLS connection; None where there was none.
    """

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, answers: Mapping[str, Answer], tls: ssl.SSLContext | None = None) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answers = dict(answers)
        self.requests: list[str] = []
        self.names: list[str | None] = []
        self.tls = tls
        if tls:
            tls.sni_callback = lambda _, name, __: self.names.append(name)
        self._thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()

    @property
    def port(self) -> int:
        return int(self.server_address[1])

    def stop(self) -> None:
        self.shutdown()
        self._thread.join()
        self.server_close()

    def handle_error(self, *_: object) -> None:
        """Keep quiet: clients that hang up are what is tested."""


class _Handler(socketserver.BaseRequestHandler):
    server: Origin

    def handle(self) -> None:
        line = self.request
        if self.server.tls:
            line = self.server.tls.wrap_socket(line, server_side=True)
        head = b""
        while b"\r\n\r\n" not in head:
            received = line.recv(4096)
            if not received:
                return
            if received.startswith(b"\x16"):  # a TLS client, and this is no TLS
                line.sendall(ok(b"", status="400 Bad Request"))
                return
            head += received
        self.server.requests.append(head.decode())
        path = head.split(b" ")[1].decode()
        answer = self.server.answers.get(path, ok(b"", status="404 Not Found"))
        with suppress(OSError):
            if isinstance(answer, bytes):
                line.sendall(answer)
            else:
                answer(line)
            if self.server.tls:
                line.unwrap()
        line.close()


class Authority:
    """Signs certificates that nobody believes but who asks it."""

    def __init__(self) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "MaskServe tests")])
        self._certificate = self._signed(
            self._name,
            self._key.public_key(),
            x509.BasicConstraints(ca=True, path_length=0),
            _MAY_SIGN,
        )

    def believed(self) -> ssl.SSLContext:
        """What a client checks certificates with that believes this authority and no other."""
        pem = self._certificate.public_bytes(serialization.Encoding.PEM).decode()
        return ssl.create_default_context(cadata=pem)

    def server_for(self, host: str, folder: Path) -> ssl.SSLContext:
        """What a server identifies itself with as `host`; key and certificate pass through `folder`."""
        key = ec.generate_private_key(ec.SECP256R1())
        try:
            name: x509.GeneralName = x509.IPAddress(ip_address(host))
        except ValueError:
            name = x509.DNSName(host)
        certificate = self._signed(
            x509.Name([]), key.public_key(), x509.SubjectAlternativeName([name])
        ).public_bytes(serialization.Encoding.PEM)
        secret = key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        path = folder / f"{host}.pem"
        path.write_bytes(secret + certificate)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(path)
        return context

    def _signed(
        self, name: x509.Name, key: ec.EllipticCurvePublicKey, *critical: x509.ExtensionType
    ) -> x509.Certificate:
        now = datetime.datetime.now(datetime.UTC)
        own = x509.SubjectKeyIdentifier.from_public_key(key)
        signer = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())
        builder = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(self._name)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(days=1))
            .not_valid_after(now + datetime.timedelta(days=1))
            .add_extension(own, critical=False)
            .add_extension(signer, critical=False)
        )
        for extension in critical:
            builder = builder.add_extension(extension, critical=True)
        return builder.sign(self._key, hashes.SHA256())
