"""The web process: server, connections, and the monitor that it keeps running."""
