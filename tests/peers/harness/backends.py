"""The reverse proxy between foreign clients and foreign backends: nginx and Python's http.server behind `posthaste serve --proxy`,
curl over HTTP/1.1 and HTTP/2 and `posthaste get` over HTTP/3 before it. Prints a line for each cell; fails if one does."""

import functools
import hashlib
import http.server
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import threading

import certificates
from peers import end, free_port

SIZES = {"empty": 0, "small": 1_000, "large": 20_000_000}
CLIENTS = {"curl-h1": ["--http1.1"], "curl-h2": ["--http2"], "posthaste-h3": None}

NGINX = """
daemon off; worker_processes 1; pid {work}/nginx.pid; error_log {work}/nginx.log;
events {{ worker_connections 256; }}
http {{
    access_log off; client_max_body_size 0; client_body_temp_path {work}/body;
    proxy_temp_path {work}/proxy; fastcgi_temp_path {work}/fastcgi; uwsgi_temp_path {work}/uwsgi; scgi_temp_path {work}/scgi;
    gzip on; gzip_min_length 100; gzip_types text/plain;
    server {{
        listen 127.0.0.1:{port}; listen unix:{work}/nginx.sock;
        root {work}/files; dav_methods PUT DELETE; create_full_put_path on;
        location = /who {{ default_type text/plain; return 200 "$http_x_forwarded_for $http_x_forwarded_proto $http_forwarded\\n"; }}
    }}
}}
"""


class Files(http.server.SimpleHTTPRequestHandler):
    """Files, and uploads."""

    def do_PUT(self):
        left, path = int(self.headers["content-length"]), pathlib.Path(self.translate_path(self.path))
        with path.open("wb") as file:
            while left:
                part = self.rfile.read(min(left, 1 << 16))
                if not part:
                    return
                file.write(part)
                left -= len(part)
        self.send_response(201)
        self.send_header("content-length", "0")
        self.end_headers()

    def do_GET(self):
        if self.path != "/who":
            return super().do_GET()
        values = [self.headers[name] for name in ("x-forwarded-for", "x-forwarded-proto", "forwarded")]
        text = (" ".join(values) + "\n").encode()
        self.send_response(200)
        self.send_header("content-length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_):
        pass


class Files11(Files):
    """The same with connections that are used again."""

    protocol_version = "HTTP/1.1"


def python(folder, handler):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(handler, directory=folder))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return f"http://127.0.0.1:{server.server_port}"


def nginx(work):
    port = free_port()
    file = work / "nginx.conf"
    file.write_text(NGINX.format(work=work, port=port))
    child = subprocess.Popen(["nginx", "-p", work, "-c", file], stderr=subprocess.DEVNULL, start_new_session=True)
    return child, f"http://127.0.0.1:{port}", f"unix:{work}/nginx.sock"


def posthaste(work, backend):
    command = [os.environ["POSTHASTE"], "serve", work, "--listen", "127.0.0.1:0", "--proxy", f"/={backend}"]
    command += ["--cert", work / "good.pem", "--key", work / "good.key"]
    child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True)
    return child, int(re.search(r":(\d+)", child.stdout.readline().split("https://")[1]).group(1))


def ask(client, ca, url, *options):
    """What a client got, whatever the status; its options are those of curl. Ours ends with 22 where the status is an error."""
    flags = CLIENTS[client]
    if flags is None:
        command = [os.environ["POSTHASTE"], "get", "-s", "--http3-only", "--ca", ca, *options, url]
    else:
        command = ["curl", "-s", *flags, "--cacert", ca, *options, url]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=60)
    if done.returncode not in ((0, 22) if flags is None else (0,)):
        raise ValueError(f"{command[0]} ended with {done.returncode}: {done.stderr.decode(errors='replace').strip()}")
    return done.stdout


def check(client, ca, base, files, name):
    for size_name, size in SIZES.items():
        expected = (files / size_name).read_bytes()
        got = ask(client, ca, f"{base}/{size_name}")
        if hashlib.sha256(got).digest() != hashlib.sha256(expected).digest():
            raise ValueError(f"{size_name}: {len(got)} bytes instead of {size}")
    target = f"up-{name}-{client}"
    ask(client, ca, f"{base}/{target}", "-T", str(files / "large"))
    if (files / target).read_bytes() != (files / "large").read_bytes():
        raise ValueError("what was sent is not what arrived")
    head = ask(client, ca, f"{base}/large", "-I").decode().lower()
    if f"content-length: {SIZES['large']}" not in head:
        raise ValueError(f"HEAD: {head}")
    if b"404" not in ask(client, ca, f"{base}/nothing", "-o", os.devnull, "-w", "%{http_code}"):
        raise ValueError("no 404")
    part = ask(client, ca, f"{base}/large", "-r", "1000-1999")
    if name.startswith("nginx") and part != (files / "large").read_bytes()[1000:2000]:
        raise ValueError(f"a range: {len(part)} bytes")
    who = ask(client, ca, f"{base}/who", "-H", "x-forwarded-for: 10.0.0.1").decode()
    if not who.startswith("127.0.0.1 https for=127.0.0.1;host="):
        raise ValueError(f"who asked: {who}")


def main():
    missing = [program for program in ("nginx", "curl") if not shutil.which(program)]
    if missing:
        sys.exit(f"missing: {', '.join(missing)}")
    failed = 0
    with tempfile.TemporaryDirectory() as folder:
        work = pathlib.Path(folder)
        # nginx's worker is another user.
        work.chmod(0o755)
        files = work / "files"
        files.mkdir()
        files.chmod(0o777)
        for name, size in SIZES.items():
            (files / name).write_bytes(os.urandom(size))
        certificates.make(work)
        web, by_port, by_socket = nginx(work)
        backends = {
            "nginx": by_port, "nginx-unix": by_socket,
            "python-1.0": python(files, Files), "python-1.1": python(files, Files11),
        }
        try:
            for name, backend in backends.items():
                child, port = posthaste(work, backend)
                try:
                    for client in CLIENTS:
                        try:
                            check(client, work / "authority.pem", f"https://localhost:{port}", files, name)
                            print(f"{client}>posthaste>{name}: ok")
                        except (ValueError, OSError, subprocess.TimeoutExpired) as error:
                            failed += 1
                            print(f"{client}>posthaste>{name}: FAIL: {error}")
                finally:
                    end(child)
        finally:
            end(web)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
