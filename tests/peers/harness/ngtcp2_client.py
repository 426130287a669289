"""ngtcp2's example client, as a client: `BASE_URL CA_PEM CASE`; prints ok, or what went wrong."""

import pathlib
import re
import subprocess
import sys
import tempfile
from urllib.parse import urlsplit

import cases


def run(url, _ca, case):
    parts = urlsplit(url)
    wanted = cases.exchanges(case)
    first = wanted[0]
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        data = []
        if first.sent:
            (folder / "sent").write_bytes(first.sent)
            data = ["--data", str(folder / "sent")]
        (folder / "got").mkdir()
        command = ["gtlsclient", "--no-quic-dump", "--no-http-dump", "--exit-on-all-streams-close"]
        command += ["--http-method", first.method, "--download", str(folder / "got"), "--sni", parts.hostname]
        command += ["--timeout", "20s", *data, "127.0.0.1", str(parts.port)]
        command += [url + one.path for one in wanted]
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
        log = done.stdout + done.stderr
        statuses = re.findall(r"\[:status: (\d+)\]", log)
        if done.returncode != 0 or len(statuses) != len(wanted):
            errors = re.findall(r".*(?:rror|CONNECTION_CLOSE|closed).*", log)
            raise ValueError(f"status {done.returncode}, {len(statuses)} answers: {errors[-2:]} {log[-200:]}")
        for one in wanted:
            file = folder / "got" / one.path.rsplit("/", 1)[1]
            one.check(int(statuses[0]), file.read_bytes() if file.exists() else b"")
        if len(set(statuses)) != 1:
            raise ValueError(f"statuses {set(statuses)}")


try:
    run(*sys.argv[1:4])
except Exception as error:
    print(f"{type(error).__name__}: {error}")
    sys.exit(1)
print("ok")
