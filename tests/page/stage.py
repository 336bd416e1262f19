"""A real stalls with a real HAProxy on loopback, the lab's metadata server and containers."""

import json
import os
import pathlib
import signal
import socket
import subprocess
import threading
import uuid
from contextlib import suppress

from browser import wait

PORTS = 8
VERSION = "2015-12-19"


def free_run(length):
    """The first of so many ports in a row that are free now, below those of outgoing connections."""
    for base in range(21_000, 32_000, length):
        sockets = []
        try:
            for number in range(base, base + length):
                sockets.append(socket.create_server(("127.0.0.1", number)))
            return base
        except OSError:
            continue
        finally:
            for one in sockets:
                one.close()
    raise AssertionError("no run of ports is free")


class Container:
    """Accepts connections at an address of its own, and sends a line to each."""

    def __init__(self, index, address, port):
        self.index, self.address, self.uuid = index, address, str(uuid.uuid5(uuid.NAMESPACE_DNS, address))
        self.listener = socket.create_server((address, port), backlog=128)
        self.connections = []
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            self.connections.append(connection)
            connection.sendall(b"hello\n")
            threading.Thread(target=self._follow, args=(connection,), daemon=True).start()

    @staticmethod
    def _follow(connection):
        """Closes it when the client does."""
        with suppress(OSError), connection:
            while connection.recv(4096):
                pass

    def end(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        for connection in self.connections:
            with suppress(OSError):  # The client may have closed it.
                connection.shutdown(socket.SHUT_RDWR)


class Stage:
    def __init__(self, folder: pathlib.Path):
        self.folder = folder
        self.built = pathlib.Path(os.environ["STALLS_BUILT"])
        # The last two are the admin port and the metadata's.
        self.base = free_run(PORTS + 2)
        self.network = f"127.{os.getpid() % 250 + 1}.{os.getpid() // 250 % 250}"
        self.backend_port = 8080
        self.url = f"http://127.0.0.1:{self.base + PORTS}/"
        self.containers = {}
        self.stalls = None
        for index in (1, 2, 3):
            self.add(index)
        metadata = f"127.0.0.1:{self.base + PORTS + 1}"
        self.metadata_url = f"http://{metadata}/{VERSION}"
        command = [self.built / "stalls-lab", "metadata", "--listen", metadata, "--roster", self.folder / "roster.json"]
        self.metadata = subprocess.Popen(command)

    def add(self, index):
        self.containers[index] = Container(index, f"{self.network}.{index}", self.backend_port)
        self.tell()

    def hide(self, index):
        """The metadata leaves the container out; it runs on."""
        container = self.containers.pop(index)
        self.tell()
        return container

    def tell(self):
        listed = [{"index": c.index, "uuid": c.uuid, "address": c.address} for c in self.containers.values()]
        written = self.folder / "roster.new"
        written.write_text(json.dumps({"stalls": "127.0.0.1", "web": listed}))
        written.rename(self.folder / "roster.json")

    def start(self):
        settings = {
            "SERVICE_NAME": "web",
            "STACK_NAME": "app",
            "BACKEND_PORT": self.backend_port,
            "BASE_PORT": self.base,
            "PORT_COUNT": PORTS,
            "BIND_ADDRESS": "127.0.0.1",
            "METADATA_URL": self.metadata_url,
            "ALLOW_LOOPBACK": "true",
            "ADMIN_LISTEN": f"127.0.0.1:{self.base + PORTS}",
            "RUN_DIR": self.folder / "run",
            "STATE_DIR": self.folder / "state",
            "POLL_SLEEP_TIME_MS": 200,
            "DRAIN_MS": 0,
        }
        environment = {**os.environ, **{name: str(value) for name, value in settings.items()}}
        log = open(self.folder / "stalls.log", "ab")
        self.stalls = subprocess.Popen([self.built / "stalls"], env=environment, stdout=log, stderr=log)
        wait(self._answers, "stalls answers")

    def _answers(self):
        assert self.stalls.poll() is None, (self.folder / "stalls.log").read_text()
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.base + PORTS)) == 0

    def stop(self):
        self.stalls.send_signal(signal.SIGTERM)
        assert self.stalls.wait(timeout=20) == 0, (self.folder / "stalls.log").read_text()

    def end(self):
        if self.stalls and self.stalls.poll() is None:
            self.stop()
        self.metadata.terminate()
        self.metadata.wait()
        for container in self.containers.values():
            container.end()
