"""What connections and requests by TCP cost a server, ours beside nginx and hyper:
`tcp_cost.py POSTHASTE [--memory BENCH_TCP] [--hyper BENCH_HYPER] [--connections N] [--rounds N] [--only requests|connections|instructions]`. Processor time
and instructions (where `perf` may count them) are those of the server's process, so that they mean something on a machine that others use as
well; memory is its resident set. Prints lines; fails only if something is not answered.

One worker each, TLS 1.3 with AES-256-GCM, h2load and, for HTTP/1.1, wrk as clients. `posthaste serve` and nginx serve a file of 1,000 bytes, which
neither keeps open; nginx again and the programs of bench/tcp (ours) and bench/hyper serve 1,000 bytes from memory. Requests are measured in rounds, every server once in each;
printed is the median. `--only instructions` has callgrind count those of a request of HTTP/1.1 to the programs that answer from memory, which
is the same on every machine; what it writes says where they are (`callgrind_annotate`)."""

import argparse
import os
import pathlib
import re
import resource
import signal
import socket
import ssl
import statistics
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
    client_body_temp_path {work}/body;
    proxy_temp_path {work}/proxy;
    fastcgi_temp_path {work}/fastcgi;
    uwsgi_temp_path {work}/uwsgi;
    scgi_temp_path {work}/scgi;
    ssl_protocols TLSv1.3;
    ssl_certificate {work}/good.pem;
    ssl_certificate_key {work}/good.key;
    root {work}/site;
    server {{ listen 127.0.0.1:{port} ssl http2; location = /memory {{ return 200 "{body}"; }} }}
    server {{ listen 127.0.0.1:{port1} ssl; location = /memory {{ return 200 "{body}"; }} }}
}}
"""


def free_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


class Server:
    def __init__(self, name, command, port, port1, path="/f"):
        self.path = path
        self.name = name
        self.has_large = path == "/f" and ("serve" in command or "nginx" in command)
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
        """Of the processor, by the scheduler's clock of nanoseconds."""
        threads = pathlib.Path(f"/proc/{self.child.pid}/task").iterdir()
        return sum(int((thread / "schedstat").read_text().split()[0]) for thread in threads) / 1e9

    def count(self):
        """Begins to count instructions in user space and in the kernel; what it gives is called to end that."""
        command = ["perf", "stat", "-x,", "-e", "instructions:u,instructions:k", "-p", str(self.child.pid)]
        try:
            perf = subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        except FileNotFoundError:
            return lambda: []
        time.sleep(0.2)

        def end():
            perf.send_signal(signal.SIGINT)
            fields = [line.split(",") for line in perf.communicate()[1].splitlines()]
            return [int(line[0]) for line in fields if line[0].isdigit()]

        return end

    def kibibytes(self):
        return int(re.search(r"VmRSS:\s+(\d+)", pathlib.Path(f"/proc/{self.child.pid}/status").read_text()).group(1))

    def stop(self):
        self.child.kill()
        self.child.wait()


def ours(posthaste, work):
    port = free_port()
    command = [posthaste, "serve", str(work / "site"), "--listen", f"127.0.0.1:{port}", "--workers", "1"]
    return Server("posthaste serve", [*command, "--cert", str(work / "good.pem"), "--key", str(work / "good.key")], port, port)


def from_memory(name, program, work):
    port = free_port()
    return Server(name, [program, f"127.0.0.1:{port}", str(work / "good.pem"), str(work / "good.key")], port, port)


def nginx(name, work, files, path):
    port, port1 = free_port(), free_port()
    file = work / f"nginx-{port}.conf"
    file.write_text(NGINX.format(work=work, files=files, port=port, port1=port1, body="x" * 1000))
    return Server(name, ["nginx", "-c", str(file)], port, port1, path)


def ask_by_h2load(url, flags, count):
    said = subprocess.run(["h2load", "-n", str(count), "-c", "16", *flags, url], capture_output=True, text=True, check=True).stdout
    if f"{count} succeeded" not in said:
        raise ValueError(said[-500:])
    return count


def ask_by_wrk(url, _, __):
    said = subprocess.run(["wrk", "-t", "1", "-c", "16", "-d", "3", url], capture_output=True, text=True, check=True).stdout
    if "Non-2xx" in said or "Socket errors" in said:
        raise ValueError(said[-500:])
    return int(re.search(r"(\d+) requests in", said).group(1))


