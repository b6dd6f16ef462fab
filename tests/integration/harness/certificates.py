"""Certificates for the tests, made by openssl when they are first asked for and once per test program."""

import atexit
import dataclasses
import functools
import pathlib
import shutil
import subprocess
import tempfile

# Names and addresses that the servers' certificates are good for.
SERVER_NAMES = "DNS:localhost,DNS:gateway,DNS:backend,IP:127.0.0.1,IP:::1"


@dataclasses.dataclass(frozen=True)
class Certificate:
    cert: pathlib.Path
    key: pathlib.Path

    @property
    def files(self):
        """As the configuration names them."""
        return {"cert_file": str(self.cert), "key_file": str(self.key)}


@functools.cache
def _folder():
    folder = pathlib.Path(tempfile.mkdtemp(prefix="sluice-certificates-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def _openssl(*arguments):
    done = subprocess.run(["openssl", *map(str, arguments)], capture_output=True, text=True)
    if done.returncode != 0:
        raise AssertionError(f"openssl {' '.join(map(str, arguments))}: {done.stderr}")


def _new_key(kind):
    return ["-newkey", "rsa:2048"] if kind == "rsa" else ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]


@functools.cache
def _authority(name):
    made = Certificate(_folder() / f"{name}.pem", _folder() / f"{name}.key")
    _openssl("req", "-x509", *_new_key("ecdsa"), "-nodes", "-days", "30", "-subj", f"/CN=sluice tests {name}",
             "-addext", "keyUsage=critical,keyCertSign,cRLSign", "-keyout", made.key, "-out", made.cert)
    return made


def authority(name="authority"):
    """A certificate authority; each name is another one."""
    return _authority(name)


@functools.cache
def issued(name, *, kind="ecdsa", names=SERVER_NAMES, usage="serverAuth", days=30, by="authority"):
    """A certificate of the authority `by`; with negative `days` it has expired."""
    parent = authority(by)
    made = Certificate(_folder() / f"{name}.pem", _folder() / f"{name}.key")
    request, extensions = made.cert.with_suffix(".csr"), made.cert.with_suffix(".ext")
    extensions.write_text(f"subjectAltName={names}\nextendedKeyUsage={usage}\nbasicConstraints=CA:FALSE\n")
    _openssl("req", "-new", *_new_key(kind), "-nodes", "-subj", f"/CN={name}", "-keyout", made.key, "-out", request)
    _openssl("x509", "-req", "-in", request, "-CA", parent.cert, "-CAkey", parent.key, "-CAcreateserial",
             "-days", days, "-extfile", extensions, "-out", made.cert)
    return made


def server():
    return issued("server")


def rsa_server():
    return issued("rsa-server", kind="rsa")


def expired_server():
    return issued("expired-server", days=-1)


def backend():
    return issued("backend")


def client():
    return issued("client", names="DNS:client.test", usage="clientAuth")


def foreign_client():
    """Of an authority that nobody trusts."""
    return issued("foreign-client", names="DNS:client.test", usage="clientAuth", by="stranger")
