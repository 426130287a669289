"""Runs the cells and prints the matrix. A cell is `CLIENT>SERVER/CASE`."""

import argparse
import fnmatch
import os
import pathlib
import re
import sys
import tempfile
import time

import cases
import certificates
import peers

# What a refusal must be about, so that a time-out or a crash is not taken for one.
REASONS = {
    "untrusted": r"(?i)issuer|trust|unknown.?ca|unknownca|root|local certificate|CERT|TlsFail|peer certificate|0x130|error_code: 304|page",
    "wrong-name": r"(?i)name|hostname|altname|TlsFail|0x12a|error_code: 298|match",
    "expired": r"(?i)expire|validity|no longer valid|TlsFail|0x12d|error_code: 301",
    "wrong-alpn": r"(?i)alpn|does not accept the protocol|application.?protocol|0x178|TlsAlert|error 120|\b376\b|error: 120",
}
CERTIFICATE = {"wrong-name": "elsewhere", "expired": "expired"}


def cells(foreign):
    pairs = [(client, "posthaste") for client in peers.CLIENTS if client != "posthaste"]
    pairs += [("posthaste", server) for server in peers.SERVERS if server != "posthaste"]
    pairs = [pair for pair in pairs if pair[0] not in peers.THROUGH]
    # Through a tunnel goes QUIC.
    quic = [server for server in peers.SERVERS if server not in ("posthaste", "caddy-h1", "caddy-h2")]
    through = [(client, server, case) for client in peers.THROUGH for server in quic for case in peers.THROUGH[client][0]]
    if foreign:
        clients = [client for client in peers.CLIENTS if client not in peers.THROUGH]
        pairs, through = [(a, b) for a in clients for b in peers.SERVERS if "posthaste" not in (a, b)], []
    return [(client, server, case) for client, server in pairs for case in peers.CASES] + through


def reason_against(client, server, case):
    """Why a cell cannot be, if so. The ALPN is wrong at the client if the server is ours, else at the server."""
    if case == "wrong-alpn":
        return (peers.CLIENTS[client] if server == "posthaste" else peers.SERVERS[server]).get(case)
    if case == "early-data" and "posthaste" not in (client, server):
        return "one of the two sides of it is posthaste"
    if client in ("chromium", "chromium-h2") and server != "posthaste":
        return "its page comes from posthaste"
    return peers.CLIENTS[client].get(case) or peers.SERVERS[server].get(case)


class Run:
    def __init__(self, work):
        self.work, self.servers = work, {}
        certificates.make(work)
        folder = work / "files" / "bytes"
        folder.mkdir(parents=True)
        for size in (0, 1, 1_000, 5_000, 10_000_000, *range(10_000, 10_100)):
            (folder / str(size)).write_bytes(cases.body(size))

    def server(self, name, certificate, protocol):
        key = (name, certificate, protocol)
        if key not in self.servers or not self.servers[key].alive():
            self.servers[key] = peers.Server(name, self.work, certificate, protocol)
        return key, self.servers[key]

    def cell(self, client, server, case):
        """What is wrong with a cell; None if nothing is."""
        if case == "early-data":
            return self.judge(case, *peers.run_early_data(client, server))
        certificate = CERTIFICATE.get(case, "good")
        protocol = "other" if case == "wrong-alpn" and server != "posthaste" else "h3"
        try:
            key, running = self.server(server, certificate, protocol)
        except RuntimeError as error:
            return str(error)
        before = running.connections
        host = "127.0.0.1" if case == "by-address" else "localhost"
        roots = self.work / ("stranger.pem" if case == "untrusted" else "authority.pem")
        told = "get-1k" if case == "wrong-alpn" and server != "posthaste" else case
        environment = {"KEY_HASH": certificates.key_hash(self.work / f"{certificate}.pem")}
        if server in ("caddy-h1", "caddy-h2"):
            environment["BY_TCP"] = "yes"
        if server == "aioquic-2":
            # It goes on with what its client likes best.
            environment["QUIC_VERSION"] = "2,1"
        proxy = None
        if client in peers.THROUGH:
            proxy = peers.Proxy(self.work, running.port, peers.THROUGH[client][1])
            environment |= {"PROXY": f"https://localhost:{proxy.port}", "PROXY_CA": str(self.work / "authority.pem")}
        status, said = peers.run_client(client, [f"https://{host}:{running.port}", str(roots), told], environment)
        failure = self.judge(case, status, said)
        if proxy:
            proxy.stop()
            # The end of a tunnel may be lost on its way.
            least = 0 if proxy.relay else 1
            if failure is None and case not in cases.REFUSED and not least <= proxy.tunnels() <= 1:
                failure = f"{proxy.tunnels()} tunnels instead of one"
        if not running.alive():
            failure = f"the server ended; {failure}; {' / '.join(running.lines[-5:])}"
        counted = running.connections - before
        if failure is None and case == "get-100x" and server in ("aioquic", "aioquic-2", "quinn", "quinn-hybrid", "quiche", "s2n") and counted != 1:
            failure = f"{counted} connections instead of one"
        if failure and running.lines:
            failure += f" | the server said: {' / '.join(running.lines[-2:])[-300:]}"
        if failure:
            self.servers.pop(key).stop()
        return failure

    @staticmethod
    def judge(case, status, said):
        if status is None:
            return f"no end within {peers.PATIENCE} s"
        if case not in cases.REFUSED:
            return None if status == 0 and said.endswith("ok") else said[-600:] or f"ended with {status}"
        if status == 0:
            return "was not refused"
        return None if re.search(REASONS[case], said) else f"refused, but not for this: {said[-600:]}"

    def stop(self):
        for server in self.servers.values():
            server.stop()


