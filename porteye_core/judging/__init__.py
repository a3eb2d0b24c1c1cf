"""Judge what listens by the file of expected ports; pure but for the reading of the file."""
