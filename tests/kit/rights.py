"""Why a test cannot run here."""

import os
import sys

import pytest

posix = pytest.mark.skipif(
    sys.platform == "win32", reason="signals, modes, owners and mounts are those of POSIX"
)
root = pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() != 0,
    reason="only root may become others, give files away or mount",
)
