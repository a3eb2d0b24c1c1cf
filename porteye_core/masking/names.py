"""Names that secrets go by, in flags, variables, headers, URLs and documents."""

import re
from enum import Enum
from functools import lru_cache

from porteye_core.masking.randomness import is_path, is_token

_LONGEST_NAME = 64  # its end says what it is, and no name is longer
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_APART = re.compile(r"[_.:-]+")
_SECRET = re.compile(
    # bypass, compass and the like carry no secret; dbpass and userpass do
    r"(?:pass_?words?|passwd|pass_?phrase|pass_?code|passwrd|secrets?|token|pwd|pw"
    r"|(?<!by)(?<!com)(?<!sur)(?<!tres)(?<!over)(?<!under)pass)$"
    r"|(?:^|_)(?:auth|authorization|bearer|cookie|credentials?|jwt|otp|pat|psk|sas|sig|amz_signature"
    r"|goog_signature|genie_key|passhash|mnemonic|xprv|sid_token|set_?cookie)$"
    r"|^(?:proxy_)?authentication$"
    r"|(?:master_?auth|pass_?in|pass_?out|connection_?string|api_?key|auth_?key)$"
    r"|(?:access|account|application)_?key_?id$"
    r"|(?:access|account|application|auth|client|deploy|encryption|fernet|license|master|private"
    r"|preshared|psk|role|secret|service|session|setup|shared|signing|storage|subscription|webhook)"
    r"_?key(?:_?base)?$"
    r"|^x_(?:.*_)?key$|^x_honeycomb_team$|sonar_login$"
    r"|(?:password|passwd|secret|token)_?\d$"
    r"|(?:^|_)(?:creds|seed_?phrase|recovery_?(?:phrase|code|key))$"
)
# Names of this end are those of secrets, but these are not.
_NO_SECRET = re.compile(
    # These say that there is a secret, or none, or that the program shall ask for one.
    r"^(?:no|non|not|disabled?|enabled?|without|skip|ask|prompt|allow|is|has|show|hide|use|stdin)_"
    r"|_on_stdin$|^std_?in"
    # Marks in a text that a language model reads, sizes, and names of secrets in a cluster.
    r"|(?:^|_)(?:max|min|num|new|pad|eos|bos|unk|cls|sep|mask|stop|eot|cluster)_token$"
    r"|(?:^|_)(?:tls|pull|cert|certificate|set|update|remove|image_pull)_secrets?$"
    r"|^(?:set|use|multi|two|first|second|one)_pass$|htpasswd$"
)
# Under these names stand secrets and harmless words: the value has to look like a token.
_UNSURE = re.compile(
    r"(?:^|_)(?:keys?|code|salt|seed|appid|app_id|licen[sc]e|signature|secret_?id|hmac)$"
)
_NOT_UNSURE = re.compile(
    r"(?:^|_)(?:public|pub|partition|sort|primary|foreign|host|routing|cache|object|group|ssh|known"
    r"|country|zip|postal|status|exit|error|lang|language|source|byte|hash|commit|gpg|trusted"
    r"|idempotency|dedup|shard|row)_(?:key|keys|code|id)$"
)
_WEAK = re.compile(r"(?:^|_)(?:auth|authentication|bearer|cookie|pat|sas|credentials?)$")
_HEADER = re.compile(r"(?:^|_)(?:authorization|cookie)$|^x_")
_FOLDER = re.compile(r"^(?:old_?)?pwd$")
_PASSES = re.compile(r"(?:pass|token)$")
# What these names stand for is given as a file more often than itself.
_FILE = re.compile(
    r"(?:private|client|signing|deploy|server)_?key$|(?:credentials?|creds|jwt|cookie)$|^auth$"
)
_COMMAND = re.compile(r"(?:pass|password|passphrase|secret|token|key)_?(?:command|cmd|eval)$")
_ANSWER = re.compile(r"(?i)true|false|yes|no|on|off|none|null")
# Ways to log in, as in --auth=ldap.
_METHOD = re.compile(
    r"(?i)anonymous|any|basic|bearer|cert(?:ificate)?|cram-md5|digest|gssapi|ident|jwt|kerberos"
    r"|krb5|ldap|local|login|md5|negotiate|ntlm|oauth2?|oidc|pam|password|peer|plain|radius|reject"
    r"|saml|scram(?:-sha-\d+)?|simple|sspi|token|trust|userpass|x509"
)


class _Kind(Enum):
    NONE = 0
    UNSURE = 1
    SECRET = 2


def is_secret(name: str) -> bool:
    """Tell if a value of this name is a secret, whatever it looks like.

    >>> is_secret("--dbPassword"), is_secret("--password-file"), is_secret("--no-password")
    (True, False, False)
    """
    return _kind(name[-_LONGEST_NAME:])[1] is _Kind.SECRET


def may_name_secret(name: str) -> bool:
    """Tell if a value of this name may be a secret."""
    return _kind(name[-_LONGEST_NAME:])[1] is not _Kind.NONE


def hides(name: str, value: str) -> bool:
    """Tell if this value of this name is a secret.

    >>> hides("--client-key", "/etc/ssl/key.pem"), hides("--client-key", "c29ycm93")
    (False, True)
    >>> hides("key", "user_id"), hides("key", "4f1c0e9a8b7d")
    (False, True)
    """
    plain, kind = _kind(name[-_LONGEST_NAME:])
    if kind is _Kind.NONE:
        return False
    if kind is _Kind.UNSURE:
        return is_token(value)
    return not _is_harmless(plain, value)


def is_header(name: str) -> bool:
    """Tell if this is a header of HTTP, whose value is all that follows."""
    return bool(_HEADER.search(_kind(name[-_LONGEST_NAME:])[0]))


def may_stand_alone(name: str) -> bool:
    """Tell if programs use this flag without a value, too, as `mongod --auth` does."""
    return bool(_WEAK.search(_kind(name[-_LONGEST_NAME:])[0]))


def names_command(name: str) -> bool:
    """Tell if a value of this name is a command that prints a secret."""
    return bool(_COMMAND.search(_kind(name[-_LONGEST_NAME:])[0]))


@lru_cache(maxsize=1024)
def _kind(name: str) -> tuple[str, _Kind]:
    """The name in lower case, its parts joined with underscores, and what may stand under it."""
    plain = _APART.sub("_", _HUMP.sub("_", name)).lower().strip("_")
    if _SECRET.search(plain):
        return plain, _Kind.NONE if _NO_SECRET.search(plain) else _Kind.SECRET
    unsure = _UNSURE.search(plain) and not _NOT_UNSURE.search(plain)
    return plain, _Kind.UNSURE if unsure else _Kind.NONE


def _is_harmless(plain: str, value: str) -> bool:
    """Tell if this value cannot be a secret, although its name is that of one."""
    if len(value) <= 2 and value.isdigit() and _PASSES.search(plain):
        return True  # ffmpeg -pass 1
    if _ANSWER.fullmatch(value):
        return True
    if _WEAK.search(plain) and _METHOD.fullmatch(value):
        return True
    if _FOLDER.fullmatch(plain) and value.startswith("/"):
        return True
    return bool(_FILE.search(plain)) and is_path(value)
