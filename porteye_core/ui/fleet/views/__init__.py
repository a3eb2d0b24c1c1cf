"""The views over many hosts, each a page of the navigation."""
