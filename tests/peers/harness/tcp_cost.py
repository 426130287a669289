"""What connections and requests by TCP cost a server, ours beside nginx: `tcp_cost.py POSTHASTE [--connections N]`. Processor time is that of the
server's process, so that it means something on a machine that others use as well; memory is its resident set. Prints lines; fails only if
something is not answered.

One worker each, a file of 1,000 bytes, TLS 1.3 with AES-256-GCM, h2load as the client."""

import argparse
import os
import pathlib
import re
import resource
import socket
import ssl
import subprocess
import tempfile
import time

import certificates

NGINX = """
daemon off;
master_process off;
pid {work}/nginx.pid;
error_log {work}/nginx.log;
worker_rlimit_nofile {files};
events {{ worker_connections {files}; }}
http {{
    access_log off;
    keepalive_requests 100000000;
    keepalive_timeout 600;
    sendfile on;
    open_file_cache max=100;
    client_body_temp_path {work}/body;
    proxy_temp_path {work}/proxy;
    fastcgi_temp_path {work}/fastcgi;
    uwsgi_temp_path {work}/uwsgi;
    scgi_temp_path {work}/scgi;
    ssl_protocols TLSv1.3;
    ssl_certificate {work}/good.pem;
    ssl_certificate_key {work}/good.key;
    root {work}/site;
    server {{ listen 127.0.0.1:{port} ssl http2; }}
    server {{ listen 127.0.0.1:{port1} ssl; }}
}}
"""


def free_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


class Server:
    def __init__(self, command, port, port1):
        self.child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.ports = {"h2": port, "http/1.1": port1}
        end = time.monotonic() + 20
        while True:
            try:
                socket.create_connection(("127.0.0.1", port1), timeout=1).close()
                return
            except ConnectionRefusedError:
                if time.monotonic() > end:
                    raise
                time.sleep(0.05)

    def seconds(self):
        fields = pathlib.Path(f"/proc/{self.child.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def kibibytes(self):
        return int(re.search(r"VmRSS:\s+(\d+)", pathlib.Path(f"/proc/{self.child.pid}/status").read_text()).group(1))

    def stop(self):
        self.child.kill()
        self.child.wait()


def ours(posthaste, work):
    port = free_port()
    command = [posthaste, "serve", str(work / "site"), "--listen", f"127.0.0.1:{port}", "--workers", "1"]
    return Server([*command, "--cert", str(work / "good.pem"), "--key", str(work / "good.key")], port, port)


def nginx(work, files):
    port, port1 = free_port(), free_port()
    file = work / f"nginx-{port}.conf"
    file.write_text(NGINX.format(work=work, files=files, port=port, port1=port1))
    return Server(["nginx", "-c", str(file)], port, port1)


def requests(server, protocol, count):
    before = server.seconds()
    flags = ["--h1"] if protocol == "http/1.1" else ["-m", "10"]
    url = f"https://127.0.0.1:{server.ports[protocol]}/f"
    said = subprocess.run(["h2load", "-n", str(count), "-c", "16", *flags, url], capture_output=True, text=True, check=True).stdout
    if f"{count} succeeded" not in said:
        raise ValueError(said[-500:])
    return f"{(server.seconds() - before) / count * 1e6:.1f} microseconds of processor time for a request"


def connections(server, count, request, context):
    """Connections on which one thing was asked; what came first is read, and nothing else."""
    opened = []
    for _ in range(count):
        stream = context.wrap_socket(socket.create_connection(("127.0.0.1", server.ports["http/1.1"])), server_hostname="localhost")
        stream.sendall(request)
        if not stream.recv(1 << 10).startswith(b"HTTP/1.1 200"):
            raise ValueError("no answer")
        opened.append(stream)
    return opened


def cost(name, server, work, count):
    context = ssl.create_default_context(cafile=str(work / "authority.pem"))
    context.set_alpn_protocols(["http/1.1"])
    try:
        for protocol, number in (("h2", 100_000), ("http/1.1", 50_000)):
            print(f"{name}: {protocol}: {requests(server, protocol, number)}", flush=True)
        ask = "GET {} HTTP/1.1\r\nhost: localhost\r\n\r\n"
        first = connections(server, 20, ask.format("/f").encode(), context)
        before = server.kibibytes()
        idle = connections(server, count, ask.format("/f").encode(), context)
        # A server may take a moment to give back what it needed.
        time.sleep(12)
        each = (server.kibibytes() - before) / count
        print(f"{name}: {count} idle connections of TLS: {each:.1f} KiB each", flush=True)
        for stream in first + idle:
            stream.close()
        before = server.kibibytes()
        slow = connections(server, 1000, ask.format("/large").encode(), context)
        time.sleep(2)
        each = (server.kibibytes() - before) / 1000
        print(f"{name}: 1000 readers that do not read 100 MB: {each:.1f} KiB each", flush=True)
        for stream in slow:
            stream.close()
    finally:
        server.stop()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("posthaste")
    parser.add_argument("--connections", type=int, default=10_000)
    arguments = parser.parse_args()
    files = arguments.connections + 2000
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(files, hard), hard))
    with tempfile.TemporaryDirectory() as folder:
        work = pathlib.Path(folder)
        certificates.make(work)
        (work / "site").mkdir()
        (work / "site" / "f").write_bytes(os.urandom(1000))
        (work / "site" / "large").write_bytes(bytes(100_000_000))
        for name, server in (("posthaste", ours(arguments.posthaste, work)), ("nginx", nginx(work, files))):
            cost(name, server, work, arguments.connections)


if __name__ == "__main__":
    main()
