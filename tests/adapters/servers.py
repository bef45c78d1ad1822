"""The servers of the stores, each on a free port of 127.0.0.1, with a password, in a folder of its
own. They can be killed, started again on the same data, and paused: then the machine still takes
connections and nobody answers (half-open).

A server that is there already is taken where ``TEST_REDIS_URL``, ``TEST_POSTGRESQL_URL`` or
``TEST_MYSQL_URL`` names one, for the tests that need not harm it.
"""

from __future__ import annotations

import ctypes
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.needs import missing
from tests.processes import free_port

PASSWORD = "p@ss/w%rd"
QUOTED = "p%40ss%2Fw%25rd"


def _end_with_parent() -> None:
    """Also where the tests are killed, nothing of them stays: Linux ends the server then."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


class Server:
    """A server that a test may harm. ``url`` is that of an empty database in it."""

    url: str
    wrong_password: str

    identity: dict[str, object] = {}

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
                self.command(), stdout=log, stderr=log, cwd=self.folder, start_new_session=True,
                preexec_fn=_end_with_parent,
                **self.identity,
            )  # fmt: skip
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
            self.kill()  # its data goes with it


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


class Database(Server):
    """A database server. Run by root it is another user's process, as such servers insist."""

    user: str

    def __init__(self, folder: Path) -> None:
        folder = Path(tempfile.mkdtemp(prefix="wsgi_auth_"))  # that user cannot read pytest's
        self.identity: dict[str, object] = {}
        if os.geteuid() == 0:
            try:
                found = pwd.getpwnam(self.user)
            except KeyError:
                missing(f"the user {self.user}")
            os.chown(folder, found.pw_uid, found.pw_gid)
            self.identity = {"user": found.pw_uid, "group": found.pw_gid, "extra_groups": []}
        try:
            super().__init__(folder)
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise

    def run(self, *command: str, text: str = "") -> None:
        done = subprocess.run(
            command, input=text, text=True, capture_output=True, cwd=self.folder, **self.identity
        )
        assert done.returncode == 0, done.stderr + done.stdout

    def end(self) -> None:
        super().end()
        shutil.rmtree(self.folder, ignore_errors=True)


class Postgresql(Database):
    user = "postgres"

    def prepare(self) -> None:
        places = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
        path = os.pathsep.join([*map(str, places[-1:]), os.environ.get("PATH", "")])
        initdb = shutil.which("initdb", path=path) or missing("postgresql", "apt-get install")
        self.binary = str(Path(initdb).resolve().parent / "postgres")
        (self.folder / "password").write_text(PASSWORD)
        os.chmod(self.folder / "password", 0o644)
        self.run(initdb, "-D", "data", "-N", "-U", "ada", "--pwfile", "password",
                 "-A", "scram-sha-256", "--locale", "C.UTF-8")  # fmt: skip
        self.url = f"postgresql://ada:{QUOTED}@127.0.0.1:{self.port}/postgres"
        self.wrong_password = f"postgresql://ada:wrong@127.0.0.1:{self.port}/postgres"

    def command(self) -> list[str]:
        return [self.binary, "-D", "data", "-p", str(self.port), "-h", "127.0.0.1",
                "-k", str(self.folder), "-c", "fsync=off"]  # fmt: skip

    def ready(self) -> None:
        self.execute("SELECT 1")

    def execute(self, *statements: str, database: str = "postgres") -> None:
        import psycopg

        with psycopg.connect(
            host="127.0.0.1", port=self.port, user="ada", password=PASSWORD, dbname=database,
            autocommit=True,
        ) as connection:  # fmt: skip
            for statement in statements:
                connection.execute(statement)


class Mysql(Database):
    """MariaDB."""

    user = "mysql"

    def prepare(self) -> None:
        path = os.environ.get("PATH", "") + ":/usr/sbin"
        hint = "apt-get install mariadb-server"
        install = shutil.which("mariadb-install-db", path=path) or missing("MariaDB", hint)
        self.binary = shutil.which("mariadbd", path=path) or missing("MariaDB", hint)
        self.run(install, "--no-defaults", f"--datadir={self.folder}/data", "--skip-test-db",
                 "--auth-root-authentication-method=normal")  # fmt: skip
        self.run(self.binary, "--no-defaults", f"--datadir={self.folder}/data", "--bootstrap",
                 text=f"""CREATE DATABASE auth CHARACTER SET latin1;
                 USE mysql;
                 FLUSH PRIVILEGES;
                 CREATE USER 'ada'@'127.0.0.1' IDENTIFIED BY '{PASSWORD}';
                 GRANT ALL ON *.* TO 'ada'@'127.0.0.1';\n""")  # fmt: skip
        self.url = f"mysql://ada:{QUOTED}@127.0.0.1:{self.port}/auth"
        self.wrong_password = f"mysql://ada:wrong@127.0.0.1:{self.port}/auth"

    def command(self) -> list[str]:
        return [self.binary, "--no-defaults", f"--datadir={self.folder}/data",
                f"--port={self.port}", "--bind-address=127.0.0.1", "--skip-name-resolve",
                f"--socket={self.folder}/socket", f"--pid-file={self.folder}/pid",
                "--innodb-flush-log-at-trx-commit=2", "--innodb-buffer-pool-size=32M", "--innodb-log-file-size=8M"]  # fmt: skip

    def ready(self) -> None:
        self.execute("SELECT 1")

    def execute(self, *statements: str, database: str = "auth") -> None:
        import pymysql

        connection = pymysql.connect(
            host="127.0.0.1", port=self.port, user="ada", password=PASSWORD, database=database,
            autocommit=True,
        )  # fmt: skip
        with connection, connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)


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
            # Python 3.13 verifies strictly: RFC 5280 sections 4.2.1.1 to 4.2.1.3
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(keys["ca"].public_key()), False
            )
            .add_extension(
                x509.KeyUsage(
                    digital_signature=True,
                    content_commitment=False,
                    key_encipherment=False,
                    data_encipherment=False,
                    key_agreement=False,
                    key_cert_sign=name == "ca",
                    crl_sign=name == "ca",
                    encipher_only=False,
                    decipher_only=False,
                ),
                critical=True,
            )
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
