"""Browsers that nobody holds to QUIC: `POSTHASTE [--only NAME] [--keep FOLDER]`; prints a line for each step, and ends with 0 if all is well.

A page with 100 pictures is loaded over HTTP/2, because no browser begins with QUIC. It is told of HTTP/3 by Alt-Svc, and the next load
is over HTTP/3. Then all datagrams vanish on the way, and the page loads all the same; and where none ever arrives, it loads
over HTTP/2. What a load went by is asked of the browser
(`nextHopProtocol` of every resource) and read in the server's log of requests.

Chromium loads a page with 100 parts of mixed kinds over a path that carries a megabyte a second as well, so that they wait for each other. What
it asked for, how urgently, and in which order the bytes of the answers were sent is read in the server's qlog.

The browsers trust an authority of this run by their own store of certificates. That alone does not lead them to HTTP/3: both take it only
from servers whose authority is one of the public ones, and each has one setting for others. Chromium's is a list of origins that
are held to QUIC, whose hosts may have other authorities at every port: a port that nobody asks for is named there. Firefox's is
`network.http.http3.disable_when_third_party_roots_found`. Without them both stay with HTTP/2, which is a step here too."""

import argparse
import base64
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

import certificates

PICTURES = 100
PATIENCE = 180
PAGE = """<!doctype html><meta charset="utf-8"><title>Many parts</title><link rel="icon" href="data:,"><h1>Many parts</h1>{pictures}<pre id="verdict"></pre><script>
addEventListener("load", () => {{
  const entries = [...performance.getEntriesByType("navigation"), ...performance.getEntriesByType("resource")];
  const counts = {{}};
  for (const entry of entries) counts[entry.nextHopProtocol] = (counts[entry.nextHopProtocol] ?? 0) + 1;
  const drawn = [...document.images].filter((image) => image.naturalWidth > 0).length;
  document.getElementById("verdict").textContent = JSON.stringify({{ counts, drawn }});
}});
</script>"""
# Parts of each kind, and how a page asks for them: stylesheets, scripts that hold up the page, others that do not, fonts, pictures within sight
# and below, and what a script fetches.
KINDS = {
    "style.css": (10, '<link rel="stylesheet" href="/{name}">'), "script.js": (10, '<script src="/{name}"></script>'),
    "later.js": (15, '<script async src="/{name}"></script>'), "font.woff2": (5, '<link rel="preload" as="font" crossorigin href="/{name}">'),
    "dot.svg": (30, '<img src="/{name}" alt="">'), "wanted.svg": (5, '<img fetchpriority="high" src="/{name}" alt="">'),
    "unwanted.svg": (10, '<img fetchpriority="low" src="/{name}" alt="">'), "data.json": (15, '<script>fetch("/{name}")</script>'),
}
PART_LEN = 30_000
# Bytes in a second that the path of that page carries.
RATE = 1_000_000
# The least share of bytes that go in the order of urgency: of each sixteen turns one is for those that are less urgent, and some had begun before.
IN_ORDER = 0.85
PICTURE = '<svg xmlns="http://www.w3.org/2000/svg" width="20" height="20"><circle cx="10" cy="10" r="9" fill="green"/></svg>'
VERDICT = "(document.getElementById('verdict') || {}).textContent"


class Relay(threading.Thread):
    """Carries datagrams to a port and back, until it is told to drop them."""

    def __init__(self, port, rate=None):
        super().__init__(daemon=True)
        self.target, self.drops, self.ways, self.rate = ("127.0.0.1", port), False, {}, rate
        self.front = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.front.bind(("127.0.0.1", 0))
        self.port = self.front.getsockname()[1]
        self.start()

    def run(self):
        while True:
            datagram, client = self.front.recvfrom(1 << 16)
            if self.drops:
                continue
            if client not in self.ways:
                self.ways[client] = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
                self.ways[client].connect(self.target)
                threading.Thread(target=self.back, args=(client,), daemon=True).start()
            self.ways[client].send(datagram)

    def back(self, client):
        while True:
            datagram = self.ways[client].recv(1 << 16)
            if self.rate:
                # What comes too fast waits in the system's buffer, and is lost once that is full.
                time.sleep(len(datagram) / self.rate)
            if not self.drops:
                self.front.sendto(datagram, client)


