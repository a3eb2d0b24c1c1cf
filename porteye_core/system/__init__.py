"""The machine, as every room needs it: clocks, rights, and safe text."""
