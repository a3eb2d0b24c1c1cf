"""Files by which a service manager starts the monitor: a unit, a property list, a task.

Only the unit has been run by what reads it; the other two are parsed by tests (docs/service.md).
"""

import hashlib
import os
import plistlib
import re
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from xml.etree.ElementTree import Element, SubElement, indent, tostring

LABEL = "org.porteye.monitor"
_TASK = "http://schemas.microsoft.com/windows/2004/02/mit/task"
_LOCAL_SYSTEM = "S-1-5-18"
_STAMP = "Written by porteye service install, with the sum {}"
# Settings of the unit that a manager of one user can keep to; the others take rights.
_OF_USER = {
    "Description", "Type", "NotifyAccess", "ExecStart", "WatchdogSec", "Restart", "RestartSec",
    "RestartPreventExitStatus", "UMask", "Environment", "MemoryMax", "TasksMax", "LimitCORE",
    "NoNewPrivileges", "RestrictAddressFamilies", "SystemCallArchitectures", "SystemCallFilter",
    "SystemCallErrorNumber", "MemoryDenyWriteExecute", "LockPersonality", "RestrictRealtime",
    "RestrictSUIDSGID",
}  # fmt: skip
# What the unit hides, and the setting that lets it see a program that lies there.
_HIDDEN = {
    ("/home", "/root", "/run/user"): ("ProtectHome", "read-only"),
    ("/tmp", "/var/tmp"): ("PrivateTmp", "no"),  # noqa: S108 - where a program may lie
}


def unit(template: str, words: Sequence[str], program: Sequence[Path], *, of_user: bool) -> str:
    """The unit of systemd that starts these words.

    template: deploy/porteye.service; program: the files and folders that have to be seen.
    """
    settings = {"ExecStart": _exec_start(words)}
    if not of_user:
        for places, (name, value) in _HIDDEN.items():
            if any(path.is_relative_to(place) for path in program for place in places):
                settings[name] = value
    lines = [_with(line, settings) for line in template.splitlines()]
    return "\n".join(_for_user(lines) if of_user else lines) + "\n"


def _with(line: str, settings: Mapping[str, str]) -> str:
    name, is_setting, _ = line.partition("=")
    return f"{name}={settings[name]}" if is_setting and name in settings else line


def _for_user(lines: Sequence[str]) -> Iterator[str]:
    for line in lines:
        name = line.partition("=")[0]
        if line.startswith("["):
            yield from ([] if name == "[Unit]" else [""])
            yield line
        elif name == "WantedBy":
            yield "WantedBy=default.target"
        elif name in _OF_USER:
            yield line


def _exec_start(words: Sequence[str]) -> str:
    # systemd.service(5): after a colon, nothing is put in the place of $NAME.
    prefix = ":" if any("$" in word for word in words) else ""
    return prefix + " ".join(map(_unit_word, words))


def _unit_word(word: str) -> str:
    """Quote a word for systemd.syntax(7), whose specifiers begin with a percent sign."""
    escaped = word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")
    escaped = escaped.replace("\n", "\\n").replace("\t", "\\t")
    return escaped if re.fullmatch(r"[\w/.,:=@%+$-]+", word) else f'"{escaped}"'


def property_list(words: Sequence[str], log: str) -> str:
    """The property list of launchd; `Disabled` until `launchctl enable`."""
    content = {
        "Label": LABEL,
        "ProgramArguments": [*words],
        "Disabled": True,
        "RunAtLoad": True,
        "KeepAlive": {"SuccessfulExit": False},
        "ThrottleInterval": 10,
        "ProcessType": "Background",
        "Umask": 0o077,
        "StandardErrorPath": log,
        "EnvironmentVariables": {"PYTHONDONTWRITEBYTECODE": "1"},
    }
    return plistlib.dumps(content, sort_keys=False).decode()


def task(words: Sequence[str], *, of_user: bool) -> str:
    """The task of Windows that starts with the system, or when its user logs in."""
    root = Element("Task", version="1.2", xmlns=_TASK)
    about = SubElement(root, "RegistrationInfo")
    SubElement(about, "Description").text = "Records what listens on this machine."
    triggers = SubElement(root, "Triggers")
    trigger = SubElement(triggers, "LogonTrigger" if of_user else "BootTrigger")
    SubElement(trigger, "Enabled").text = "true"
    principal = SubElement(SubElement(root, "Principals"), "Principal", id="Author")
    if of_user:
        SubElement(principal, "LogonType").text = "InteractiveToken"
    else:
        SubElement(principal, "UserId").text = _LOCAL_SYSTEM
    SubElement(principal, "RunLevel").text = "LeastPrivilege" if of_user else "HighestAvailable"
    settings = SubElement(root, "Settings")
    for name, value in (
        ("MultipleInstancesPolicy", "IgnoreNew"),
        ("DisallowStartIfOnBatteries", "false"),
        ("StopIfGoingOnBatteries", "false"),
        ("StartWhenAvailable", "true"),
        ("ExecutionTimeLimit", "PT0S"),  # none
    ):
        SubElement(settings, name).text = value
    restart = SubElement(settings, "RestartOnFailure")
    SubElement(restart, "Interval").text = "PT1M"
    SubElement(restart, "Count").text = "999"
    action = SubElement(SubElement(root, "Actions", Context="Author"), "Exec")
    SubElement(action, "Command").text = words[0]
    SubElement(action, "Arguments").text = subprocess.list2cmdline(words[1:])
    indent(root)
    # No encoding is declared: the file is in UTF-16 with its mark, what is printed in UTF-8.
    return f'<?xml version="1.0"?>\n{tostring(root, encoding="unicode")}\n'


def stamped(text: str, comment: str) -> str:
    """The text with a last line that tells whether somebody has changed it; comment: its form."""
    return f"{text}{comment.format(_STAMP.format(_sum(text)))}\n"


def is_untouched(text: str) -> bool:
    """True for a text as `stamped` made it, by this version or another one."""
    rest, _, last = text.removesuffix("\n").rpartition("\n")
    return _STAMP.format(_sum(f"{rest}\n")) in last


def _sum(text: str) -> str:
    return hashlib.sha256(text.encode(errors=_UNDECODED)).hexdigest()[:16]


# A path may hold bytes that are no text: os.fsdecode keeps them so.
_UNDECODED = "surrogateescape" if os.name != "nt" else "surrogatepass"
