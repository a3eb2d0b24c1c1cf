"""python -m benchmarks NAME [--json]: run one benchmark."""

import argparse
import signal
import sys
from collections.abc import Sequence
from typing import Protocol

from benchmarks import (
    alerts,
    capture,
    command,
    growth,
    idle,
    machine,
    metrics,
    noise,
    page,
    report,
    retention,
    seed,
    snapshot,
    soak,
)
from benchmarks.fleet import benchmark as fleet
from benchmarks.fleet import sizes as fleet_sizes
from benchmarks.history import benchmark as history
from benchmarks.hostile import benchmark as hostile
from benchmarks.zoo import benchmark as zoo


class Benchmark(Protocol):
    """What the module of a benchmark has, beside a docstring whose first line is listed."""

    def add_flags(self, flags: argparse.ArgumentParser) -> None:
        """Add its own flags."""

    def run(self, options: argparse.Namespace) -> report.Report:
        """Build the load, measure, and end all that was started."""
        ...


REGISTRY: dict[str, Benchmark] = {
    "capture": capture,
    "snapshot": snapshot,
    "idle": idle,
    "seed": seed,
    "page": page,
    "history": history,
    "retention": retention,
    "growth": growth,
    "soak": soak,
    "hostile": hostile,
    "zoo": zoo,
    "command": command,
    "metrics": metrics,
    "noise": noise,
    "alerts": alerts,
    "fleet": fleet,
    "fleet-sizes": fleet_sizes,
}


def listing() -> str:
    """The names, and what each benchmark does."""
    width = max(map(len, REGISTRY))
    lines = [f"  {name:{width}}  {_summary(each)}" for name, each in REGISTRY.items()]
    return "\n".join(["python -m benchmarks NAME [--json]", "", *lines])


def _summary(benchmark: Benchmark) -> str:
    return (benchmark.__doc__ or "").splitlines()[0]


def main(argv: Sequence[str]) -> int:
    """Run the benchmark that is named; returns the exit status."""
    if not argv or argv[0] in ("-h", "--help"):
        print(listing())
        return 0
    name, *rest = argv
    if name not in REGISTRY:
        print(f"There is no benchmark {name}; there are {', '.join(REGISTRY)}.", file=sys.stderr)
        return 2
    if sys.platform != "linux":
        print("The loads are made of Linux processes, and run on no other system.", file=sys.stderr)
        return 1
    # Ended by a signal, too, everything that was started must end.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    chosen = REGISTRY[name]
    flags = argparse.ArgumentParser(f"python -m benchmarks {name}", description=_summary(chosen))
    flags.add_argument("--json", action="store_true", help="print one JSON object")
    chosen.add_flags(flags)
    options = flags.parse_args(rest)
    found = chosen.run(options)
    show = report.as_json if options.json else report.as_text
    print(show(name, machine.facts(), found).rstrip("\n"))
    return 1 if found.faults else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
