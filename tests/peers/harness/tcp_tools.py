"""Programs of others that come by TCP, against `posthaste serve`, and nginx against our client: `tcp_tools.py POSTHASTE`; prints a line for
each check, and ends with 0 if none failed.

nghttp and h2load are of nghttp2, httpx is over Python's h2 and h11. Python's h2 is used by itself as well, with frames in an order that
those do not make."""

import pathlib
import re
import shutil
import socket
import ssl
import subprocess
import sys
import tempfile
import time

import h2.config
import h2.connection
import h2.events
import h2.settings
import httpx

import cases
import certificates

PATIENCE = 60
NGINX = """
daemon off;
master_process off;
pid {work}/nginx.pid;
error_log {work}/nginx.log;
events {{ }}
http {{
    access_log off;
    client_body_temp_path {work}/body;
    proxy_temp_path {work}/proxy;
    fastcgi_temp_path {work}/fastcgi;
    uwsgi_temp_path {work}/uwsgi;
    scgi_temp_path {work}/scgi;
    server {{
        listen 127.0.0.1:{port} ssl{http2};
        ssl_protocols TLSv1.3;
        ssl_certificate {work}/good.pem;
        ssl_certificate_key {work}/good.key;
        root {work}/files;
    }}
}}
"""


def free_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def run(command, patience=PATIENCE):
    done = subprocess.run(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=patience, check=False
    )
    return done.returncode, done.stdout.decode(errors="replace")


def expect(condition, what):
    if not condition:
        raise ValueError(what)