class Browser:
    """A child process and what is between it and this one."""

    child = None
    # Whether it leaves a QUIC connection that has fallen silent within some seconds.
    gives_up_soon = True

    def start(self, command, home, **more):
        environment = {**os.environ, "HOME": str(home)}
        self.child = subprocess.Popen(
            command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            start_new_session=True, **more,
        )

    def load(self, url):
        """What the resources came by, once all are there."""
        self.navigate(url)
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            verdict = self.evaluate(VERDICT)
            if verdict:
                return json.loads(verdict)
            time.sleep(0.05)
        raise TimeoutError(f"{url} is not loaded")

    def stop(self):
        if self.child is None:
            return
        try:
            os.killpg(self.child.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.child.wait()


class Chromium(Browser):
    """By the DevTools protocol over a pair of pipes."""

    def begin(self, home, authority, takes_http3, quic_at="localhost:1"):
        store = home / ".pki" / "nssdb"
        store.mkdir(parents=True)
        trust(store, authority)
        commands, ours = os.pipe()
        theirs, answers = os.pipe()
        command = ["chromium", "--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-sync"]
        command += ["--disable-background-networking", "--disable-component-update", "--disable-dev-shm-usage"]
        command += ["--host-resolver-rules=MAP localhost 127.0.0.1", f"--user-data-dir={home / 'profile'}"]
        command += [f"--origin-to-force-quic-on={quic_at}"] if takes_http3 else []
        # The descriptors 3 and 4 are the browser's; a shell puts them there.
        shell = f'exec "$0" "$@" 3<&{commands} 4>&{answers}'
        self.start(["bash", "-c", shell, *command, "--remote-debugging-pipe"], home, pass_fds=(commands, answers))
        os.close(commands)
        os.close(answers)
        self.to, self.answers, self.number, self.session = ours, os.fdopen(theirs, "rb"), 0, None
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]

    def call(self, method, **parameters):
        self.number += 1
        message = {"id": self.number, "method": method, "params": parameters}
        if self.session:
            message["sessionId"] = self.session
        os.write(self.to, json.dumps(message).encode() + b"\0")
        while True:
            answer = json.loads(self.read())
            if answer.get("id") == self.number:
                if "error" in answer:
                    raise ValueError(f"{method}: {answer['error']['message']}")
                return answer["result"]

    def read(self):
        text = bytearray()
        while (byte := self.answers.read(1)) != b"\0":
            if not byte:
                raise EOFError("Chromium has ended")
            text += byte
        return bytes(text)

    def navigate(self, url):
        error = self.call("Page.navigate", url=url).get("errorText")
        if error:
            raise ValueError(f"{url}: {error}")

    def evaluate(self, expression):
        return self.call("Runtime.evaluate", expression=expression)["result"].get("value")

    def picture(self):
        return base64.b64decode(self.call("Page.captureScreenshot")["data"])


class Firefox(Browser):
    """By Marionette: messages of JSON with their lengths in front."""

    # Seen to wait for more than three minutes.
    gives_up_soon = False

    def begin(self, home, authority, takes_http3):
        profile = home / "profile"
        profile.mkdir()
        trust(profile, authority)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        settings = {
            "marionette.port": port, "network.http.http3.disable_when_third_party_roots_found": not takes_http3,
            "network.dns.disableIPv6": True, "network.captive-portal-service.enabled": False,
            "network.connectivity-service.enabled": False, "app.update.enabled": False, "datareporting.policy.dataSubmissionEnabled": False,
        }
        lines = [f"user_pref({json.dumps(name)}, {json.dumps(value)});\n" for name, value in settings.items()]
        (profile / "user.js").write_text("".join(lines))
        self.start(["firefox-esr", "--headless", "--no-remote", "--marionette", "--profile", str(profile)], home)
        end = time.monotonic() + PATIENCE
        while True:
            try:
                self.stream = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)
                break
            except ConnectionRefusedError:
                if time.monotonic() > end or self.child.poll() is not None:
                    raise
                time.sleep(0.1)
        self.number, self.rest = 0, b""
        self.read()
        self.call("WebDriver:NewSession", capabilities={})

    def call(self, method, **parameters):
        self.number += 1
        text = json.dumps([0, self.number, method, parameters]).encode()
        self.stream.sendall(f"{len(text)}:".encode() + text)
        _, _, error, result = self.read()
        if error:
            raise ValueError(f"{method}: {error['message']}")
        return result

    def read(self):
        while b":" not in self.rest:
            self.more()
        length, self.rest = self.rest.split(b":", 1)
        while len(self.rest) < int(length):
            self.more()
        text, self.rest = self.rest[: int(length)], self.rest[int(length) :]
        return json.loads(text)

    def more(self):
        piece = self.stream.recv(1 << 16)
        if not piece:
            raise EOFError("Firefox has ended")
        self.rest += piece

    def navigate(self, url):
        self.call("WebDriver:Navigate", url=url)

    def evaluate(self, expression):
        return self.call("WebDriver:ExecuteScript", script=f"return {expression}", args=[])["value"]

    def picture(self):
        return base64.b64decode(self.call("WebDriver:TakeScreenshot", full=False)["value"])


BROWSERS = {"chromium": Chromium, "firefox": Firefox}


