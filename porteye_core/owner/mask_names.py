"""Names that secrets go by, in flags, variables, headers, URLs and documents."""

import re

_LONGEST_NAME = 64  # its end says what it is, and no name is longer
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_APART = re.compile(r"[_.-]+")
_SECRET = re.compile(
    # bypass, compass and the like carry no secret; dbpass and userpass do
    r"(?:passwords?|passwd|passphrase|passcode|passwrd|secrets?|token|pwd|pw"
    r"|(?<!by)(?<!com)(?<!sur)(?<!tres)(?<!over)(?<!under)pass)$"
    r"|(?:^|_)(?:auth|authorization|bearer|cookie|credentials?|jwt|otp|pat|psk|sas|sig|amz_signature)$"
    r"|(?:master_?auth|pass_?in|pass_?out|connection_?strings?)$"
    r"|(?:access|account|api|auth|client|deploy|encryption|master|private|secret|session|shared"
    r"|signing|storage|subscription)_?key(?:_?id|_?base)?$"
    r"|^x_(?:.*_)?key$"
)
# These say that there is a secret, or none, or that the program shall ask for one.
_SWITCH = re.compile(
    r"(?:no|non|not|disabled?|enabled?|without|skip|ask|prompt|allow|is|has|show|hide)_"
)
_WEAK = re.compile(r"(?:^|_)(?:auth|bearer|cookie|pat|sas)$")
_HEADER = re.compile(r"(?:^|_)(?:authorization|cookie)$|^x_")


def is_secret(name: str) -> bool:
    """Whether a value of this name is a secret.

    >>> is_secret("--dbPassword"), is_secret("--password-file"), is_secret("--no-password")
    (True, False, False)
    """
    plain = _plain(name)
    return bool(_SECRET.search(plain)) and not _SWITCH.match(plain)


def is_header(name: str) -> bool:
    """Whether this is a header of HTTP, whose value is all that follows."""
    return bool(_HEADER.search(_plain(name)))


def may_stand_alone(name: str) -> bool:
    """Whether programs use this flag without a value, too, as `mongod --auth` does."""
    return bool(_WEAK.search(_plain(name)))


def _plain(name: str) -> str:
    """The name in lower case, its parts joined with underscores."""
    return _APART.sub("_", _HUMP.sub("_", name[-_LONGEST_NAME:])).lower().strip("_")
