"""The native protocol of systemd's journal, read as journald reads it."""


def fields_of(message: bytes) -> dict[str, str]:
    """The fields of one datagram."""
    found = dict[str, str]()
    while message:
        line, _, rest = message.partition(b"\n")
        name, is_short, value = line.partition(b"=")
        if is_short:
            message = rest
        else:
            size = int.from_bytes(rest[:8], "little")
            value, end = rest[8 : 8 + size], rest[8 + size : 9 + size]
            assert end == b"\n"
            message = rest[9 + size :]
        found[name.decode()] = value.decode()
    return found