def trust(store, authority):
    """Puts an authority into a store of certificates of NSS."""
    for arguments in (["-N", "--empty-password"], ["-A", "-t", "C,,", "-n", "authority", "-i", str(authority)]):
        subprocess.run(["certutil", "-d", f"sql:{store}", *arguments], check=True, capture_output=True)


class Site:
    """Our server, with the page, behind a relay for its datagrams."""

    def __init__(self, posthaste, work):
        folder = work / "site"
        folder.mkdir()
        pictures = "".join(f'<img src="/dot.svg?{number}" alt="">' for number in range(PICTURES))
        (folder / "index.html").write_text(PAGE.format(pictures=pictures))
        (folder / "dot.svg").write_text(PICTURE)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.relay, self.log, self.seen = Relay(self.port), work / "access.log", 0
        command = [posthaste, "serve", str(folder), "--listen", f"127.0.0.1:{self.port}", "--public-port", str(self.relay.port)]
        command += ["--cert", str(work / "good.pem"), "--key", str(work / "good.key"), "--cache-control", "no-store"]
        command += ["--access-log", str(self.log)]
        self.child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self.child.stdout.readline()

    def versions(self):
        """How many requests for the page and its pictures came by each version since this was asked last."""
        lines = self.log.read_text().splitlines()
        counts = {}
        for line in lines[self.seen :]:
            found = re.search(r'"GET /(?:dot\.svg)?\?\S* HTTP/(\S+)" 200 ', line)
            if found:
                version = {"3.0": "h3", "2.0": "h2", "1.1": "http/1.1"}[found.group(1)]
                counts[version] = counts.get(version, 0) + 1
        self.seen = len(lines)
        return counts

    def stop(self):
        self.child.kill()
        self.child.wait()


class Mixed(Site):
    """The page of mixed parts, over a narrow path, with a qlog of the server."""

    def __init__(self, posthaste, work):
        folder, self.qlogs = work / "site", work / "qlogs"
        folder.mkdir()
        self.qlogs.mkdir()
        parts = []
        for name, (count, asked) in KINDS.items():
            stem, ending = name.split(".")
            for number in range(count):
                own = f"{stem}{number}.{ending}"
                parts.append(asked.format(name=own))
                start = PICTURE if ending == "svg" else ""
                comment = {"svg": "<!--{}-->", "json": '"{}"'}.get(ending, "/*{}*/")
                (folder / own).write_text(start + comment.format("x" * PART_LEN))
        self.count = len(parts)
        (folder / "index.html").write_text(PAGE.format(pictures="".join(parts)))
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.relay = Relay(self.port, RATE)
        command = [posthaste, "serve", str(folder), "--listen", f"127.0.0.1:{self.port}", "--public-port", str(self.relay.port), "--no-tcp"]
        command += ["--cert", str(work / "good.pem"), "--key", str(work / "good.key"), "--qlog", str(self.qlogs), "--workers", "1"]
        self.child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self.child.stdout.readline()


class Order:
    """What the qlog of a connection says of the order in which the bytes of responses were sent."""

    def __init__(self):
        # By stream: how urgent, bytes sent, whether all are. Then bytes sent while something more urgent waited, by its own urgency.
        self.urgency, self.sent, self.ended, self.late, self.bytes = {}, {}, set(), {}, {}

    def read(self, file):
        for line in file.read_text().split("\x1e")[1:]:
            try:
                event = json.loads(line)
            except ValueError:
                # The server was ended while it wrote.
                break
            name, data = event.get("name"), event.get("data", {})
            if name == "http3:frame_parsed" and data["frame"]["frame_type"] == "headers":
                fields = {field["name"]: field["value"] for field in data["frame"]["headers"]}
                found = re.search(r"u=(\d)", fields.get("priority", ""))
                self.urgency[data["stream_id"]] = int(found.group(1)) if found else 3
            if name == "quic:packet_sent":
                for frame in data.get("frames", []):
                    if frame["frame_type"] == "stream" and frame["stream_id"] in self.urgency:
                        self.on_sent(frame["stream_id"], frame)

    def on_sent(self, stream, frame):
        length = frame["raw"]["length"]
        end, urgency = frame["offset"] + length, self.urgency[stream]
        fresh = end - self.sent.get(stream, 0)
        if fresh > 0:
            # Responses that have begun and are not over: those of others may not have been made yet.
            waits = any(self.urgency[other] < urgency for other in self.sent if other not in self.ended and other != stream)
            self.bytes[urgency] = self.bytes.get(urgency, 0) + fresh
            self.late[urgency] = self.late.get(urgency, 0) + (fresh if waits else 0)
        self.sent[stream] = max(end, self.sent.get(stream, 0))
        if frame.get("fin"):
            self.ended.add(stream)

    def told(self):
        counts = {}
        for urgency in self.urgency.values():
            counts[urgency] = counts.get(urgency, 0) + 1
        return ", ".join(f"{counts[urgency]} of urgency {urgency}" for urgency in sorted(counts))


