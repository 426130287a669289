"""The cases of the interop runner: ours with itself, and with each foreign peer in both roles, over the relay.

    interop.py [--ours] [--quick] [--only PATTERN]... [--keep FOLDER]

A cell is `CLIENT>SERVER/CASE`. An end says by its exit code that it does not support a case, as in the runner."""

import argparse
import concurrent.futures
import fnmatch
import os
import pathlib
import random
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import traceback

import capture
import certificates
import interop_cases
import peers

HERE = pathlib.Path(__file__).resolve().parent
OURS, FOREIGN = "posthaste", ["aioquic", "quinn", "quiche", "s2n", "ngtcp2"]
# Its programs speak nothing else.
ONLY_HTTP3 = {"ngtcp2"}
# Clients that go where a server would rather be reached.
FOLLOWERS = {OURS, "ngtcp2"}
AT_A_TIME = 6
# Cells that fail with every client, because of the server.
STUCK = "quiche, as a server, does not send again what was lost with a client's old port"
KNOWN = {("quiche", name): STUCK for name in ("rebind-port", "rebind-addr")}
# Seen with its own client as well.
KNOWN[("ngtcp2", "rebind-port")] = "ngtcp2, as a server, sends to a new port of the same address before it challenges it"
READY = 20
NOT_SUPPORTED = 127


def command(name):
    if name == OURS:
        return [os.environ["INTEROP"]]
    if name in ("aioquic", "ngtcp2"):
        return [sys.executable, str(HERE / f"interop_{name}.py")]
    binaries = pathlib.Path(os.environ["PEERS_BIN"])
    return [str(binaries / "s2n"), "interop"] if name == "s2n" else [str(binaries / f"{name}-interop")]


class End:
    """A program under way, whose lines are kept."""

    def __init__(self, name, environment):
        self.child = subprocess.Popen(
            command(name), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            start_new_session=True, env={**os.environ, **environment},
        )
        self.lines, self.port, self.ready = [], None, threading.Event()
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()

    def read(self):
        for line in self.child.stdout:
            self.lines = [*self.lines[-50:], line.decode(errors="replace").rstrip()]
            found = re.search(r"listening on .*:(\d+)$", self.lines[-1])
            # The first is where it listens; a further one is the address that it prefers.
            if found and self.port is None:
                self.port = int(found.group(1))
                self.ready.set()
        self.ready.set()

    def wait(self, limit):
        """The exit code; None if it took too long."""
        try:
            code = self.child.wait(limit)
        except subprocess.TimeoutExpired:
            code = None
        self.stop()
        return code

    def stop(self):
        """As the runner ends servers."""
        if self.child.poll() is None:
            self.child.terminate()
            try:
                self.child.wait(5)
            except subprocess.TimeoutExpired:
                pass
        peers.end(self.child)
        self.reader.join(5)

    def said(self):
        return " / ".join(self.lines[-3:])[-400:]


class Relay:
    def __init__(self, host, port, settings, file):
        self.child = subprocess.Popen(
            [os.environ["RELAY"], f"{host}:{port}", f"capture={file}", *settings.split()],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        )
        self.port = int(self.child.stdout.readline().decode().rsplit(":", 1)[1])

    def stop(self):
        self.child.kill()
        self.child.wait()
        self.child.stdin.close()
        self.child.stdout.close()


