"""Guards in front of page and API: access, hosts, tokens, logins, headers."""
