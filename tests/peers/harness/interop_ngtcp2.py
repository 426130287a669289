"""ngtcp2's example programs of Debian, as an endpoint of the interop runner: told by the same variables as examples/interop of this
project. They speak h3 and not hq-interop, so the other end has to do so as well in all cases."""

import os
import pathlib
import subprocess
import sys
import tempfile
from urllib.parse import urlsplit

import peers

CASE = os.environ["TESTCASE"]
IS_CLIENT = os.environ["ROLE"] == "client"
NOT_SUPPORTED = 127
CASES = {
    "handshake", "transfer", "longrtt", "chacha20", "multiplexing", "retry", "resumption", "multiconnect", "http3", "blackhole",
    "ecn", "amplificationlimit", "transferloss", "transfercorruption", "ipv6", "rebind-port", "rebind-addr", "goodput",
}
# What each end does beside that: it takes new keys without being told of them, and has a preferred address or goes there.
OWN = {"client": {"keyupdate"}, "server": {"connectionmigration"}}
CHACHA20 = "NORMAL:-VERS-ALL:+VERS-TLS1.3:-CIPHER-ALL:+CHACHA20-POLY1305"
QUIET = ["--no-quic-dump", "--no-http-dump", "--timeout=180s", "--handshake-timeout=300s"]


def fetch(urls, folder, options):
    parts = urlsplit(urls[0])
    host = "::1" if parts.hostname == "::1" else "127.0.0.1"
    command = ["gtlsclient", *QUIET, "--exit-on-all-streams-close", "--download", os.environ["DOWNLOADS"], *options]
    if CASE == "chacha20":
        command += [f"--ciphers={CHACHA20}"]
    if CASE == "keyupdate":
        # After a round trip at least, so that the handshake is confirmed.
        command += ["--key-update=200ms"]
    if host != "::1":
        command += ["--sni", parts.hostname]
    with open(folder / "log", "wb") as log:
        done = subprocess.run([*command, host, str(parts.port), *urls], stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, check=False)
    if done.returncode != 0:
        print("ngtcp2:", done.returncode, (folder / "log").read_text(errors="replace")[-300:].replace("\n", " / "))
    return done.returncode


def client():
    urls = os.environ["REQUESTS"].split()
    groups, options = [urls], []
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        if CASE == "multiconnect":
            groups = [[url] for url in urls]
        if CASE == "resumption":
            groups = [urls[:1], urls[1:]]
            options = [f"--session-file={folder / 'session'}", f"--tp-file={folder / 'parameters'}", "--disable-early-data"]
        return next((code for group in groups if (code := fetch(group, folder, options))), 0)


def server():
    words = dict(word.split("=", 1) for word in os.environ["SERVER_PARAMS"].split())
    host = words["listen"].rsplit(":", 1)[0].strip("[]")
    port, certs = peers.free_port(), pathlib.Path(os.environ["CERTS"])
    command = ["gtlsserver", *QUIET, "--htdocs", os.environ["WWW"]]
    if CASE == "retry":
        command += ["--validate-addr"]
    if CASE == "connectionmigration":
        command += [f"--preferred-ipv4-addr=127.0.0.1:{peers.free_port()}"]
    command += [host, str(port), str(certs / "priv.key"), str(certs / "cert.pem")]
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    for line in child.stdout:
        if b"document root" in line:
            print(f"listening on {host}:{port}", flush=True)
    return child.wait()


if CASE not in CASES | OWN[os.environ["ROLE"]]:
    sys.exit(NOT_SUPPORTED)
sys.exit(client() if IS_CLIENT else server())