class Checks:
    def __init__(self, posthaste, work):
        self.posthaste, self.work, self.failed = posthaste, work, 0
        command = [posthaste, "serve", str(work / "files"), "--listen", "127.0.0.1:0", "--bodies", "--access-log", str(work / "log")]
        command += ["--cert", str(work / "good.pem"), "--key", str(work / "good.key")]
        self.server = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self.port = int(re.search(r":(\d+)", self.server.stdout.readline().split("//")[1]).group(1))
        self.base, self.authority = f"https://localhost:{self.port}", str(work / "authority.pem")

    def check(self, name, function):
        try:
            said = function()
        except Exception as error:
            said, mark = f"{type(error).__name__}: {error}", "FAIL"
            self.failed += 1
        else:
            mark = "ok  "
        print(f"{mark} {name}{': ' + said if said else ''}", flush=True)

    # nghttp2.

    def nghttp(self):
        urls = [f"{self.base}/bytes/{size}" for size in (0, 1, 1_000, 100_000)]
        status, said = run(["nghttp", "--no-verify-peer", "-v", "-n", *urls])
        answers = len(re.findall(r":status: 200", said))
        expect(status == 0 and answers == 4 and "error_code=NO_ERROR" in said, said[-500:])

    def nghttp_upload(self):
        data = self.work / "upload"
        data.write_bytes(cases.body(1_000_000))
        status, said = run(["nghttp", "--no-verify-peer", "-d", str(data), f"{self.base}/echo"])
        expect(status == 0 and len(said) >= 1_000_000, said[-300:])

    def nghttp_small_windows(self):
        status, said = run(["nghttp", "--no-verify-peer", "-s", "-w", "10", "-W", "12", "-n", f"{self.base}/bytes/300000"])
        expect(status == 0 and " 200 " in said, said[-500:])

    def nghttp_continuations(self):
        fields = [part for number in range(40) for part in ("-H", f"x-field-{number}: {'v' * 600}")]
        status, said = run(["nghttp", "--no-verify-peer", "-v", "-n", *fields, f"{self.base}/bytes/5"])
        # 24 KB, which no frame holds.
        expect(status == 0 and ":status: 200" in said, said[-500:])

    def h2load(self, *more):
        count = 2000
        status, said = run(["h2load", "-n", str(count), *more, f"{self.base}/bytes/1000"])
        found = re.search(r"(\d+) succeeded, (\d+) failed, (\d+) errored", said)
        expect(status == 0 and found and found.groups() == (str(count), "0", "0"), said[-800:])
        return re.search(r"finished in .*", said).group(0)

    # Python.

    def httpx(self, http2):
        spoken = "HTTP/2" if http2 else "HTTP/1.1"
        context = ssl.create_default_context(cafile=self.authority)
        with httpx.Client(http2=http2, http1=not http2, verify=context, timeout=PATIENCE, trust_env=False) as client:
            for exchange in [one for case in ("get-0", "get-1k", "get-10m", "post-1m", "head", "not-found") for one in cases.exchanges(case)]:
                answer = client.request(exchange.method, self.base + exchange.path, content=exchange.sent or None)
                expect(answer.http_version == spoken, answer.http_version)
                exchange.check(answer.status_code, answer.content)
                expect(f'h3=":{self.port}"' in answer.headers["alt-svc"], "no Alt-Svc")

    def stream(self):
        """A connection of TLS that has agreed on h2."""
        context = ssl.create_default_context(cafile=self.authority)
        context.set_alpn_protocols(["h2"])
        raw = socket.create_connection(("localhost", self.port), timeout=PATIENCE)
        return context.wrap_socket(raw, server_hostname="localhost")

    def h2_interleaved(self):
        """50 uploads whose content goes out in turns, with trailers, through windows that are granted late."""
        stream, connection = self.stream(), h2.connection.H2Connection(h2.config.H2Configuration(header_encoding="utf-8"))
        connection.initiate_connection()
        connection.update_settings({h2.settings.SettingCodes.INITIAL_WINDOW_SIZE: 1_000})
        fields = [(":method", "POST"), (":scheme", "https"), (":authority", f"localhost:{self.port}"), (":path", "/echo")]
        stream.sendall(connection.data_to_send())
        while connection.outbound_flow_control_window < 200_000:
            connection.receive_data(stream.recv(1 << 16))
        sent = {}
        for number in range(50):
            sent[2 * number + 1] = cases.body(3_000 + number)
            connection.send_headers(2 * number + 1, fields)
        for at in range(0, 4_000, 500):
            for number, content in sent.items():
                if content[at : at + 500]:
                    connection.send_data(number, content[at : at + 500])
        for number in sent:
            connection.send_headers(number, [("x-checksum", str(number))], end_stream=True)
        stream.sendall(connection.data_to_send())
        got, trailers, open_ = {number: b"" for number in sent}, {}, set(sent)
        while open_:
            for event in connection.receive_data(stream.recv(1 << 16)):
                if isinstance(event, h2.events.DataReceived):
                    got[event.stream_id] += event.data
                    connection.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
                elif isinstance(event, h2.events.TrailersReceived):
                    trailers[event.stream_id] = dict(event.headers)["x-checksum"]
                elif isinstance(event, h2.events.StreamEnded):
                    open_.discard(event.stream_id)
                elif isinstance(event, (h2.events.StreamReset, h2.events.ConnectionTerminated)):
                    raise ValueError(repr(event))
            stream.sendall(connection.data_to_send())
        expect(got == sent, "another content")
        expect(trailers == {number: str(number) for number in sent}, "other trailers")

    def h2_resets_and_pings(self):
        """Requests that are given up leave the others alone, and a ping comes back."""
        stream, connection = self.stream(), h2.connection.H2Connection(h2.config.H2Configuration(header_encoding="utf-8"))
        connection.initiate_connection()
        fields = [(":method", "GET"), (":scheme", "https"), (":authority", f"localhost:{self.port}"), (":path", "/bytes/100000")]
        for number in range(1, 41, 2):
            connection.send_headers(number, fields, end_stream=True)
            if number % 4 == 1:
                connection.reset_stream(number, 8)
        connection.ping(b"are you?")
        stream.sendall(connection.data_to_send())
        sizes, ended, ponged = {}, set(), False
        while len(ended) < 10 or not ponged:
            for event in connection.receive_data(stream.recv(1 << 16)):
                if isinstance(event, h2.events.DataReceived):
                    sizes[event.stream_id] = sizes.get(event.stream_id, 0) + len(event.data)
                    connection.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
                elif isinstance(event, h2.events.StreamEnded):
                    ended.add(event.stream_id)
                elif isinstance(event, h2.events.PingAckReceived):
                    ponged = event.ping_data == b"are you?"
                elif isinstance(event, (h2.events.StreamReset, h2.events.ConnectionTerminated)):
                    raise ValueError(repr(event))
            stream.sendall(connection.data_to_send())
        expect(all(sizes[number] == 100_000 for number in ended), repr(sizes))

    def curl(self, version, size):
        """An upload to something that answers without reading it."""
        data = self.work / "rest"
        data.write_bytes(bytes(size))
        command = ["curl", "-s", f"--http{version}", "--cacert", self.authority, "-T", str(data), "-o", "/dev/null", "-w", "%{http_code}"]
        status, said = run([*command, f"{self.base}/bytes/5"], 20)
        expect(status == 0 and said == "405", f"status {status}, {said}")

    # nginx, for our client.

    def nginx(self, http2):
        port, version = free_port(), "HTTP/2" if http2 else "HTTP/1.1"
        file = self.work / f"nginx-{port}.conf"
        file.write_text(NGINX.format(work=self.work, port=port, http2=" http2" if http2 else ""))
        child = subprocess.Popen(["nginx", "-c", str(file)], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            end = time.monotonic() + PATIENCE
            while time.monotonic() < end:
                try:
                    socket.create_connection(("127.0.0.1", port), timeout=1).close()
                    break
                except ConnectionRefusedError:
                    time.sleep(0.05)
            base = f"https://localhost:{port}/bytes"
            out = self.work / f"out-{port}"
            names = ["0", "1000", "10000000", *map(str, range(10_000, 10_100))]
            urls = [f"{base}/{name}" for name in names]
            status, said = run([self.posthaste, "get", "--ca", self.authority, "--out", str(out), *urls])
            expect(status == 0, said[-300:])
            for name in names:
                expect((out / name).read_bytes() == cases.body(int(name)), f"{name} is another")
            status, said = run([self.posthaste, "get", "--ca", self.authority, "-i", f"{base}/none"])
            expect(f"{version} 404" in said, said[:200])
        finally:
            child.kill()
            child.wait()

    def log(self):
        """Which versions came, as the server's own log has it."""
        lines = (self.work / "log").read_text().splitlines()
        counts = {version: sum(f"HTTP/{version}" in line for line in lines) for version in ("1.1", "2.0", "3.0")}
        expect(counts["3.0"] == 0 and counts["1.1"] > 2000 and counts["2.0"] > 4000, repr(counts))
        return ", ".join(f"{count} requests by HTTP/{version}" for version, count in counts.items() if count)


def main(posthaste):
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        work = pathlib.Path(folder)
        certificates.make(work)
        (work / "files" / "bytes").mkdir(parents=True)
        for size in (0, 1_000, 10_000_000, *range(10_000, 10_100)):
            (work / "files" / "bytes" / str(size)).write_bytes(cases.body(size))
        checks = Checks(posthaste, work)
        try:
            checks.check("nghttp: four requests on one connection", checks.nghttp)
            checks.check("nghttp: 1 MB up and back", checks.nghttp_upload)
            checks.check("nghttp: through windows of 1 and 4 KiB", checks.nghttp_small_windows)
            checks.check("nghttp: fields in several frames", checks.nghttp_continuations)
            checks.check("h2load: HTTP/2, 10 connections, 32 streams", lambda: checks.h2load("-c", "10", "-m", "32"))
            checks.check("h2load: HTTP/2, small windows", lambda: checks.h2load("-c", "4", "-m", "10", "-w", "10", "-W", "14"))
            checks.check("h2load: HTTP/1.1, 10 connections", lambda: checks.h2load("-c", "10", "--h1"))
            checks.check("httpx: HTTP/2", lambda: checks.httpx(True))
            checks.check("httpx: HTTP/1.1", lambda: checks.httpx(False))
            checks.check("h2: 50 uploads in turns, with trailers", checks.h2_interleaved)
            checks.check("h2: resets among requests, and a ping", checks.h2_resets_and_pings)
            checks.check("curl: HTTP/2, 1 MB that nobody reads", lambda: checks.curl("2", 1_000_000))
            checks.check("curl: HTTP/1.1, 1 MB that nobody reads", lambda: checks.curl("1.1", 1_000_000))
            checks.check("the server's log", checks.log)
            checks.check("nginx: our client over HTTP/2", lambda: checks.nginx(True))
            checks.check("nginx: our client over HTTP/1.1", lambda: checks.nginx(False))
        finally:
            checks.server.kill()
            checks.server.wait()
    sys.exit(1 if checks.failed else 0)


if __name__ == "__main__":
    missing = [program for program in ("nghttp", "h2load", "nginx", "curl") if not shutil.which(program)]
    if missing:
        sys.exit(f"missing: {', '.join(missing)}")
    main(sys.argv[1])
