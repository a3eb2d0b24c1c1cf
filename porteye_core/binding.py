"""The addresses that this process serves, whichever program it is served by."""

import click
import psutil


def served_addresses() -> tuple[str, ...]:
    """Where this process listens already, and where uvicorn was told to.

    `streamlit run`, gunicorn and uvicorn's workers bind before they load the application; uvicorn
    by itself does so after, and then its command line, or UVICORN_HOST, says where.
    """
    told = click.get_current_context(silent=True)
    host = told.params.get("host") if told else None
    return (*_listening(), *([host] if isinstance(host, str) else []))


def _listening() -> tuple[str, ...]:
    connections = psutil.Process().net_connections(kind="tcp")
    return tuple(each.laddr.ip for each in connections if each.status == psutil.CONN_LISTEN)
