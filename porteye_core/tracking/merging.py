"""A listener with what a scan newly shows of it; pure."""

from dataclasses import replace

from porteye_core.model import AttributedSocket, Listener, ProcessKey


def merged(listener: Listener, owned: AttributedSocket, *, guessed: bool = False) -> Listener:
    """The listener with what this scan shows of it, itself if that is nothing new; what a scan
    cannot show stays as it was. guessed: the socket can be that of a twin."""
    socket = owned.socket
    known = (
        listener.endpoint if socket.endpoint.netns is None else socket.endpoint,
        listener.inode if socket.inode is None else socket.inode,
        listener.cookie if socket.cookie is None else socket.cookie,
        listener.fd if socket.fd is None else socket.fd,
        owned.key or listener.owner,
        socket.interface or listener.interface,
        _keys(owned) or listener.holders,
        None,
        guessed,
    )
    # Values are compared before a listener is made: in a steady scan none is.
    if known == (
        listener.endpoint,
        listener.inode,
        listener.cookie,
        listener.fd,
        listener.owner,
        listener.interface,
        listener.holders,
        listener.unseen_at,
        listener.guessed,
    ):
        return listener
    endpoint, inode, cookie, fd, owner, interface, holders, unseen_at, _ = known
    return replace(
        listener,
        endpoint=endpoint,
        inode=inode,
        cookie=cookie,
        fd=fd,
        owner=owner,
        interface=interface,
        holders=holders,
        unseen_at=unseen_at,
        guessed=guessed,
    )


def _keys(owned: AttributedSocket) -> frozenset[ProcessKey]:
    return frozenset(holder.key for holder in owned.holders)
