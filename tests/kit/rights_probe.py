"""Prints, as JSON, the rights that this process takes itself to have, and what it really may do.

Arguments: the processes to read, the process whose network namespace to enter, and the steps by
which to lose rights first. It begins when its standard input has ended.
"""

import json
import sys
from pathlib import Path

from porteye_core.errors import SourceError
from porteye_core.sources.netlink.namespace import inside
from porteye_core.system import privilege
from tests.kit.as_nobody import become_nobody
from tests.kit.user_namespace import become_root_of_a_namespace


def reads(pid: str) -> bool:
    try:
        return all(each.readlink() for each in Path(f"/proc/{pid}/fd").iterdir())
    except OSError:
        return False


def enters(pid: str) -> bool:
    try:
        return inside(Path(f"/proc/{pid}/ns/net"), lambda: True)
    except SourceError:
        return False


if __name__ == "__main__":
    *pids, container, steps = sys.argv[1:]
    sys.stdin.read()
    for step in filter(None, steps.split(",")):
        {"nobody": become_nobody, "namespace": become_root_of_a_namespace}[step]()
    rights = privilege.rights()
    print(
        json.dumps(
            {
                "told": [rights.reads_everyone, rights.enters_namespaces],
                "true": [all(map(reads, pids)), enters(container)],
                "lack": rights.lack,
                "remedy": rights.remedy(["monitor_service.py"]),
            }
        )
    )
