"""Serves MiniStack, an emulator of AWS that checks signatures, policies and trust, on a free port of 127.0.0.1.

    serve.py SECONDS

Its clock is ahead of this machine's by that many seconds. It prints the port, and ends when its stdin does.
"""

import asyncio
import datetime
import os
import socket
import sys
import threading
import time
import types

ahead = datetime.timedelta(seconds=float(sys.argv[1]))
listener = socket.create_server(("127.0.0.1", 0))
port = listener.getsockname()[1]
os.environ |= {
    "AUTH": "true",
    "BIND_HOST": "127.0.0.1",
    "GATEWAY_PORT": str(port),
    "LOG_LEVEL": "WARNING",
    # It is to listen nowhere else, and to look after no containers.
    "SFTP_ENABLED": "0",
    "IOT_MTLS_ENABLED": "0",
    "DOCKER_HOST": "unix:///nonexistent",
}

machine = time.time
time.time = lambda: machine() + ahead.total_seconds()

# Only now, since it reads the environment when it is imported.
from hypercorn.asyncio import serve  # noqa: E402
from hypercorn.config import Config  # noqa: E402
from ministack.app import app  # noqa: E402
from ministack.core import sigv4  # noqa: E402


class Clock(datetime.datetime):
    @classmethod
    def now(cls, tz=None):
        return super().now(tz) + ahead


# What it compares the time of a signature with.
sigv4.dt = types.SimpleNamespace(datetime=Clock, timedelta=datetime.timedelta, timezone=datetime.timezone)


def end_with_stdin():
    sys.stdin.read()
    os._exit(0)


threading.Thread(target=end_with_stdin, daemon=True).start()
config = Config()
config.bind = [f"fd://{listener.fileno()}"]
config.loglevel = "WARNING"
print(port, flush=True)
asyncio.run(serve(app, config))
