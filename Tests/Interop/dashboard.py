"""Uses the dashboard in a real browser: an invoice is made on one node's page, paid on another's, and turns green; nothing throws, is
wider than the page, or is fetched from another host.

    dashboard.py LNW BROWSER [FOLDER FOR PICTURES]
"""

import base64
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time
import urllib.request


class Browser:
    """Chromium over its debugging pipe: a JSON object, a zero byte."""

    def __init__(self, program: str, profile: str):
        (own_in, its_out), (its_in, own_out) = os.pipe(), os.pipe()

        def connect():
            os.dup2(its_in, 3, inheritable=True)
            os.dup2(its_out, 4, inheritable=True)

        # Above what is put onto 3 and 4.
        its_in, its_out = os.dup2(its_in, 40), os.dup2(its_out, 41)
        self.process = subprocess.Popen(
            [program, "--headless", "--no-sandbox", "--disable-gpu", "--remote-debugging-pipe", f"--user-data-dir={profile}", "about:blank"],
            preexec_fn=connect, pass_fds=(3, 4, its_in, its_out), stderr=subprocess.DEVNULL)
        os.close(its_in)
        os.close(its_out)
        self.inbound, self.outbound = os.fdopen(own_in, "rb", buffering=0), os.fdopen(own_out, "wb", buffering=0)
        self.rest, self.number, self.events = b"", 0, []

    def receive(self):
        while b"\0" not in self.rest:
            part = self.inbound.read(1 << 16)
            if not part:
                raise RuntimeError("the browser is gone")
            self.rest += part
        line, self.rest = self.rest.split(b"\0", 1)
        return json.loads(line)

    def call(self, method, session=None, **parameters):
        self.number += 1
        message = {"id": self.number, "method": method, "params": parameters}
        if session:
            message["sessionId"] = session
        self.outbound.write(json.dumps(message).encode() + b"\0")
        while True:
            answer = self.receive()
            if answer.get("id") == self.number:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']}")
                return answer["result"]
            self.events.append(answer)


class Page:
    def __init__(self, browser: Browser, address: str, width: int):
        self.browser, self.address = browser, address
        target = browser.call("Target.createTarget", url="about:blank")["targetId"]
        self.session = browser.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.do(f"{domain}.enable")
        self.resize(width)
        self.do("Page.navigate", url=address)

    def do(self, method, **parameters):
        return self.browser.call(method, self.session, **parameters)

    def resize(self, width: int):
        self.do("Emulation.setDeviceMetricsOverride", width=width, height=1600, deviceScaleFactor=1, mobile=False)

    def value(self, code: str):
        result = self.do("Runtime.evaluate", expression=code, awaitPromise=True, returnByValue=True)
        if "exceptionDetails" in result:
            raise RuntimeError(f"{code}: {result['exceptionDetails']}")
        return result["result"].get("value")

    def until(self, code: str, what: str):
        for _ in range(300):
            if self.value(code):
                return
            time.sleep(0.1)
        raise RuntimeError(f"{self.address.split('#')[0]}: {what} did not come")

    def picture(self, path: pathlib.Path):
        data = self.do("Page.captureScreenshot", captureBeyondViewport=True)["data"]
        path.write_bytes(base64.b64decode(data))


def main() -> int:
    lnw, program = sys.argv[1:3]
    pictures = pathlib.Path(sys.argv[3]) if len(sys.argv) > 3 else None
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        env = dict(os.environ, LNW_HOME=f"{folder}/home")
        network = subprocess.Popen(
            [lnw, "local", "up", "--topology", "line", "--nodes", "alice,bob,carol", "--port", "19735", "--rpc-port", "0", "--http", "0", "--json"],
            env=env, stdout=subprocess.PIPE, text=True)
        try:
            pages = json.loads(network.stdout.readline())["dashboards"]
            return use(lnw, env, program, pages, folder, pictures)
        finally:
            network.terminate()
            network.wait(30)


