"""The servers of the stores, each on a free port of 127.0.0.1, with a password, in a folder of its
own. They can be killed, started again on the same data, and paused: then the machine still takes
connections and nobody answers (half-open).

A server that is there already is taken where ``TEST_REDIS_URL``, ``TEST_POSTGRESQL_URL`` or
``TEST_MYSQL_URL`` names one, for the tests that need not harm it.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

from tests.needs import missing
from tests.processes import free_port

PASSWORD = "p@ss/w%rd"
QUOTED = "p%40ss%2Fw%25rd"


class Server:
    """A server that a test may harm. ``url`` is that of an empty database in it."""

    url: str
    wrong_password: str

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self.prepare()
        self.start()

    def prepare(self) -> None: ...
    def command(self) -> list[str]:
        raise NotImplementedError

    def ready(self) -> None:
        """Raises while the server does not answer yet."""
        socket.create_connection(("127.0.0.1", self.port), 1).close()

    def start(self) -> None:
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                self.command(), stdout=log, stderr=log, cwd=self.folder, start_new_session=True
            )
        until = time.monotonic() + 40
        while True:
            try:
                return self.ready()
            except Exception as error:
                text = (self.folder / "log").read_text(errors="replace")[-2000:]
                assert self.process.poll() is None, f"ended: {text}"
                assert time.monotonic() < until, f"does not answer ({error}): {text}"
                time.sleep(0.05)

    def processes(self) -> list[int]:
        """The server's process and its children."""
        found = [self.process.pid]
        for entry in Path("/proc").iterdir():
            try:
                if entry.name.isdigit() and self._parent(entry) == self.process.pid:
                    found.append(int(entry.name))
            except OSError:
                pass  # it ended meanwhile
        return found

    @staticmethod
    def _parent(entry: Path) -> int:
        return int((entry / "stat").read_text().rpartition(")")[2].split()[1])

    def _signal(self, number: signal.Signals) -> None:
        for process in self.processes():
            try:
                os.kill(process, number)
            except ProcessLookupError:
                pass

    def kill(self) -> None:
        """As if the machine lost power."""
        self._signal(signal.SIGKILL)
        self.process.wait(30)

    def pause(self) -> None:
        self._signal(signal.SIGSTOP)

    def go_on(self) -> None:
        self._signal(signal.SIGCONT)

    def end(self) -> None:
        if self.process.poll() is None:
            self.go_on()
            self.process.terminate()
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.kill()


class Redis(Server):
    """With its log on disk, written before it answers: what it said is there after a kill."""

    def prepare(self) -> None:
        self.binary = shutil.which("redis-server") or missing("redis-server", "apt-get install")
        self.url = f"redis://:{QUOTED}@127.0.0.1:{self.port}/0"
        self.wrong_password = f"redis://:wrong@127.0.0.1:{self.port}/0"

    def command(self) -> list[str]:
        return [self.binary, "--port", str(self.port), "--bind", "127.0.0.1", "--save", "",
                "--appendonly", "yes", "--appendfsync", "always", "--dir", str(self.folder),
                "--requirepass", PASSWORD, *self.more()]  # fmt: skip

    def more(self) -> list[str]:
        return []

    def client(self):
        import redis

        return redis.Redis(port=self.port, password=PASSWORD)

    def ready(self) -> None:
        with self.client() as client:
            client.ping()


class SecureRedis(Redis):
    """The same over TLS only, with a certificate of an authority that only ``ca`` names."""

    def prepare(self) -> None:
        super().prepare()
        self.ca, self.tls_port = certificates(self.folder), self.port
        self.url = f"rediss://:{QUOTED}@localhost:{self.port}/0?ssl_ca_certs={self.ca}"
        self.untrusted = f"rediss://:{QUOTED}@localhost:{self.port}/0"
        self.other_name = f"rediss://:{QUOTED}@127.0.0.1:{self.port}/0?ssl_ca_certs={self.ca}"

    def more(self) -> list[str]:
        return ["--port", "0", "--tls-port", str(self.port), "--tls-auth-clients", "no",
                "--tls-cert-file", "server.pem", "--tls-key-file", "server.key",
                "--tls-ca-cert-file", "ca.pem"]  # fmt: skip

    def client(self):
        import redis

        return redis.Redis(
            host="localhost", port=self.port, password=PASSWORD, ssl=True, ssl_ca_certs=str(self.ca)
        )


def certificates(folder: Path) -> Path:
    """A new authority (the path of its certificate) and a certificate for ``localhost``."""
    import datetime

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    now = datetime.datetime.now(datetime.UTC)
    keys = {name: ec.generate_private_key(ec.SECP256R1()) for name in ("ca", "server")}
    authority = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "tests")])
    for name, key in keys.items():
        subject = (
            authority
            if name == "ca"
            else x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
        )
        made = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(authority)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(days=1))
            .not_valid_after(now + datetime.timedelta(days=1))
            .add_extension(x509.BasicConstraints(name == "ca", None), critical=True)
            .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
            .sign(keys["ca"], hashes.SHA256())
        )
        (folder / f"{name}.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
        (folder / f"{name}.key").write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
    return folder / "ca.pem"
