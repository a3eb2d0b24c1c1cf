"""Loads that an unprivileged user can make, and what they do to the monitor beside them."""
