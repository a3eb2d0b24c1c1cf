"""Addresses that this process serves, under any server program."""

import click
import psutil


def served_addresses() -> tuple[str, ...]:
    """Addresses on which this process listens already or is configured to.

    `streamlit run`, gunicorn and uvicorn's workers bind before they load the application. A single
    uvicorn binds afterwards; its command line or UVICORN_HOST then has the address.
    """
    context = click.get_current_context(silent=True)
    host = context.params.get("host") if context else None
    return (*_listening(), *([host] if isinstance(host, str) else []))


def _listening() -> tuple[str, ...]:
    connections = psutil.Process().net_connections(kind="tcp")
    return tuple(each.laddr.ip for each in connections if each.status == psutil.CONN_LISTEN)
