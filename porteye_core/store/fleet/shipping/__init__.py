"""Shipping of a host's rows to its fleet, each exactly once."""
