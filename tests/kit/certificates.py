"""Certificates that a test makes: each its own authority, or of an authority of the test's."""

import shutil
import ssl
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

needs_openssl = pytest.mark.skipif(not shutil.which("openssl"), reason="needs the command openssl")


@dataclass(frozen=True)
class Certificate:
    """A certificate with its key, as files."""

    file: Path
    key: Path

    @classmethod
    def of(cls, folder: Path, name: str = "IP:127.0.0.1") -> "Certificate":
        """A certificate of this name, which is its own authority."""
        return _made(folder, "test", name)

    def issue(self, folder: Path, subject: str, name: str = "DNS:localhost") -> "Certificate":
        """A certificate that this one, as an authority, has signed."""
        return _made(folder, subject, name, self)

    @property
    def server(self) -> ssl.SSLContext:
        """TLS of a server that has it."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.file, self.key)
        return context


def _made(
    folder: Path, subject: str, name: str, authority: Certificate | None = None
) -> Certificate:
    number = len(list(folder.iterdir()))
    made = Certificate(folder / f"certificate-{number}.pem", folder / f"key-{number}.pem")
    signed = [
        *("-CA", str(authority.file), "-CAkey", str(authority.key)),
        *("-addext", "basicConstraints=critical,CA:false"),
    ] if authority else []  # fmt: skip
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
         "-nodes", "-keyout", made.key, "-out", made.file, "-days", "2", "-subj", f"/CN={subject}",
         "-addext", f"subjectAltName={name}", *signed],
        check=True, capture_output=True,
    )  # fmt: skip
    return made
