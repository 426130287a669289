"""The examples with a page, in headless Chromium by its driver: FOLDER has the programs `webtransport`, `board` and `game`. Each page is
opened twice, and what is done in one is looked for in the other. With a second argument, pictures of the pages are kept in that folder.
Prints a line for each example, and ends with 1 if one has failed."""

import base64
import contextlib
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import time
import urllib.request

PATIENCE = 30
ARGUMENTS = [
    "--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-sync", "--disable-dev-shm-usage",
    "--disable-background-networking", "--disable-component-update", "--ignore-certificate-errors",
    # Both pages are to go on, also the one that is not in front.
    "--disable-renderer-backgrounding", "--disable-background-timer-throttling", "--disable-backgrounding-occluded-windows",
]


class Browser:
    """One browser, with a page for each handle that `open` gives."""

    def __init__(self, profile):
        self.driver = subprocess.Popen(["chromedriver", "--port=0"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        said = ""
        for line in self.driver.stdout:
            said += line
            if found := re.search(r"started successfully on port (\d+)", line):
                break
        else:
            raise RuntimeError(f"chromedriver does not start: {said[-300:]}")
        self.base = f"http://127.0.0.1:{found.group(1)}/session"
        options = {"args": [*ARGUMENTS, f"--user-data-dir={profile}"]}
        session = self.ask("POST", "", {"capabilities": {"alwaysMatch": {"goog:chromeOptions": options}}})
        self.base += f"/{session['sessionId']}"
        self.is_fresh = True

    def ask(self, method, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.base + path, data, {"content-type": "application/json"}, method=method)
        try:
            with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
                return json.load(answer)["value"]
        except urllib.error.HTTPError as error:
            raise RuntimeError(json.load(error)["value"]["message"][:300]) from None

    def open(self, url):
        if self.is_fresh:
            page, self.is_fresh = self.ask("GET", "/window"), False
        else:
            page = self.ask("POST", "/window/new", {"type": "window"})["handle"]
        self.to(page)
        # The whole page is to be seen, and hit by the mouse.
        self.ask("POST", "/window/rect", {"width": 1000, "height": 900})
        self.ask("POST", "/url", {"url": url})
        return page

    def to(self, page):
        self.ask("POST", "/window", {"handle": page})

    def run(self, page, script, *arguments):
        """What a script of a page gives."""
        self.to(page)
        return self.ask("POST", "/execute/sync", {"script": script, "args": list(arguments)})

    def until(self, page, script, *arguments):
        """Waits until what a script gives is true."""
        end = time.monotonic() + PATIENCE
        while not (value := self.run(page, script, *arguments)):
            if time.monotonic() > end:
                raise RuntimeError(f"never true: {script}; the page says: {self.run(page, 'return document.body.innerText')[-300:]}")
            time.sleep(0.05)
        return value

    def mouse(self, page, selector, *points):
        """Pressed at the first of the points, counted from the middle of an element, and let go at the last."""
        self.to(page)
        element = self.ask("POST", "/element", {"using": "css selector", "value": selector})
        move = lambda point: {"type": "pointerMove", "duration": 50, "origin": element, "x": point[0], "y": point[1]}
        first, *others = points
        actions = [move(first), {"type": "pointerDown", "button": 0}, *map(move, others), {"type": "pointerUp", "button": 0}]
        pointer = {"type": "pointer", "id": "mouse", "parameters": {"pointerType": "mouse"}, "actions": actions}
        self.ask("POST", "/actions", {"actions": [pointer]})

    def picture(self, page):
        self.to(page)
        return base64.b64decode(self.ask("GET", "/screenshot"))

    def stop(self):
        with contextlib.suppress(Exception):
            self.ask("DELETE", "")
        self.driver.kill()
        self.driver.wait()


SUBMIT = """
const form = document.getElementById(arguments[0]);
form.querySelector("input").value = arguments[1];
form.requestSubmit();
"""
LOG = "return document.getElementById('log').textContent.includes(arguments[0])"
# How many points of the canvas are not empty.
INK = """
const canvas = document.querySelector("canvas");
const data = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
let count = 0;
for (let at = 3; at < data.length; at += 4) count += data[at] > 0;
return count;
"""
# The darkest point of the canvas next to a place, as "red green blue alpha".
POINT = """
const context = document.querySelector("canvas").getContext("2d");
return [...context.getImageData(arguments[0], arguments[1], 1, 1).data].join(" ");
"""


def chat(browser, one, other):
    for page in (one, other):
        browser.until(page, LOG, "/chat is open")
    for form, said in (("echo", "there and back"), ("datagram", "in one packet")):
        browser.run(one, SUBMIT, form, said)
        browser.until(one, LOG, f"{form}: {said}")
    for speaker, said in ((one, "from the first"), (other, "from the second")):
        browser.run(speaker, SUBMIT, "chat", said)
        for page in (one, other):
            browser.until(page, LOG, f"chat: {said}")
    if browser.run(other, LOG, "there and back"):
        raise RuntimeError("an echo is heard by others")


def board(browser, one, other, url):
    for page in (one, other):
        browser.until(page, "return document.getElementById('state').textContent === 'connected'")
    browser.mouse(one, "#board", (-300, -150), (-100, 50), (0, -100))
    ink = browser.until(one, INK)
    browser.until(other, f"return (() => {{ {INK} }})() > 100")
    browser.mouse(other, "#board", (50, 150), (300, 100))
    browser.until(one, f"return (() => {{ {INK} }})() > {ink}")
    # Who comes later sees all of it, and all see the same.
    late = browser.open(url)
    whole = browser.until(late, f"return (() => {{ {INK} }})() > {ink} && document.querySelector('canvas').toDataURL()")
    for page in (one, other):
        browser.until(page, "return document.querySelector('canvas').toDataURL() === arguments[0]", whole)
    browser.to(late)
    browser.ask("DELETE", "/window")


def game(browser, one, other):
    for page in (one, other):
        browser.until(page, "return /tick \\d+, 2 players/.test(document.getElementById('state').textContent)")
    browser.mouse(one, "#field", (-200, -100), (200, 100))
    # The middle of the canvas is at 400, 250: there the other player still is.
    for page in (one, other):
        browser.until(page, f"return (() => {{ {POINT} }})().endsWith('255')", 600, 350)
        browser.until(page, f"return (() => {{ {POINT} }})().endsWith('255')", 400, 250)
    tick = "return Number(document.getElementById('state').textContent.match(/tick (\\d+)/)[1])"
    before = browser.run(other, tick)
    browser.until(other, f"return (() => {{ {tick} }})() >= {before + 20}")
    if browser.run(one, f"return (() => {{ {POINT} }})()", 600, 350) == browser.run(other, f"return (() => {{ {POINT} }})()", 600, 350):
        raise RuntimeError("each sees the other in his own color")


def try_one(folder, name, act, profile, kept):
    environment = {**os.environ, "LISTEN": "127.0.0.1:0"}
    server = subprocess.Popen([folder / name], stdout=subprocess.PIPE, text=True, env=environment)
    browser = None
    try:
        url = re.search(r"https://\S+", server.stdout.readline()).group(0) + "/"
        browser = Browser(profile)
        pages = [browser.open(url), browser.open(url)]
        try:
            act(browser, *pages, *([url] if act is board else []))
        finally:
            # Also of what has failed.
            for number, page in enumerate(pages if kept else [], 1):
                (kept / f"{name}-{number}.png").write_bytes(browser.picture(page))
        if server.poll() is not None:
            raise RuntimeError("the server has ended")
    finally:
        if browser:
            browser.stop()
        server.kill()
        server.wait()


def main():
    folder, kept = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]) if len(sys.argv) > 2 else None
    failed = False
    for name, act in (("webtransport", chat), ("board", board), ("game", game)):
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
            try:
                try_one(folder, name, act, profile, kept)
                print(f"ok   {name}", flush=True)
            except Exception as error:
                failed = True
                print(f"FAIL {name}: {type(error).__name__}: {error}", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
