"""Benchmarks: PortEye and its peers side by side, over loads that are built for each run."""
