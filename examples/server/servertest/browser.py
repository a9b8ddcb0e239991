"""A headless Chromium, driven by WebDriver (chromium-driver of Debian), without a library."""

import base64
import json
import subprocess
import time
import urllib.error
import urllib.request

from servers import free_port

PATIENCE = 180  # seconds for what must come, on a machine that has other things to do
ELEMENT = "element-6066-11e4-a52e-4f735466cecf"
OPTIONS = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--window-size=1000,780",
           "--no-first-run", "--disable-background-networking"]


class Browser:
    """One browser with tabs of its own."""

    def __init__(self, folder):
        self.folder, self.port = folder, free_port()
        self.driver = self.session = None

    def start(self):
        with open(f"{self.folder}/chromedriver.log", "ab") as log:
            self.driver = subprocess.Popen(["chromedriver", f"--port={self.port}"], stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        until("chromedriver answers", lambda: self.ask("GET", "/status")["ready"])
        options = {"args": OPTIONS + [f"--user-data-dir={self.folder}/chromium"]}
        capabilities = {"alwaysMatch": {"browserName": "chrome", "goog:chromeOptions": options, "goog:loggingPrefs": {"browser": "ALL"}}}
        self.session = self.ask("POST", "/session", {"capabilities": capabilities})["sessionId"]

    def ask(self, method, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", data, {"Content-Type": "application/json"}, method=method)
        try:
            with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
                return json.load(answer)["value"]
        except urllib.error.HTTPError as e:
            raise WebDriverError(json.load(e)["value"]) from None

    def tell(self, path, body=None):
        return self.ask("POST", f"/session/{self.session}{path}", body or {})

    def tab(self, url):
        handle = self.tell("/window/new", {"type": "tab"})["handle"]
        tab = Tab(self, handle)
        tab.tell("/url", {"url": url})
        return tab

    def stop(self):
        if self.session is not None:
            try:
                self.ask("DELETE", f"/session/{self.session}")
            except OSError:
                pass
        if self.driver is not None:
            self.driver.terminate()
            self.driver.wait()


class WebDriverError(Exception):
    """What the driver refuses."""


class Tab:
    def __init__(self, browser, handle):
        self.browser, self.handle = browser, handle

    def tell(self, path, body=None):
        self.browser.tell("/window", {"handle": self.handle})
        return self.browser.tell(path, body)

    def run(self, script, *args):
        """What a piece of JavaScript returns; it may wait."""
        return self.tell("/execute/sync", {"script": script, "args": list(args)})

    def shows(self, text, within=PATIENCE):
        """Waits until the page shows a text."""
        until(f"{text!r} on the page", lambda: text in self.text(), within, self.text)

    def text(self):
        return self.run("return document.body ? document.body.innerText : ''")

    def find(self, selector):
        """Waits for an element."""
        def look():
            return self.run("return document.querySelector(arguments[0])", selector)
        return until(selector, look, PATIENCE, self.text)[ELEMENT]

    def click(self, selector):
        self.find(selector)
        self.run("document.querySelector(arguments[0]).click()", selector)

    def type(self, selector, text):
        found = self.find(selector)
        self.tell(f"/element/{found}/value", {"text": text})

    def reload(self):
        self.tell("/refresh")

    def said(self):
        """What the page has written to its console."""
        self.browser.tell("/window", {"handle": self.handle})
        return self.browser.tell("/se/log", {"type": "browser"})

    def picture(self, path):
        self.browser.tell("/window", {"handle": self.handle})
        with open(path, "wb") as f:
            f.write(base64.b64decode(self.browser.ask("GET", f"/session/{self.browser.session}/screenshot")))


def until(what, is_so, within=PATIENCE, instead=lambda: ""):
    """Waits until something is true, and returns it."""
    end = time.monotonic() + within
    while True:
        try:
            found = is_so()
            if found:
                return found
        except (OSError, WebDriverError):
            pass
        if time.monotonic() > end:
            raise AssertionError(f"there is no {what}; instead: {instead()}")
        time.sleep(0.1)
