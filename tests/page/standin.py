"""Plays stalls' API, for what a real stalls cannot produce quickly: thousands of ports, a hundred changes a second, states
of all kinds, hostile names. It serves the page's files as stalls does, also below a prefix."""

import copy
import hashlib
import json
import mimetypes
import pathlib
import queue
import threading
from datetime import datetime, timedelta, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

PAGE = pathlib.Path(__file__).parents[2] / "src/admin/page"
COUNTERS = ("sessions", "bytes_in", "bytes_out", "last_used")
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}
mimetypes.add_type("text/javascript", ".js")
# The changes that a stream can be resumed from.
MOST_KEPT = 300


def stamp(seconds_ago=0):
    moment = datetime.now(timezone.utc) - timedelta(seconds=seconds_ago)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def container(index, name=None):
    """The container with this index."""
    uuid = hashlib.md5(f"container {index}".encode()).hexdigest()
    return {
        "name": name or f"app-web-{index}",
        "uuid": f"{uuid[:8]}-{uuid[8:12]}-4{uuid[13:16]}-a{uuid[17:20]}-{uuid[20:]}",
        "address": f"10.42.{index // 250}.{index % 250 + 2}:8080",
        "index": index,
    }


def port(number, state="serving", seconds_ago=11520, reason=None, kind=None, holder=None):
    """A port; its container is the one with its index, where the state has one."""
    has_one = state in ("serving", "lingering", "waiting", "excluded")
    serves = state in ("serving", "lingering")
    return {
        "port": number,
        "service": "app/web",
        "state": state,
        "container": holder or (container(number - 4999) if has_one else None),
        "since": stamp(seconds_ago),
        "kind": kind,
        "reason": reason,
        "sessions": number % 7 if serves else 0,
        "bytes_in": number * 1103 if serves else 0,
        "bytes_out": number * 30211 if serves else 0,
        "last_used": stamp(30) if serves else None,
    }


def document(ports):
    """The state of a stalls with these ports, with which all is well."""
    return {
        "id": None,
        "revision": 17,
        "hash": hashlib.sha256(str(len(ports)).encode()).hexdigest(),
        "version": "0.1.0",
        "started": stamp(290_000),
        "at": stamp(),
        "services": [
            {"service": "app/web", "base_port": 5000, "ports": len(ports), "backend_port": 8080, "state": "ok", "since": stamp(289_000), "kind": None, "reason": None}
        ],
        "source": {"kind": "rancher", "state": "ok", "since": stamp(289_000), "fault": None, "reason": None},
        "haproxy": {
            "state": "running",
            "since": stamp(180_000),
            "pid": 7,
            "version": "2.6.12",
            "started": stamp(180_000),
            "revision": 17,
            "kind": None,
            "reason": None,
            "draining_processes": 0,
        },
        "ports": ports,
        "unmapped": [],
        "findings": [],
    }


def all_kinds():
    """64 ports in states of all kinds."""
    states = {
        5007: port(5007, "lingering", 70, "The container is missing in the metadata and accepts connections; it keeps its port for at most 300 s.", "missing"),
        5019: port(5019, "draining", 12, "The container was replaced; 3 connections go on.", "replaced"),
        5023: port(5023, "excluded", 3720, "Another program listens on port 5023. End it, or choose another BASE_PORT.", "port_taken"),
        5031: port(5031, "reserved", 20, "It is reserved for app-web-32 for another 40 s.", "reserved"),
        5040: port(5040, "waiting", 95, "The reload that it needs waits: HAProxy rejects the configuration.", "reload_pending"),
    }
    free = range(5048, 5064)
    return [states.get(number) or port(number, "free" if number in free else "serving") for number in range(5000, 5064)]


