"""The monitor's process: command line, loop, schedule, sampling, and its service manager."""
