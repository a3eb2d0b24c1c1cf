"""Tests of real processes: monitors, dashboards, servers, benchmarks."""
