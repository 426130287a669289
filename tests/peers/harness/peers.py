"""The peers: how each is started, and which cases are none of its business, with the reason."""

import os
import pathlib
import queue
import re
import signal
import socket
import subprocess
import sys
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent
SITE = HERE.parent / "site"
CASES = [
    "get-0", "get-1k", "get-10m", "get-100x", "post-1m", "head", "not-found", "trailers", "by-address",
    "early-data", "untrusted", "wrong-name", "expired", "wrong-alpn",
]
PATIENCE = 30
READY = 20
# What goes through a tunnel of ours: the cases, and the path between the client and the proxy. Where that loses, the server's own control of
# congestion makes 10 MB a matter of half a minute.
THROUGH = {
    "posthaste-through": (["get-1k", "get-10m", "get-100x", "post-1m", "by-address", "untrusted"], ""),
    "posthaste-through-lossy": (["get-1k", "get-100x", "post-1m"], "delay=20 rate=50000 loss=10 reordering=20"),
}

TRUSTS_ALL = "its example client judges no certificate"
NO_TICKETS = "its program here makes one connection, and keeps no ticket"
OWN_WAYS = "nothing here tells it to send early data, or what it has taken"
NO_EARLY = "early data goes by QUIC"
AIOQUIC_HEAD = {"head": "it takes the content-length of an answer to HEAD for a mistake"}
CLIENTS = {
    "aioquic": AIOQUIC_HEAD,
    "aioquic-2": AIOQUIC_HEAD,
    "curl": {"early-data": NO_TICKETS, "trailers": "libcurl sends none over HTTP/3", "wrong-alpn": "always offers h3"},
    # By TCP.
    "curl-h2": {"early-data": NO_EARLY, "trailers": "libcurl sends none", "wrong-alpn": "offers what it speaks"},
    "curl-h1": {"early-data": NO_EARLY, "trailers": "libcurl sends none", "wrong-alpn": "offers what it speaks"},
    "ngtcp2": {
        "early-data": NO_TICKETS, "trailers": "its example client sends none",
        "untrusted": TRUSTS_ALL, "wrong-name": TRUSTS_ALL, "expired": TRUSTS_ALL,
        "wrong-alpn": "always offers h3",
    },
    "quinn": {"early-data": NO_TICKETS},
    "quinn-hybrid": {"early-data": NO_TICKETS},
    "s2n": {"early-data": "s2n-quic has none"},
    "quiche": {"early-data": NO_TICKETS, "by-address": "it looks for the address among the names of the certificate"},
    "chromium-h2": {
        "early-data": NO_EARLY, "trailers": "fetch knows none",
        "wrong-name": "trust by public key looks at no name", "expired": "trust by public key looks at no date",
        "wrong-alpn": "offers what it speaks",
    },
    "chromium": {
        "early-data": OWN_WAYS, "trailers": "fetch knows none",
        "wrong-name": "trust by public key looks at no name", "expired": "trust by public key looks at no date",
        "wrong-alpn": "always offers h3",
    },
    "posthaste": {"wrong-alpn": "always offers h3; see the servers"},
    # The same through `serve --proxy`, by connect-udp: QUIC within QUIC.
    "posthaste-through": {},
    "posthaste-through-lossy": {},
}
SERVERS = {
    "aioquic": {},
    "aioquic-2": {},
    "ngtcp2": {
        "early-data": OWN_WAYS, "trailers": "its example server gives no choice of them", "wrong-alpn": "always speaks h3",
        "post-1m": "its example server echoes nothing",
        "get-0": "its example server answers 404 for an empty file",
    },
    "caddy": {"early-data": OWN_WAYS, "trailers": "its file server sends none", "wrong-alpn": "always speaks h3"},
    # By TCP alone: where QUIC does not lead, we go on there.
    "caddy-h2": {"early-data": NO_EARLY, "trailers": "its file server sends none", "wrong-alpn": "speaks what it is told"},
    "caddy-h1": {"early-data": NO_EARLY, "trailers": "its file server sends none", "wrong-alpn": "speaks what it is told"},
    "quinn": {"early-data": OWN_WAYS},
    "quinn-hybrid": {"early-data": OWN_WAYS},
    "s2n": {"early-data": "s2n-quic has none", "wrong-alpn": "it says handshake_failure instead of no_application_protocol"},
    "quiche": {"early-data": OWN_WAYS},
    "posthaste": {},
}


