"""What served files cost, ours beside Caddy and nginx, over HTTP/3, HTTP/2 and HTTP/1.1:
`file_cost.py POSTHASTE [--hostile PROGRAM] [--rounds N] [--only requests|readers]`.

Each serves a folder with files of 1 kB, 100 kB and 10 MB on one thread: `posthaste serve --workers 1`, Debian's Caddy with GOMAXPROCS=1, and
nginx with one process (which has no HTTP/3). They are asked by `posthaste load` over HTTP/3 and by h2load over TCP, in rounds, every server
once in each. Printed are medians: answers in a second, and processor time of the server for an answer. Then the memory that 1,000 readers of
10 MB who read nothing cost each, over HTTP/3 (the program of `examples/hostile.rs`) and over HTTP/1.1. Fails only if something is not answered."""

import argparse
import json
import os
import pathlib
import resource
import signal
import socket
import ssl
import statistics
import subprocess
import tempfile
import time

import certificates
import tcp_cost
from tcp_cost import Server, free_port

SIZES = {"1 kB": 1_000, "100 kB": 100_000, "10 MB": 10_000_000}
# Connections, requests under way on each, and answers, by size.
LOADS = {"1 kB": (16, 10, 40_000), "100 kB": (16, 4, 6_000), "10 MB": (4, 1, 80)}
VERSIONS = ["HTTP/3", "HTTP/2", "HTTP/1.1"]
READERS = 1000
CADDY = """
{{
    admin off
    auto_https off
    servers {{
        protocols h1 h2 h3
    }}
}}
https://localhost:{port}, https://127.0.0.1:{port} {{
    bind 127.0.0.1
    tls {work}/good.pem {work}/good.key
    root * {work}/site
    file_server
}}
"""


def caddy(work):
    port = free_port()
    file = work / f"Caddyfile-{port}"
    file.write_text(CADDY.format(work=work, port=port))
    command = ["env", "GOMAXPROCS=1", f"HOME={work}", "caddy", "run", "--adapter", "caddyfile", "--config", str(file)]
    return Server("Caddy", command, port, port)


def path(size):
    return "/" + size.replace(" ", "")


def by_http3(posthaste, server, size, work, scale):
    connections, streams, count = LOADS[size]
    command = [posthaste, "load", f"https://localhost:{server.ports['h2']}{path(size)}", "--ca", str(work / "authority.pem"), "-s", "-j"]
    command += ["--connections", str(connections), "-m", str(streams), "-n", str(max(count // scale, 8))]
    said = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    if list(said["statuses"]) != ["200"] or said["errors"]:
        raise ValueError(f"{server.name}: {said['statuses']} {said['errors']}")
    return said["statuses"]["200"]


def by_h2load(server, version, size, scale):
    connections, streams, count = LOADS[size]
    flags = ["--h1"] if version == "HTTP/1.1" else ["-m", str(streams)]
    count = max(count // scale, 8)
    url = f"https://127.0.0.1:{server.ports['http/1.1' if version == 'HTTP/1.1' else 'h2']}{path(size)}"
    said = subprocess.run(["h2load", "-n", str(count), "-c", str(connections), *flags, url], capture_output=True, text=True, check=True).stdout
    if f"{count} succeeded" not in said:
        raise ValueError(f"{server.name}: {said[-500:]}")
    return count


def measure(posthaste, server, version, size, work, scale=1):
    before, begun = server.seconds(), time.monotonic()
    if version == "HTTP/3":
        count = by_http3(posthaste, server, size, work, scale)
    else:
        count = by_h2load(server, version, size, scale)
    return count / (time.monotonic() - begun), (server.seconds() - before) / count * 1e6


def requests(posthaste, servers, work, rounds):
    for size in SIZES:
        for version in VERSIONS:
            asked = [server for server in servers if version != "HTTP/3" or server.name != "nginx"]
            rows = {server.name: [] for server in asked}
            for server in asked:
                measure(posthaste, server, version, size, work, scale=8)
            for _ in range(rounds):
                for server in asked:
                    rows[server.name].append(measure(posthaste, server, version, size, work))
            for name, row in rows.items():
                rate, cost = (statistics.median(column) for column in zip(*row))
                print(f"{size}, {version}: {name}: {rate:.0f} answers in a second, {cost:.1f} us of processor time for each", flush=True)


def reader(server, context, request):
    """A connection whose answer has begun and of which nothing more is read. It takes little, as the systems of a thousand would take gigabytes."""
    carrier = socket.socket()
    carrier.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 16)
    carrier.connect(("127.0.0.1", server.ports["http/1.1"]))
    stream = context.wrap_socket(carrier, server_hostname="localhost")
    stream.sendall(request)
    if not stream.recv(1 << 10).startswith(b"HTTP/1.1 200"):
        raise ValueError("no answer")
    return stream


def readers_by_tcp(server, work):
    context = ssl.create_default_context(cafile=str(work / "authority.pem"))
    context.set_alpn_protocols(["http/1.1"])
    request = f"GET {path('10 MB')} HTTP/1.1\r\nhost: localhost\r\n\r\n".encode()
    first = [reader(server, context, request) for _ in range(20)]
    before = server.kibibytes()
    slow = [reader(server, context, request) for _ in range(READERS)]
    time.sleep(2)
    print(f"{server.name}: {READERS} readers of 10 MB by HTTP/1.1: {(server.kibibytes() - before) / READERS:.1f} KiB each", flush=True)
    for stream in first + slow:
        stream.close()


def readers_by_http3(hostile, server):
    url = f"https://localhost:{server.ports['h2']}{path('10 MB')}"
    command = [hostile, "stalled", url, f"pid={server.child.pid}", f"clients={READERS}", "seconds=1"]
    child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    before = int(child.stdout.readline().split()[1])
    line = child.stdout.readline()
    after = int(line.split("wait: ")[1].split()[0])
    child.send_signal(signal.SIGKILL)
    child.wait()
    print(f"{server.name}: {READERS} readers of 10 MB by HTTP/3: {(after - before) * 1024 / READERS:.0f} KiB each", flush=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("posthaste")
    parser.add_argument("--hostile", help="the program of examples/hostile.rs")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", choices=["requests", "readers"])
    arguments = parser.parse_args()
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(20_000, hard), hard))
    with tempfile.TemporaryDirectory() as folder:
        work = pathlib.Path(folder)
        certificates.make(work)
        (work / "site").mkdir()
        for size, length in SIZES.items():
            (work / "site" / path(size)[1:]).write_bytes(os.urandom(length))
        makers = [lambda: tcp_cost.ours(arguments.posthaste, work), lambda: caddy(work), lambda: tcp_cost.nginx("nginx", work, 20_000, "/")]
        if arguments.only != "readers":
            run(makers, lambda servers: requests(arguments.posthaste, servers, work, arguments.rounds))
        if arguments.only != "requests":
            # Each with a process that has served nobody before.
            run(makers, lambda servers: [readers_by_tcp(server, work) for server in servers])
            if arguments.hostile:
                run(makers[:2], lambda servers: [readers_by_http3(arguments.hostile, server) for server in servers])


def run(makers, what):
    servers = []
    try:
        for make in makers:
            servers.append(make())
        what(servers)
    finally:
        for server in servers:
            server.stop()


if __name__ == "__main__":
    main()