def run_cell(client, server, case, certs, folder, count):
    """`ok`, `n/a` or `FAIL`, and why."""
    wanted = folder / "www"
    for name in ("www", "downloads"):
        (folder / name).mkdir(parents=True)
    files = wanted_files(case, wanted, count)
    host = "[::1]" if case.ipv6 else "127.0.0.1"
    common = {"WWW": str(wanted), "DOWNLOADS": str(folder / "downloads"), "CERTS": str(certs)}
    environment = {
        role: {**common, "ROLE": role, "TESTCASE": told, "SSLKEYLOGFILE": str(folder / f"{role}.keys"), "QLOGDIR": str(folder / f"{role}.qlog")}
        for role, told in (("client", case.client), ("server", case.server))
    }
    # Only ours is told.
    told = " protocol=h3" if OURS in (client, server) and ONLY_HTTP3 & {client, server} else ""
    parameters = f"listen={host}:0{told if server == OURS else ''}"
    if case.server == "connectionmigration" and server == OURS:
        parameters += f" prefer={host}:0"
    environment["client"]["CLIENT_PARAMS"] = told.strip() if client == OURS else ""
    serving = End(server, {**environment["server"], "SERVER_PARAMS": parameters})
    serving.ready.wait(READY)
    relay = beside = None
    try:
        if serving.port is None:
            return verdict_of_server(serving)
        port = serving.port
        if not case.direct:
            relay = Relay(host, port, f"{case.path} seed={count + 1}", folder / "capture")
            port = relay.port
        urls = [f"https://{host if case.ipv6 else 'localhost'}:{port}/{name}" for name in files]
        if case.beside:
            beside = fetch_beside(case, port, environment["client"], folder, told.strip())
        asking = End(client, {**environment["client"], "REQUESTS": " ".join(urls)})
        code = asking.wait(case.limit)
    finally:
        serving.stop()
        if beside:
            beside.stop()
        if relay:
            relay.stop()
    if code == NOT_SUPPORTED:
        return "n/a", f"{client}, as a client"
    if code != 0:
        why = f"no end within {case.limit} s" if code is None else f"ended with {code}"
        return "FAIL", f"{why}: {asking.said()} | the server: {serving.said()}"
    return judge(client, server, case, folder, files)


def fetch_beside(case, port, environment, folder, parameters):
    """Another client, of ours whoever is tested, that fetches a file which takes longer than the case."""
    (folder / "www" / "beside").write_bytes(random.Random(1).randbytes(case.beside))
    downloads = folder / "beside"
    downloads.mkdir()
    own = {"DOWNLOADS": str(downloads), "SSLKEYLOGFILE": str(folder / "beside.keys"), "QLOGDIR": str(folder / "beside.qlog")}
    url = f"https://localhost:{port}/beside"
    return End(OURS, {**environment, **own, "CLIENT_PARAMS": parameters, "REQUESTS": url})


def verdict_of_server(serving):
    if serving.wait(READY) == NOT_SUPPORTED:
        return "n/a", "the server"
    return "FAIL", f"the server does not listen: {serving.said()}"


def wanted_files(case, folder, seed):
    """Files of random bytes under random names."""
    draw = random.Random(seed)
    names = []
    for size in case.files:
        names.append("".join(draw.choices("abcdefghijklmnopqrstuvwxyz", k=12)))
        (folder / names[-1]).write_bytes(draw.randbytes(size))
    return names


def judge(client, server, case, folder, files):
    downloads = folder / "downloads"
    found = {file.name for file in downloads.iterdir()}
    if found != set(files):
        return "FAIL", f"{len(found)} files instead of {len(files)}, {len(found - set(files))} of them not asked for"
    for name in files:
        if (downloads / name).read_bytes() != (folder / "www" / name).read_bytes():
            return "FAIL", f"{name} differs"
    qlogs = {role: folder / f"{role}.qlog" for role, end in (("client", client), ("server", server)) if end == OURS}
    keys = [folder / f"{role}.keys" for role in ("client", "server")]
    if case.direct:
        run = interop_cases.Run(None, qlogs)
        wrong = case.check(run)
    else:
        run = interop_cases.Run(capture.Capture(folder / "capture", keys), qlogs)
        wrong = interop_cases.wrong_handshakes(run, case.handshakes, case.versions) or case.check(run)
    if wrong:
        return "FAIL", wrong
    measured = case.client == "goodput" and not case.beside
    return "ok", f"{interop_cases.goodput(run, sum(case.files))} kbit/s" if measured else ""


