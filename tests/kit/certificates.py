"""Certificates that a test makes, each its own authority."""

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
        number = len(list(folder.iterdir()))
        made = cls(folder / f"certificate-{number}.pem", folder / f"key-{number}.pem")
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
             "-nodes", "-keyout", made.key, "-out", made.file, "-days", "2", "-subj", "/CN=test",
             "-addext", f"subjectAltName={name}"],
            check=True, capture_output=True,
        )  # fmt: skip
        return made

    @property
    def server(self) -> ssl.SSLContext:
        """TLS of a server that has it."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.file, self.key)
        return context