# Title, which cells, and what a row is called.
TABLES = (
    ("Foreign clients against posthaste serve", lambda client, server: server == "posthaste", "{0}"),
    ("posthaste get against foreign servers", lambda client, server: client == "posthaste", "{1}"),
    ("The same through posthaste serve --proxy", lambda client, server: client == "posthaste-through", "{1}"),
    ("And with loss on the way to the proxy", lambda client, server: client == "posthaste-through-lossy", "{1}"),
    ("Foreign against foreign", lambda client, server: not client.startswith("posthaste") and server != "posthaste", "{0}>{1}"),
)


def show(results):
    for title, belongs, label in TABLES:
        rows = {}
        for (client, server, case), result in results.items():
            if belongs(client, server):
                rows.setdefault(label.format(client, server), {})[case] = result
        if not rows:
            continue
        columns = [case for case in peers.CASES if any(case in row for row in rows.values())]
        width = max(map(len, rows)) + 2
        print(f"\n{title}\n{'':{width}}" + "".join(f"{case:>{len(case) + 2}}" for case in columns))
        for name, row in rows.items():
            print(f"{name:{width}}" + "".join(f"{row.get(case, ('-',))[0]:>{len(case) + 2}}" for case in columns))


def main():
    parser = argparse.ArgumentParser(prog="tests/peers/run")
    parser.add_argument("--only", metavar="PATTERN", action="append", help="cells whose name matches, as in 'curl>*/get-*'")
    parser.add_argument("--list", action="store_true", help="name the cells and end")
    parser.add_argument("--foreign", action="store_true", help="foreign against foreign, to test this suite")
    options = parser.parse_args()
    chosen = [
        cell for cell in cells(options.foreign)
        if not options.only or any(fnmatch.fnmatch("{}>{}/{}".format(*cell), f"*{only}*") for only in options.only)
    ]
    if options.list:
        print("\n".join("{}>{}/{}".format(*cell) for cell in chosen))
        return 0
    if not chosen:
        print("no cell matches", file=sys.stderr)
        return 2
    results, failures, reasons = {}, [], {}
    with tempfile.TemporaryDirectory(prefix="peers-") as folder:
        run = Run(pathlib.Path(folder))
        try:
            for cell in chosen:
                label = "{}>{}/{}".format(*cell)
                reason = reason_against(*cell)
                if reason:
                    results[cell] = ("n/a",)
                    reasons.setdefault(reason, []).append(label)
                    continue
                began = time.monotonic()
                failure = run.cell(*cell)
                results[cell] = ("FAIL" if failure else "ok",)
                if failure:
                    failures.append((label, failure))
                print(f"{results[cell][0]:4} {label} {time.monotonic() - began:.1f} s{f': {failure}' if failure else ''}", flush=True)
        finally:
            run.stop()
    show(results)
    for reason, labels in reasons.items():
        print(f"n/a: {', '.join(labels)}: {reason}")
    for label, failure in failures:
        print(f"FAIL: {label}: {failure}")
    counts = [result[0] for result in results.values()]
    print(f"\n{counts.count('ok')} ok, {counts.count('FAIL')} failed, {counts.count('n/a')} not applicable")
    return 1 if failures else 0


sys.exit(main())
