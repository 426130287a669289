"""The load of HttpArena's profiles of HTTP/3, made again here: 64 connections with 128 requests under way on each.
`http3_load.py POSTHASTE --memory BENCH_TCP --h3 BENCH_H3 --quiche BENCH_QUICHE [--oha OHA] [--rounds N]`.

*sums*: GET with two numbers in the query, answered by their sum as text, by the programs of bench/tcp (ours), bench/h3 (quinn with h3) and
bench/quiche. *files*: one of 1 kB, by `posthaste serve`, Caddy, bench/h3 and bench/quiche. Each has one thread, and is asked in rounds, every server once in each, by `posthaste load`
and by oha (`cargo install oha --features http3`), whose HTTP/3 is that of quinn and h3. Printed are medians: answers in a second, which the client
may have limited, and processor time of the server for an answer. Fails if an answer is missing or no 200; says so if a client gets no further."""

import argparse
import functools
import json
import pathlib
import statistics
import subprocess
import tempfile
import time

import certificates
import file_cost
import tcp_cost
from tcp_cost import Server, free_port

CONNECTIONS, STREAMS = 64, 128
# Seconds after which a client that gets no further is given up.
PATIENCE = 20
COUNTS = {"sums": 200_000, "files": 100_000}


def foreign(name, command, work):
    port = free_port()
    command = [*command, f"127.0.0.1:{port}", str(work / "good.pem"), str(work / "good.key"), str(work / "site")]
    child = Server.__new__(Server)
    # It has no TCP to wait for.
    child.name, child.ports = name, {"h2": port}
    child.child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    time.sleep(1)
    return child


def by_posthaste(posthaste, work, port, path, count):
    command = [posthaste, "load", f"https://localhost:{port}{path}", "--ca", str(work / "authority.pem"), "-s", "-j", "-n", str(count)]
    command += ["--connections", str(CONNECTIONS), "-m", str(STREAMS)]
    said = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    return said["statuses"], said["requests_per_second"]


def by_oha(oha, port, path, count):
    command = [oha, "--http-version", "3", "--insecure", "--no-tui", "--output-format", "json", "-n", str(count)]
    command += ["-c", str(CONNECTIONS), "-p", str(STREAMS), f"https://127.0.0.1:{port}{path}"]
    said = json.loads(subprocess.run(command, capture_output=True, text=True, check=True, timeout=PATIENCE).stdout)
    return said["statusCodeDistribution"], said["summary"]["requestsPerSec"]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("posthaste")
    parser.add_argument("--memory", required=True, help="the program of bench/tcp")
    parser.add_argument("--h3", required=True, help="the program of bench/h3")
    parser.add_argument("--quiche", required=True, help="the program of bench/quiche")
    parser.add_argument("--oha")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--scale", type=int, default=1, help="a part of the requests alone")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        work = pathlib.Path(folder)
        certificates.make(work)
        (work / "site").mkdir()
        (work / "site" / "1kB").write_bytes(bytes(1000))
        clients = {"posthaste load": functools.partial(by_posthaste, arguments.posthaste, work)}
        if arguments.oha:
            clients["oha"] = functools.partial(by_oha, arguments.oha)
        others = [lambda: foreign("quinn with h3", [arguments.h3], work), lambda: foreign("quiche", [arguments.quiche, "web"], work)]
        sums = [lambda: tcp_cost.from_memory("Posthaste", arguments.memory, work), *others]
        files = [lambda: tcp_cost.ours(arguments.posthaste, work), lambda: file_cost.caddy(work), *others]
        for what, path, makers in [("sums", "/sum?a=13&b=42", sums), ("files", "/1kB", files)]:
            count = COUNTS[what] // arguments.scale
            file_cost.run(makers, lambda servers: measure(servers, what, path, count, clients, arguments.rounds))


def measure(servers, what, path, count, clients, rounds):
    for client, ask in clients.items():
        rows = {server.name: [] for server in servers}
        for _ in range(rounds):
            for server in [server for server in servers if server.name in rows]:
                before = server.seconds()
                try:
                    statuses, rate = ask(server.ports["h2"], path, count)
                except subprocess.TimeoutExpired:
                    print(f"{what}, {client}: {server.name}: not done within {PATIENCE} s", flush=True)
                    del rows[server.name]
                    continue
                if statuses != {"200": count}:
                    raise ValueError(f"{what}, {client}, {server.name}: {statuses}")
                rows[server.name].append((rate, (server.seconds() - before) / count * 1e6))
        for name, row in rows.items():
            rate, cost = (statistics.median(column) for column in zip(*row))
            print(f"{what}, {client}: {name}: {rate:.0f} answers in a second, {cost:.1f} us of processor time for each", flush=True)


if __name__ == "__main__":
    main()