def use(lnw, env, program, pages, folder, pictures) -> int:
    def run(*arguments):
        return json.loads(subprocess.run([lnw, *arguments, "--json"], env=env, check=True, capture_output=True, text=True).stdout)

    secret = run("-w", "alice", "token", "create", "--can", "read,invoice,pay")["token"]
    browser = Browser(program, f"{folder}/profile")
    try:
        carol = Page(browser, pages["carol"], 360)
        alice = Page(browser, pages["alice"].split("#")[0] + "#" + secret, 1200)
        for page in (carol, alice):
            page.until("document.querySelectorAll('.channel').length > 0 && document.querySelectorAll('#map circle').length === 3", "the network")
        carol.value("""(() => { const form = document.getElementById('receive'); form.sat.value = '1234'; form.description.value = '<b>tea</b>';
            form.requestSubmit(); })()""")
        carol.until("document.querySelector('#qr svg') && document.getElementById('bolt11').value", "the invoice")
        invoice = carol.value("document.getElementById('bolt11').value")
        # The very code that a phone would scan.
        assert carol.value("document.querySelector('#qr svg path').getAttribute('d').length > 500")
        alice.until("!document.getElementById('pay').hidden", "the form to pay")
        assert carol.value("document.getElementById('pay').hidden"), "the session's token may not pay"
        alice.value(f"""(() => {{ const form = document.getElementById('pay'); form.bolt11.value = 'lightning:{invoice}'; form.requestSubmit(); }})()""")
        alice.until("document.querySelector('#pay .success').textContent.startsWith('✓ paid 1,234 sat')", "the word that it is paid")
        carol.until("document.getElementById('invoice').classList.contains('paid')", "the green invoice")
        carol.until("document.getElementById('live').textContent.includes('received 1,234 sat for <b>tea</b>')", "the event")
        assert carol.value("document.querySelectorAll('b').length === 0"), "what a stranger wrote became markup"
        alice.until("document.querySelectorAll('#payments button').length > 0", "the payment")
        alice.value("document.querySelector('#payments button').click()")
        alice.until("document.getElementById('story-text').textContent.includes('alice') || document.getElementById('story-text').textContent.includes('carol')", "the story")
        alice.value("document.querySelector('#story button').click()")
        failed = 0
        for name, page in (("carol", carol), ("alice", alice)):
            for scheme in ("light", "dark"):
                page.do("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
                for width in (360, 800, 1200):
                    page.resize(width)
                    wide = page.value("document.documentElement.scrollWidth")
                    if wide > width:
                        print(f"the page of {name} is {wide} wide, of {width}")
                        failed = 1
                    if pictures:
                        page.picture(pictures / f"{name}-{scheme}-{width}.png")
            # Whoever uses a keyboard or listens to the page: each field has a name, each heading its place.
            nameless = page.value("""[...document.querySelectorAll('input, textarea, button')].filter(e =>
                !(e.labels && e.labels.length) && !e.getAttribute('aria-label') && !e.textContent.trim()).length""")
            if nameless:
                print(f"{nameless} fields of {name} have no name")
                failed = 1
        for event in browser.events:
            if event["method"] in ("Runtime.exceptionThrown",) or event["method"] == "Log.entryAdded" and event["params"]["entry"]["level"] == "error":
                print(event["params"])
                failed = 1
            if event["method"] == "Network.requestWillBeSent":
                url = event["params"]["request"]["url"]
                if not url.startswith(("http://127.0.0.1:", "data:")):
                    print(f"the page asked {url}")
                    failed = 1
        # No token in what is asked for.
        addresses = [event["params"]["request"]["url"] for event in browser.events if event["method"] == "Network.requestWillBeSent"]
        if any(secret in url.split("#")[0] for url in addresses) or not addresses:
            print("the token is in an address")
            failed = 1
        print("dashboard: an invoice was made, paid and seen" if not failed else "dashboard: failed")
        return failed
    finally:
        browser.process.kill()


if __name__ == "__main__":
    sys.exit(main())
