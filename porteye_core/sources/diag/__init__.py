"""Linux netlink sock_diag: dumps of sockets, and announcements of their end."""
