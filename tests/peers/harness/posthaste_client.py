"""`posthaste get`, as a client: `BASE_URL CA_PEM CASE`; prints ok, or what went wrong."""

import os
import pathlib
import re
import subprocess
import sys
import tempfile

import cases


def run(url, ca, case):
    wanted = cases.exchanges(case)
    first = wanted[0]
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        command = [os.environ["POSTHASTE"], "get", "--ca", ca]
        # Nothing is said of QUIC by what comes another way.
        command += [] if "BY_TCP" in os.environ else ["--http3-only"]
        if "PROXY" in os.environ:
            command += ["--proxy", os.environ["PROXY"], "--proxy-cacert", os.environ["PROXY_CA"]]
        if "QUIC_VERSION" in os.environ:
            command += ["--quic-version", os.environ["QUIC_VERSION"]]
        if case == "trailers":
            # What is sent from the command line has none, so that they come from the server alone.
            first = cases.Exchange("/trailers", expected=b"short")
            wanted = [first]
        if first.sent:
            (folder / "sent").write_bytes(first.sent)
            command += ["--data-binary", f"@{folder / 'sent'}"]
        if first.method == "HEAD":
            command += ["--method", "HEAD"]
        # Status and fields are asked for only where no body is to be compared.
        include = first.status != 200 or first.method == "HEAD" or case == "trailers"
        command += ["--include"] if include else ["--out", str(folder / "got")]
        if not include:
            (folder / "got").mkdir()
        command += [url + one.path for one in wanted]
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=False)
        errors = done.stderr.decode(errors="replace").strip()
        if include:
            output = done.stdout.decode(errors="replace")
            if not re.search(rf"\b{first.status}\b", output.split("\n")[0]):
                raise ValueError(f"status {first.status} is not in {output[:100]!r} {errors[-300:]}")
            if (done.returncode == 0) != (first.status == 200):
                raise ValueError(f"ended with {done.returncode} after status {first.status}: {errors[-300:]}")
            if case == "trailers" and not re.search(r"x-checksum: *1", output + errors):
                raise ValueError(f"no trailers in {output!r}")
            return
        if done.returncode != 0:
            raise ValueError(f"ended with {done.returncode}: {errors[-400:]}")
        for one in wanted:
            file = folder / "got" / one.path.rsplit("/", 1)[1]
            one.check(200, file.read_bytes() if file.exists() else None)


try:
    run(*sys.argv[1:4])
except Exception as error:
    print(f"{type(error).__name__}: {error}")
    sys.exit(1)
print("ok")
