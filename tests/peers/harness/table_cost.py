"""What the dynamic table of QPACK costs and saves on connections: `table_cost.py POSTHASTE [--rounds N]`.

`posthaste load` asks `posthaste serve` over HTTP/3 for a file of 100 bytes, with ten request fields that come again and eight response fields
beside those of every response, with a table of 4 KiB at both ends and without one in turn. Each has one thread. Printed are medians over the
rounds: requests in a second, and processor time of each end for a request, which means something on a machine that others use as well."""

import argparse
import json
import os
import pathlib
import socket
import statistics
import subprocess
import tempfile

import certificates

REQUEST_FIELDS = {
    "user-agent": "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36",
    "accept-language": "en-GB,en;q=0.9,de;q=0.8", "referer": "https://localhost/a/page/of/some/depth?with=a&query=string",
    "sec-fetch-dest": "empty", "sec-fetch-mode": "cors", "sec-fetch-site": "same-origin", "x-client-version": "2026.11.29-1234567",
    "x-trace-parent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "x-tenant": "example-tenant-0042",
    "x-feature-set": "alpha,beta,gamma,delta",
}
RESPONSE_FIELDS = {
    "x-content-type-options": "nosniff", "x-frame-options": "SAMEORIGIN", "referrer-policy": "strict-origin-when-cross-origin",
    "content-security-policy": "default-src 'self'; img-src 'self' data:; object-src 'none'",
    "permissions-policy": "camera=(), microphone=(), geolocation=()", "x-served-by": "edge-7f8d9c-eu-central-1a",
    "cross-origin-opener-policy": "same-origin", "x-app-version": "2026.11.29-1234567",
}
# Connections, requests that are under way on each, and requests in all.
SETTINGS = [(1, 1, 20_000), (1, 32, 100_000), (1, 100, 100_000), (10, 10, 100_000)]
TABLES = [0, 4096]


def ticks(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Serving:
    def __init__(self, posthaste, work, table):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        command = [posthaste, "serve", str(work / "site"), "--listen", f"127.0.0.1:{self.port}", "--workers", "1", "--no-tcp"]
        command += ["--cert", str(work / "good.pem"), "--key", str(work / "good.key"), "--qpack-table", str(table)]
        for field in RESPONSE_FIELDS.items():
            command += ["--header", ": ".join(field)]
        self.child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self.child.stdout.readline()

    def stop(self):
        self.child.kill()
        self.child.wait()


def measure(posthaste, work, server, table, connections, streams, count):
    command = [posthaste, "load", f"https://localhost:{server.port}/f", "--ca", str(work / "authority.pem"), "-s", "-j"]
    command += ["--connections", str(connections), "-m", str(streams), "-n", str(count), "--qpack-table", str(table)]
    for field in REQUEST_FIELDS.items():
        command += ["-H", ": ".join(field)]
    before, own = ticks(server.child.pid), os.times()
    said = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    after = os.times()
    if said["statuses"] != {"200": count}:
        raise ValueError(f"{said['statuses']} {said['errors']}")
    client = after.children_user + after.children_system - own.children_user - own.children_system
    return said, (ticks(server.child.pid) - before) / count, client / count


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("posthaste")
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        work = pathlib.Path(folder)
        certificates.make(work)
        (work / "site").mkdir()
        (work / "site" / "f").write_bytes(b"x" * 100)
        servers = {table: Serving(arguments.posthaste, work, table) for table in TABLES}
        try:
            for connections, streams, count in SETTINGS:
                rows = {table: [] for table in TABLES}
                for _ in range(arguments.rounds):
                    for table, server in servers.items():
                        said, at_server, at_client = measure(arguments.posthaste, work, server, table, connections, streams, count)
                        rows[table].append((said["requests_per_second"], at_server * 1e6, at_client * 1e6))
                for table, columns in rows.items():
                    rate, at_server, at_client = (statistics.median(column) for column in zip(*columns))
                    print(
                        f"{connections} connections, {streams} under way on each, table of {table} bytes: {rate:.0f} requests in a second, "
                        f"{at_server:.1f} us of the server's and {at_client:.1f} us of the client's processor time for each",
                        flush=True,
                    )
        finally:
            for server in servers.values():
                server.stop()


if __name__ == "__main__":
    main()
