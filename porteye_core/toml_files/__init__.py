"""Files of settings in TOML: read in bounds, checked, and the line of what is wrong."""
