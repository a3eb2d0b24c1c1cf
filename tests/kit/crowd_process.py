"""As many idle processes as its argument says: prints their pids, and ends with them at the end of
its standard input, or when it is killed."""

import gc
import os
import sys


def main() -> None:
    gc.freeze()  # what a child never touches it shares with its parent
    end, hold = os.pipe()
    pids = []
    for _ in range(int(sys.argv[1])):
        pid = os.fork()
        if pid == 0:
            os.close(hold)
            os.read(end, 1)  # returns once the parent has gone
            os._exit(0)
        pids.append(pid)
    print(*pids, flush=True)
    sys.stdin.read()
    os.close(hold)
    for pid in pids:
        os.waitpid(pid, 0)


if __name__ == "__main__":
    main()