CURL_VERSIONS = {"curl-h1": "1.1", "curl-h2": "2"}
CADDY_PROTOCOLS = {"caddy": "h1 h2 h3", "caddy-h2": "h1 h2", "caddy-h1": "h1"}


def client_command(name):
    binaries = pathlib.Path(os.environ["PEERS_BIN"])
    if name == "s2n":
        return [str(binaries / "s2n"), "client"]
    if name in ("quinn", "quiche"):
        return [str(binaries / f"{name}-client")]
    if name == "quinn-hybrid":
        return [str(binaries / "quinn-client"), "--hybrid"]
    if name in THROUGH:
        return [sys.executable, str(HERE / "posthaste_client.py")]
    if name == "aioquic-2":
        return [sys.executable, str(HERE / "aioquic_client.py"), "--version-2"]
    if name == "chromium-h2":
        return [sys.executable, str(HERE / "chromium_client.py"), "--tcp"]
    if name in CURL_VERSIONS:
        return [sys.executable, str(HERE / "curl_client.py"), "--http", CURL_VERSIONS[name]]
    return [sys.executable, str(HERE / f"{name}_client.py")]


def run_client(name, arguments, environment, patience=PATIENCE):
    """Runs a client for at most `patience` seconds; returns its exit status (None: too long) and what it said."""
    return run_program(client_command(name) + arguments, environment, patience)


def run_early_data(client, server):
    """Runs the case of early data, which has a server of its own, for some connections."""
    command = [sys.executable, str(HERE / "early_data.py"), os.environ["POSTHASTE"], client, server]
    return run_program(command, {}, PATIENCE)


def run_program(command, environment, patience):
    """Runs a program for at most `patience` seconds; returns its exit status (None: too long) and what it said."""
    child = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, start_new_session=True, env={**os.environ, **environment},
    )
    try:
        output, _ = child.communicate(timeout=patience)
        status = child.returncode
    except subprocess.TimeoutExpired:
        status, output = None, b""
    end(child)
    return status, output.decode(errors="replace").strip()


