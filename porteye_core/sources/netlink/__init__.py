"""Linux netlink: dumps of sockets, announcements of their end, interfaces and namespaces."""
