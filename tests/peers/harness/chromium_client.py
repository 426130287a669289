"""Headless Chromium: `[--tcp] BASE_URL CA_PEM CASE`; prints ok, or what went wrong. It is held to QUIC, or comes by TCP: it takes
HTTP/3 for an alternative only from servers whose certificate an authority of its own has signed.

The page itself asks, compares, and says over which protocol it came. KEY_HASH is the public key to be trusted."""

import html
import os
import re
import subprocess
import sys
import tempfile
from urllib.parse import urlsplit


def run(url, case, by_tcp):
    parts = urlsplit(url)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        command = ["chromium", "--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run"]
        command += ["--disable-background-networking", "--disable-component-update", "--disable-sync"]
        command += ["--disable-dev-shm-usage", f"--user-data-dir={profile}"]
        command += [] if by_tcp else ["--enable-quic", f"--origin-to-force-quic-on={parts.netloc}"]
        command += ["--host-resolver-rules=MAP localhost 127.0.0.1"]
        if case != "untrusted":
            command += [f"--ignore-certificate-errors-spki-list={os.environ['KEY_HASH']}"]
        command += ["--virtual-time-budget=20000", "--dump-dom", f"{url}/page.html?{case}"]
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
        verdict = re.search(r'<pre id="verdict">(.*?)</pre>', done.stdout, re.S)
        if not verdict:
            reason = re.search(r"(?:ERR|net_error|QUIC)[A-Z_ ]+-?\d*", done.stdout + done.stderr)
            raise ValueError(f"no page: {reason.group(0) if reason else (done.stdout + done.stderr)[-300:]}")
        if verdict.group(1) != ("ok over h2" if by_tcp else "ok over h3"):
            raise ValueError(html.unescape(verdict.group(1)))


try:
    run(sys.argv[-3], sys.argv[-1], sys.argv[1] == "--tcp")
except Exception as error:
    print(f"{type(error).__name__}: {error}")
    sys.exit(1)
print("ok")