def many(count):
    """As many ports, most of which serve."""
    rare = ("lingering", "draining", "excluded", "reserved", "waiting")

    def state(at):
        return rare[at // 37 % 5] if at % 37 == 36 else "free" if at % 11 == 10 else "serving"

    return [port(5000 + at, state(at), 600 + at, f"Why port {5000 + at} is so." if state(at) in rare else None) for at in range(count)]


class World:
    """The state, and the streams that follow it."""

    def __init__(self, ports):
        self.lock = threading.RLock()
        self.streams = set()
        self.asked = []
        self.refuse = None
        self.start(document(ports))

    def start(self, doc):
        """Another instance of stalls."""
        with self.lock:
            self.instance = hashlib.md5(stamp().encode()).hexdigest()[:8]
            self.number = 1
            self.document = {**doc, "id": f"{self.instance}-1"}
            self.kept = []
            self.timeline = []

    def change(self, ports=(), removed=(), **parts):
        """Changes ports (whole objects) and parts of the document."""
        with self.lock:
            doc = self.document
            self.number += 1
            doc.update(id=f"{self.instance}-{self.number}", at=stamp(), **parts)
            if ports or removed:
                doc["revision"] = doc["revision"] + 1
                doc["haproxy"] = {**doc["haproxy"], "revision": doc["revision"]}
                parts["haproxy"] = doc["haproxy"]
                doc["hash"] = hashlib.sha256(str(self.number).encode()).hexdigest()
            known = {entry["port"]: entry for entry in doc["ports"]}
            for new in ports:
                self._note(known.get(new["port"]), new)
                known[new["port"]] = new
            doc["ports"] = [known[number] for number in sorted(known) if number not in removed]
            head = {name: doc[name] for name in ("id", "revision", "hash", "at")}
            message = {**head, **parts, "ports": [without_counters(new) for new in ports], "removed": list(removed)}
            self.kept = [*self.kept, (doc["id"], message)][-MOST_KEPT:]
            self._send(event("change", doc["id"], message))

    def _note(self, was, new):
        def side(entry):
            return entry and {"state": entry["state"], "container": (entry["container"] or {}).get("name")}

        entry = {"id": self.document["id"], "at": self.document["at"], "subject": "port", "port": new["port"]}
        entry.update(service="app/web", was=side(was), kind=new["kind"], reason=new["reason"])
        entry["is"] = side(new)
        self.timeline = [entry, *self.timeline][:200]

    def send(self, text):
        """Sends this to all streams, as it is."""
        with self.lock:
            self._send(text)

    def _send(self, text):
        for stream in self.streams:
            stream.put(text)

    def drop(self):
        """Ends all streams."""
        with self.lock:
            for stream in self.streams:
                stream.put(None)

    def follow(self, last_id):
        """A new stream, with what it missed."""
        with self.lock:
            stream = queue.Queue()
            self.streams.add(stream)
            stream.put("retry: 1000\n\n")
            if last_id == self.document["id"]:
                return stream
            at = next((at for at, (kept, _) in enumerate(self.kept) if kept == last_id), None)
            if at is None:
                stream.put(event("snapshot", self.document["id"], {**self.document, "ports": [without_counters(p) for p in self.document["ports"]]}))
            else:
                for kept, message in self.kept[at + 1 :]:
                    stream.put(event("change", kept, message))
            return stream

    def mapping(self, wanted):
        with self.lock:
            doc = copy.copy(self.document)
        for name in ("port", "state", "service"):
            if name in wanted:
                doc["ports"] = [entry for entry in doc["ports"] if str(entry[name]) == wanted[name][0]]
        return doc


def without_counters(entry):
    return {name: value for name, value in entry.items() if name not in COUNTERS}


def event(kind, ident, message):
    return f"id: {ident}\nevent: {kind}\ndata: {json.dumps(message)}\n\n"


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    world: World
    prefix: str

    def do_GET(self):
        url = urlsplit(self.path)
        if not url.path.startswith(self.prefix):
            return self.answer(404, "application/json", b'{"error": "this is behind a prefix"}')
        path = url.path[len(self.prefix) :]
        self.world.asked.append(path)
        if path == "v1/events":
            return self.events()
        if path in ("v1/mapping", "v1/changes"):
            found = self.world.mapping(parse_qs(url.query)) if path == "v1/mapping" else {"changes": self.world.timeline}
            return self.answer(200, "application/json", json.dumps(found).encode())
        file = PAGE / (path or "index.html")
        if file.parent != PAGE or not file.is_file():
            return self.answer(404, "application/json", b'{"error": "there is no such thing"}')
        return self.answer(200, mimetypes.guess_type(file.name)[0], file.read_bytes())

    def answer(self, status, kind, body):
        self.send_response(status)
        for name, value in {**HEADERS, "Content-Type": kind, "Content-Length": len(body)}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def events(self):
        if self.world.refuse:
            return self.answer(503, "application/json", json.dumps({"error": self.world.refuse}).encode())
        self.send_response(200)
        for name, value in {**HEADERS, "Content-Type": "text/event-stream", "Connection": "close"}.items():
            self.send_header(name, value)
        self.end_headers()
        self.close_connection = True
        stream = self.world.follow(self.headers.get("Last-Event-ID"))
        try:
            while (text := stream.get()) is not None:
                self.wfile.write(text.encode())
                self.wfile.flush()
        except OSError:
            pass  # The page has gone.
        finally:
            with self.world.lock:
                self.world.streams.discard(stream)

    def log_message(self, *_):
        pass


class Server:
    """The stand-in at a port of loopback."""

    def __init__(self, world, prefix="/"):
        handler = type("TheHandler", (Handler,), {"world": world, "prefix": prefix})
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}{prefix}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()