def end(child):
    """Ends a child and all it started."""
    try:
        os.killpg(child.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    child.wait()


def free_port():
    """A port that was free for UDP and TCP just now, for servers that cannot be told to choose."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp, socket.socket() as tcp:
        udp.bind(("127.0.0.1", 0))
        tcp.bind(("127.0.0.1", udp.getsockname()[1]))
        return udp.getsockname()[1]


def bound_port(pid):
    """The UDP port a process is bound to."""
    sockets = {os.readlink(entry) for entry in pathlib.Path(f"/proc/{pid}/fd").iterdir() if entry.is_symlink()}
    for line in pathlib.Path("/proc/net/udp").read_text().splitlines()[1:]:
        columns = line.split()
        if f"socket:[{columns[9]}]" in sockets:
            return int(columns[1].split(":")[1], 16)
    return None


class Server:
    """A server under way: its port, what it said, and how many connections it counted."""

    def __init__(self, name, work, certificate, protocol):
        self.name, self.port, self.connections, self.lines = name, None, 0, []
        self.key_hash = None
        pem, key = work / f"{certificate}.pem", work / f"{certificate}.key"
        command, ready = self.command(work, str(pem), str(key), protocol)
        self.child = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            start_new_session=True, cwd=work,
        )
        self.ready, self.pattern = queue.Queue(), re.compile(ready)
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()
        try:
            found = self.ready.get(timeout=READY)
        except queue.Empty:
            found = None
        if found is None:
            self.stop()
            raise RuntimeError(f"{name} does not listen: {' / '.join(self.lines[-5:])}")
        if self.port is None:
            self.port = int(found.group(1)) if found.groups() else None
        until = time.monotonic() + READY
        while self.port is None and time.monotonic() < until and self.child.poll() is None:
            self.port = bound_port(self.child.pid)
        if self.port is None:
            self.stop()
            raise RuntimeError(f"{name} has no port: {' / '.join(self.lines[-5:])}")

    def command(self, work, pem, key, protocol):
        if self.name in ("aioquic", "aioquic-2"):
            flags = ["--version-2"] if self.name == "aioquic-2" else []
            return [sys.executable, str(HERE / "aioquic_server.py"), *flags, pem, key, protocol], r"^ready (\d+)"
        if self.name == "s2n":
            return [str(pathlib.Path(os.environ["PEERS_BIN"]) / "s2n"), "server", pem, key, protocol], r"^ready (\d+)"
        if self.name in ("quinn", "quiche"):
            return [str(pathlib.Path(os.environ["PEERS_BIN"]) / f"{self.name}-server"), pem, key, protocol], r"^ready (\d+)"
        if self.name == "quinn-hybrid":
            program = str(pathlib.Path(os.environ["PEERS_BIN"]) / "quinn-server")
            return [program, "--hybrid", pem, key, protocol], r"^ready (\d+)"
        if self.name == "ngtcp2":
            quiet = ["--no-quic-dump", "--no-http-dump"]
            return ["gtlsserver", *quiet, "--htdocs", str(work / "files"), "127.0.0.1", "0", key, pem], "document root"
        if self.name in CADDY_PROTOCOLS:
            self.port = free_port()
            file = work / f"Caddyfile-{self.port}"
            file.write_text(CADDY.format(protocols=CADDY_PROTOCOLS[self.name], port=self.port, pem=pem, key=key, files=work / "files"))
            return ["caddy", "run", "--adapter", "caddyfile", "--config", str(file)], "serving initial configuration"
        return [
            os.environ["POSTHASTE"], "serve", str(SITE), "--listen", "127.0.0.1:0", "--bodies", "--cert", pem, "--key", key,
        ], r"127\.0\.0\.1:(\d+)"

    def read(self):
        for line in self.child.stdout:
            line = line.decode(errors="replace").rstrip()
            if line == "connection":
                self.connections += 1
                continue
            self.lines = [*self.lines[-200:], line]
            found = self.pattern.search(line)
            if found:
                self.ready.put(found)
        self.ready.put(None)

    def alive(self):
        return self.child.poll() is None

    def stop(self):
        end(self.child)


class Relay:
    """A relay before a server: a path with these settings."""

    def __init__(self, port, settings):
        self.child = subprocess.Popen(
            [os.environ["RELAY"], f"127.0.0.1:{port}", *settings.split()],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        )
        self.port = int(self.child.stdout.readline().decode().rsplit(":", 1)[1])

    def stop(self):
        self.child.kill()
        self.child.wait()
        self.child.stdin.close()
        self.child.stdout.close()


class Proxy:
    """A proxy of ours that reaches one server, perhaps over a path with these settings, and writes down whom it has led there."""

    def __init__(self, work, target, settings):
        self.log = work / f"proxy-{time.monotonic_ns()}.log"
        identity = ["--cert", str(work / "good.pem"), "--key", str(work / "good.key")]
        allowed = ["--proxy", f"127.0.0.1:{target}", "--proxy", f"localhost:{target}"]
        self.child = subprocess.Popen(
            [os.environ["POSTHASTE"], "serve", *allowed, *identity, "--listen", "127.0.0.1:0", "--access-log", str(self.log)],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True,
        )
        found = re.search(r"127\.0\.0\.1:(\d+)", self.child.stdout.readline().decode())
        if found is None:
            end(self.child)
            raise RuntimeError("the proxy does not listen")
        self.relay = Relay(int(found.group(1)), settings) if settings else None
        self.port = self.relay.port if self.relay else int(found.group(1))

    def tunnels(self):
        """How many have ended, by connect-udp, with 200."""
        lines = self.log.read_text(errors="replace").splitlines() if self.log.exists() else []
        return sum("CONNECT" in line and " 200 " in line for line in lines)

    def stop(self):
        if self.relay:
            self.relay.stop()
        end(self.child)


CADDY = """
{{
    admin off
    auto_https off
    servers {{
        protocols {protocols}
    }}
}}
https://localhost:{port}, https://127.0.0.1:{port} {{
    bind 127.0.0.1
    tls {pem} {key}
    handle /echo {{
        respond "{{http.request.body}}"
    }}
    handle {{
        root * {files}
        file_server
    }}
}}
"""