class Steps:
    def __init__(self, name, browser, site):
        self.name, self.browser, self.site, self.failed = name, browser, site, False

    def load(self, step, is_right):
        """Loads the page, and says what it came by."""
        begun = time.monotonic()
        try:
            said = self.browser.load(f"https://localhost:{self.site.port}/?{step.replace(' ', '-')}")
        except (ValueError, TimeoutError) as error:
            return self.tell(step, f"{error}", False)
        counts, logged = said["counts"], self.site.versions()
        is_whole = said["drawn"] == PICTURES and sum(counts.values()) == PICTURES + 1 and counts == logged
        text = ", ".join(f"{count} by {version}" for version, count in sorted(counts.items()))
        if counts != logged:
            text += f"; the server's log has {logged}"
        return self.tell(step, f"{text}; {time.monotonic() - begun:.2f} s", is_whole and is_right(counts))

    def tell(self, step, text, is_right):
        self.failed |= not is_right
        print(f"{'ok  ' if is_right else 'FAIL'} {self.name}: {step}: {text}", flush=True)
        return is_right


def only(version):
    return lambda counts: set(counts) == {version}


def try_browser(name, posthaste, work, keep):
    """The steps of one browser; whether one failed."""
    failed = False
    for takes_http3, has_datagrams in ((False, True), (True, False), (True, True)):
        folder = work / f"{name}-{takes_http3}-{has_datagrams}"
        home = folder / "home"
        home.mkdir(parents=True)
        certificates.make(folder)
        site = Site(posthaste, folder)
        site.relay.drops = not has_datagrams
        browser = BROWSERS[name]()
        steps = Steps(name, browser, site)
        try:
            browser.begin(home, folder / "authority.pem", takes_http3)
            if not takes_http3 or not has_datagrams:
                why = "where no datagram arrives" if takes_http3 else "an authority of one's own"
                steps.load(why, only("h2"))
                steps.load(f"{why}, again", only("h2"))
                continue
            # It may move over while the page is still being loaded.
            steps.load("the first load begins by TCP", lambda counts: counts.get("h2", 0) > 0)
            steps.load("the second is by HTTP/3", only("h3"))
            picture = browser.picture()
            if keep:
                (keep / f"{name}.png").write_bytes(picture)
            if browser.gives_up_soon:
                site.relay.drops = True
                steps.load("datagrams vanish, and it loads all the same", only("h2"))
                steps.load("datagrams vanish, again", only("h2"))
        except (OSError, EOFError, ValueError, TimeoutError) as error:
            steps.tell("the browser", f"{type(error).__name__}: {error}", False)
        finally:
            browser.stop()
            site.stop()
            failed |= steps.failed
    return failed


def try_order(posthaste, work, keep):
    """A page of mixed parts in Chromium, over a narrow path; whether it failed."""
    folder = work / "order"
    home = folder / "home"
    home.mkdir(parents=True)
    certificates.make(folder)
    site, browser = Mixed(posthaste, folder), Chromium()
    steps = Steps("chromium", browser, site)
    try:
        browser.begin(home, folder / "authority.pem", True, f"localhost:{site.relay.port}")
        said = browser.load(f"https://localhost:{site.relay.port}/")
        counts = said["counts"]
        steps.tell("a page of mixed parts", f"{counts}", counts == {"h3": site.count + 1})
        order = Order()
        # The largest is that of the page; others are of connections that were not used.
        order.read(max(site.qlogs.iterdir(), key=lambda file: file.stat().st_size))
        whole, late = sum(order.bytes.values()), sum(order.late.values())
        share = 1 - late / whole if whole else 0
        text = f"{order.told()}; of {whole} bytes {share:.1%} were sent while nothing more urgent was under way"
        steps.tell("order by urgency", text, share >= IN_ORDER and len(set(order.urgency.values())) > 2)
        if keep:
            (keep / "chromium-order.png").write_bytes(browser.picture())
    except (OSError, EOFError, ValueError, TimeoutError) as error:
        steps.tell("a page of mixed parts", f"{type(error).__name__}: {error}", False)
    finally:
        browser.stop()
        site.stop()
    return steps.failed


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("posthaste")
    parser.add_argument("--only", choices=[*sorted(BROWSERS), "order"])
    parser.add_argument("--keep", type=pathlib.Path, help="a folder for pictures of what the browsers show")
    arguments = parser.parse_args()
    if arguments.keep:
        arguments.keep.mkdir(parents=True, exist_ok=True)
    failed = False
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as work:
        for name in [arguments.only] if arguments.only else [*BROWSERS, "order"]:
            if name == "order":
                failed |= try_order(arguments.posthaste, pathlib.Path(work), arguments.keep)
            else:
                failed |= try_browser(name, arguments.posthaste, pathlib.Path(work), arguments.keep)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
