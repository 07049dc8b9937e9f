"""Headless Chromium by the WebDriver protocol (W3C) as chromedriver speaks it: JSON over HTTP."""

import base64
import json
import re
import subprocess
import time
import urllib.error
import urllib.request

PATIENCE_SECS = 20
"""How long anything may take: a slow machine is no fault."""

KEYS = {"Tab": "\ue004", "Enter": "\ue007", "Shift": "\ue008", "Space": " ", "Down": "\ue015"}
ELEMENT = "element-6066-11e4-a52e-4f735466cecf"


class Failed(Exception):
    """A claim that does not hold."""


def until(what, condition):
    """The first true value of `condition`."""
    deadline = time.monotonic() + PATIENCE_SECS
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise Failed(f"not within {PATIENCE_SECS} s: {what}")
        time.sleep(0.02)


class Browser:
    """One window."""

    def __init__(self):
        self.driver = subprocess.Popen(
            ["chromedriver", "--port=0"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        self.session = None
        port = None
        for line in self.driver.stdout:
            if found := re.search(r"started successfully on port (\d+)", line):
                port = found[1]
                break
        if port is None:
            raise Failed("chromedriver does not start")
        self.base = f"http://127.0.0.1:{port}/session"
        options = {
            # As root, and without a GPU or much shared memory, as in a container.
            "args": ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars"],
        }
        wanted = {
            "browserName": "chrome",
            "unhandledPromptBehavior": "ignore",
            "goog:chromeOptions": options,
            "goog:loggingPrefs": {"browser": "ALL"},
        }
        try:
            answer = self.request("POST", self.base, {"capabilities": {"alwaysMatch": wanted}})
        except Failed:
            self.close()
            raise
        self.session = f"{self.base}/{answer['sessionId']}"

    def close(self):
        """Ends the window and chromedriver."""
        if self.session:
            try:
                self.request("DELETE", self.session)
            except Failed:
                pass
        self.driver.terminate()
        self.driver.wait()

    def request(self, method, url, body=None):
        """One command."""
        data = None if method != "POST" else json.dumps(body or {}).encode()
        request = urllib.request.Request(url, data, {"content-type": "application/json"}, method=method)
        try:
            with urllib.request.urlopen(request, timeout=3 * PATIENCE_SECS) as reply:
                return json.load(reply)["value"]
        except urllib.error.HTTPError as error:
            value = json.load(error)["value"]
            raise Failed(f"{value['error']}: {value['message'].splitlines()[0]}") from None
        except OSError as error:
            raise Failed(f"chromedriver: {error}: {url} {body}") from None

    def post(self, command, **body):
        """One command of this window."""
        return self.request("POST", f"{self.session}/{command}", body)

    def open(self, url):
        """Goes there and waits for it to load."""
        self.post("url", url=url)

    def run(self, script, *given):
        """What a function body in the page returns; `given` are its `arguments`."""
        return self.post("execute/sync", script=script, args=list(given))

    def wait(self, what, expression, *given):
        """Until an expression of the page is true."""
        return until(what, lambda: self.run(f"return ({expression})", *given))

    def click(self, selector):
        """With the mouse, as a person would: fails if something covers it."""
        found = self.post("element", using="css selector", value=selector)
        self.post(f"element/{found[ELEMENT]}/click")

    def type(self, text):
        """On the keyboard, to whatever has the focus."""
        self.keys(*text)

    def press(self, *keys):
        """Keys by name, one after the other."""
        self.keys(*(KEYS[key] for key in keys))

    def keys(self, *keys):
        """Each one down and up."""
        actions = [{"type": kind, "value": key} for key in keys for kind in ("keyDown", "keyUp")]
        self.post("actions", actions=[{"type": "key", "id": "keyboard", "actions": actions}])

    def dialog(self):
        """Whether an alert is open."""
        try:
            self.request("GET", f"{self.session}/alert/text")
        except Failed:
            return False
        return True

    def complaints(self):
        """What the browser wrote to its console since it was last asked."""
        return [entry["message"] for entry in self.post("se/log", type="browser")]

    def devtools(self, command, **parameters):
        """A command of Chromium's own protocol."""
        return self.post("goog/cdp/execute", cmd=command, params=parameters)

    def size(self, width, height, scale=1, phone=False):
        """The window's inner size."""
        self.devtools(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=scale, mobile=phone
        )

    def prefer(self, **features):
        """Media features: `color_scheme="dark"`."""
        listed = [{"name": f"prefers-{name.replace('_', '-')}", "value": value} for name, value in features.items()]
        self.devtools("Emulation.setEmulatedMedia", features=listed)

    def screenshot(self, path, whole=True):
        """A PNG of the whole page, or of what is seen of it."""
        image = self.devtools("Page.captureScreenshot", format="png", captureBeyondViewport=whole)
        path.write_bytes(base64.b64decode(image["data"]))
