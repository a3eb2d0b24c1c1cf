"""Questions over many hosts."""