def count_by_callgrind(program, work, asked, out):
    """Instructions in user space of a server that is asked so much and ends."""
    tool = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={out}"]
    server = Server("callgrind", [*tool, program, f"127.0.0.1:{(port := free_port())}", str(work / "good.pem"), str(work / "good.key")], port, port)
    ask_by_h2load(f"https://127.0.0.1:{port}/f", ["--h1"], asked)
    server.child.terminate()
    server.child.wait()
    return int(re.search(r"^(?:totals|summary): (\d+)", out.read_text(), re.MULTILINE).group(1))


def instructions(programs, work):
    """What a request costs beside the handshakes: the difference of two runs with as many connections."""
    for name, program in programs.items():
        out = pathlib.Path(tempfile.gettempdir()) / f"callgrind.out.{pathlib.Path(program).name}"
        few, many = (count_by_callgrind(program, work, asked, out) for asked in FEW_AND_MANY)
        each = (many - few) / (FEW_AND_MANY[1] - FEW_AND_MANY[0])
        print(f"HTTP/1.1, h2load: {name}: {each:.0f} instructions of its own for a request, {out}", flush=True)


FEW_AND_MANY = (1_600, 17_600)
WAYS = {
    "HTTP/2, h2load": ("h2", ask_by_h2load, ["-m", "10"], 50_000),
    "HTTP/1.1, h2load": ("http/1.1", ask_by_h2load, ["--h1"], 30_000),
    "HTTP/1.1, wrk": ("http/1.1", ask_by_wrk, [], None),
}


def requests(servers, rounds):
    for way, (protocol, ask, flags, count) in WAYS.items():
        all_costs = {server.name: [] for server in servers}
        for _ in range(rounds):
            for server in servers:
                before, end = server.seconds(), server.count()
                asked = ask(f"https://127.0.0.1:{server.ports[protocol]}{server.path}", flags, count)
                used = [server.seconds() - before, *end()]
                all_costs[server.name].append([one / asked for one in used])
        for name, costs in all_costs.items():
            seconds, *instructions = [statistics.median(column) for column in zip(*costs)]
            told = "".join(f", {number / 1000:.1f} thousand instructions {where}" for number, where in zip(instructions, ("of its own", "of the kernel")))
            print(f"{way}: {name}: {seconds * 1e6:.2f} microseconds of processor time for a request{told}", flush=True)


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


def memory(server, work, count):
    context = ssl.create_default_context(cafile=str(work / "authority.pem"))
    context.set_alpn_protocols(["http/1.1"])
    ask = "GET {} HTTP/1.1\r\nhost: localhost\r\n\r\n"
    first = connections(server, 20, ask.format("/f").encode(), context)
    before = server.kibibytes()
    idle = connections(server, count, ask.format("/f").encode(), context)
    # A server may take a moment to give back what it needed.
    time.sleep(12)
    each = (server.kibibytes() - before) / count
    print(f"{server.name}: {count} idle connections of TLS: {each:.1f} KiB each", flush=True)
    for stream in first + idle:
        stream.close()
    if not server.has_large:
        return
    before = server.kibibytes()
    slow = connections(server, 1000, ask.format("/large").encode(), context)
    time.sleep(2)
    each = (server.kibibytes() - before) / 1000
    print(f"{server.name}: 1000 readers that do not read 100 MB: {each:.1f} KiB each", flush=True)
    for stream in slow:
        stream.close()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("posthaste")
    parser.add_argument("--memory", help="the program of bench/tcp")
    parser.add_argument("--hyper", help="the program of bench/hyper")
    parser.add_argument("--connections", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", choices=["requests", "connections", "instructions"])
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
        programs = {"posthaste, from memory": arguments.memory, "hyper, from memory": arguments.hyper}
        programs = {name: program for name, program in programs.items() if program}
        if arguments.only == "instructions":
            return instructions(programs, work)
        servers = [ours(arguments.posthaste, work), nginx("nginx", work, files, "/f"), nginx("nginx, from memory", work, files, "/memory")]
        servers += [from_memory(name, program, work) for name, program in programs.items()]
        try:
            if arguments.only != "connections":
                requests(servers, arguments.rounds)
            if arguments.only != "requests":
                for server in servers:
                    memory(server, work, arguments.connections)
        finally:
            for server in servers:
                server.stop()


if __name__ == "__main__":
    main()
