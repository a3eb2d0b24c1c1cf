"""The API over many hosts."""
