"""The alerts process: follow what the monitor stores, judge it, and tell what is not expected."""
