"""Transfers over bad paths, with how long each took: our client and server, quinn's, and each with the other.

A path is made by the relay of this project, on real sockets. A transfer in which we take part has to end whole; how long it
takes is printed, and quinn with itself is there to compare with.
"""

import concurrent.futures
import pathlib
import statistics
import sys
import tempfile
import time

import cases
import certificates
import peers

# 40 ms there and back, 20 Mbit/s: what is sent takes two seconds without faults.
LINE = "delay=20 rate=20000"
PAIRS = [("posthaste", "posthaste"), ("quinn", "quinn"), ("posthaste", "quinn"), ("quinn", "posthaste")]
CASES = ["get-5m", "post-3m"]
AT_A_TIME = 8
# Reordering by more packets than three is taken for loss by every one of them, and some transfers take half a minute.
PATIENCE = 60


def paths():
    """The settings of each path, by name."""
    found = {"clean": ""}
    for size in (1440, 1400, 1300, 1280, 1200):
        for moment in (100, 700, 1500):
            for silence in (0, 1000):
                name = f"narrows to {size} at {moment} ms" + (f", {silence} ms silent" if silence else "")
                found[name] = f"narrow-size={size} narrow-after={moment} narrow-silence={silence}"
    for time_of_port in (200, 1000, 5000):
        found[f"another port each {time_of_port} ms"] = f"rebinding={time_of_port}"
    found["5 % reordered by up to 10 ms"] = "reordering=50"
    found["1 % lost"] = "loss=10"
    found["1 % lost, 5 % reordered"] = "loss=10 reordering=50"
    found["the first two of the server lost"] = "first-flight=2"
    return found


def transfer(client, server, settings, case, roots):
    """How many seconds a transfer took, or what went wrong."""
    relay = peers.Relay(server.port, f"{LINE} {settings}")
    try:
        began = time.monotonic()
        arguments = [f"https://localhost:{relay.port}", roots, case]
        status, said = peers.run_client(client, arguments, {}, PATIENCE)
        took = time.monotonic() - began
    finally:
        relay.stop()
    if status == 0 and said.endswith("ok"):
        return took, None
    return None, said[-300:] if status is not None else f"no end within {PATIENCE} s"


def main():
    failures, table = [], {}
    with tempfile.TemporaryDirectory(prefix="peers-") as folder:
        work = pathlib.Path(folder)
        certificates.make(work)
        roots = str(work / "authority.pem")
        servers = {name: peers.Server(name, work, "good", "h3") for name in ("posthaste", "quinn")}
        jobs = {}
        with concurrent.futures.ThreadPoolExecutor(AT_A_TIME) as pool:
            for name, settings in paths().items():
                for pair in PAIRS:
                    for case in CASES:
                        job = pool.submit(transfer, pair[0], servers[pair[1]], settings, case, roots)
                        jobs[(name, pair, case)] = job
        for name, server in servers.items():
            if not server.alive():
                failures.append(f"the server {name} ended: {' / '.join(server.lines[-5:])}")
            server.stop()
        for (name, pair, case), job in jobs.items():
            took, failure = job.result()
            table[(name, pair, case)] = took
            if failure and "posthaste" in pair:
                failures.append(f"{pair[0]}>{pair[1]} {case}, {name}: {failure}")
    show(table)
    for failure in failures:
        print(f"FAIL: {failure}")
    ours = sum(1 for (_, pair, _) in table if "posthaste" in pair)
    print(f"\n{ours - len(failures)} transfers of ours ended whole, {len(failures)} failed")
    return 1 if failures else 0


def show(table):
    """Seconds of each transfer; a dash where there was no end."""
    columns = [(pair, case) for pair in PAIRS for case in CASES]
    print("\nSeconds of transfers over bad paths (40 ms, 20 Mbit/s)\n" + " " * 42 + "".join(f"{'>'.join(pair):>22}" for pair in PAIRS))
    print(" " * 42 + "".join(f"{case:>11}" for _, case in columns))
    for name in paths():
        cells = [table[(name, *column)] for column in columns]
        print(f"{name:42}" + "".join(f"{'-' if took is None else f'{took:.1f}':>11}" for took in cells))
    for pair in PAIRS:
        ended = [took for (_, of, _), took in table.items() if of == pair and took is not None]
        print(f"{'>'.join(pair)}: median {statistics.median(ended):.1f} s, longest {max(ended):.1f} s, {len(ended)} ended" if ended else f"{'>'.join(pair)}: none ended")


sys.exit(main())
