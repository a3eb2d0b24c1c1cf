"""Serves the API over a fleet, on a port of its own that it prints: ADDRESS of the server."""

import socket
import sys

import uvicorn
from starlette.applications import Starlette
from starlette.routing import Mount

from porteye_core.api import create_api
from porteye_core.config import Config

if __name__ == "__main__":
    app = Starlette(routes=[Mount("/api", create_api(Config(fleet=sys.argv[1])))])
    with socket.create_server(("127.0.0.1", 0)) as listening:
        print(listening.getsockname()[1], flush=True)
        uvicorn.Server(uvicorn.Config(app, log_level="error")).run(sockets=[listening])
