"""The server of a fleet: schema, logins of hosts, retention."""