def cells(options):
    pairs = [(OURS, OURS)]
    if options.foreign:
        pairs = [(client, server) for client in FOREIGN for server in FOREIGN]
    elif not options.ours:
        pairs += [(OURS, peer) for peer in FOREIGN] + [(peer, OURS) for peer in FOREIGN]
    chosen = []
    for client, server in pairs:
        for name, case in interop_cases.CASES.items():
            label = f"{client}>{server}/{name}"
            is_wanted = not options.only or any(fnmatch.fnmatch(label, f"*{only}*") for only in options.only)
            if is_wanted and (case.quick or not options.quick):
                chosen.append((client, server, name))
    return chosen


def show(results):
    pairs = list(dict.fromkeys((client, server) for client, server, _ in results))
    names = [name for name in interop_cases.CASES if any(cell[2] == name for cell in results)]
    heads = [f"{client}>{server}" for client, server in pairs]
    print("\n" + " " * 22 + "".join(f"{head:>{len(head) + 2}}" for head in heads))
    for name in names:
        row = [results.get((*pair, name), ("",))[0] for pair in pairs]
        print(f"{name:22}" + "".join(f"{verdict:>{len(head) + 2}}" for verdict, head in zip(row, heads)))


def run_and_tell(cell, work, certs, count):
    client, server, name = cell
    case, began = interop_cases.CASES[name], time.monotonic()
    if (server, name) in KNOWN:
        return "n/a", KNOWN[(server, name)]
    if case.server == "connectionmigration" and client not in FOLLOWERS:
        return "n/a", f"{client}, as a client, stays where it is"
    folder = work / f"{client}-{server}-{name}"
    try:
        result = run_cell(client, server, case, certs[case.chain], folder, count)
    except Exception:
        result = "FAIL", traceback.format_exc(limit=3)
    print(f"{result[0]:4} {client}>{server}/{name} {time.monotonic() - began:.1f} s{f': {result[1]}' if result[1] else ''}", flush=True)
    return result


def main():
    parser = argparse.ArgumentParser(prog="tests/peers/run --interop")
    parser.add_argument("--ours", action="store_true", help="ours with itself alone")
    parser.add_argument("--foreign", action="store_true", help="foreign with foreign: tells a peer's mistake from ours")
    parser.add_argument("--quick", action="store_true", help="without the cases that take longest")
    parser.add_argument("--only", metavar="PATTERN", action="append", help="cells whose name matches, as in 'quinn>*/rebind-*'")
    parser.add_argument("--keep", metavar="FOLDER", help="keep captures, key logs and qlog there")
    options = parser.parse_args()
    chosen = cells(options)
    if not chosen:
        print("no cell matches", file=sys.stderr)
        return 2
    work = pathlib.Path(options.keep or tempfile.mkdtemp(prefix="interop-")).resolve()
    work.mkdir(parents=True, exist_ok=True)
    try:
        certs = {length: certificates.make_chain(work / f"certs-{length}", length) for length in (1, 9)}
        # The longest first, so that none of them is alone at the end.
        order = sorted(range(len(chosen)), key=lambda at: -interop_cases.CASES[chosen[at][2]].limit)
        with concurrent.futures.ThreadPoolExecutor(AT_A_TIME) as pool:
            jobs = {at: pool.submit(run_and_tell, chosen[at], work, certs, at) for at in order}
        results = {chosen[at]: jobs[at].result() for at in range(len(chosen))}
    finally:
        if not options.keep:
            shutil.rmtree(work, ignore_errors=True)
    show(results)
    for cell, (verdict, why) in results.items():
        if verdict == "FAIL":
            print(f"FAIL: {'{}>{}/{}'.format(*cell)}: {why}")
    counts = [verdict for verdict, _ in results.values()]
    print(f"\n{counts.count('ok')} ok, {counts.count('FAIL')} failed, {counts.count('n/a')} not supported by an end")
    return 1 if "FAIL" in counts else 0


sys.exit(main())
