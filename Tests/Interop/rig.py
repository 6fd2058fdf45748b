"""What the interoperability scripts share: our nodes, Electrum, and the layer 1 between them.

Called as  <script>.py LNW ORACLES PYTHON
"""
import base64, json, os, queue, re, socket, subprocess, sys, tempfile, threading, time
import urllib.error, urllib.parse, urllib.request

LNW, ORACLES, PY = (sys.argv[1:4] + [None, None])[:3]
HOME = tempfile.mkdtemp(prefix="interop.")
ENV = dict(os.environ, LNW_HOME=HOME)


def free():
    s = socket.socket()
    s.bind(("127.0.0.1", 0))
    port = s.getsockname()[1]
    s.close()
    return port


NODE, RPC, ELECTRUM, LISTEN = free(), free(), free(), free()
START = time.time()


def say(*words):
    print(f"{time.time() - START:6.1f}", *words, flush=True)


def lnw(*words, ok=True):
    p = subprocess.run([LNW, *words, "--json"], env=ENV, capture_output=True, text=True, timeout=120)
    if ok and p.returncode:
        raise RuntimeError(f"lnw {' '.join(words)}: {p.stderr.strip()}")
    return json.loads(p.stdout) if p.returncode == 0 else p


def until(check, seconds=40, what=""):
    end = time.time() + seconds
    while time.time() < end:
        value = check()
        if value:
            return value
        time.sleep(0.2)
    raise TimeoutError(what)


def bitcoind(url):
    """What calls a bitcoind: a method, its parameters, and the wallet where one is meant."""
    parts = urllib.parse.urlsplit(url)
    token = base64.b64encode(f"{parts.username}:{parts.password}".encode()).decode()

    def rpc(method, *params, wallet=None):
        request = urllib.request.Request(
            f"http://{parts.hostname}:{parts.port}" + (f"/wallet/{wallet}" if wallet else ""),
            json.dumps({"id": 1, "method": method, "params": params}).encode(), {"Content-Type": "application/json"})
        request.add_header("Authorization", "Basic " + token)
        try:
            return json.loads(urllib.request.urlopen(request, timeout=300).read())["result"]
        except urllib.error.HTTPError as error:
            raise RuntimeError(f"{method}: {error.read().decode()}") from None
    return rpc


class World:
    """A local network of ours, and a stub that lets Electrum follow its layer 1."""

    def __init__(self, nodes="ours"):
        self.nodes = nodes.split(",")
        self.up()
        url = open(f"{HOME}/local/rpc").read()
        self.stub = subprocess.Popen(
            [PY, f"{ORACLES}/l1stub.py", "--electrum", str(ELECTRUM), "--follow", url],
            stdout=open(f"{HOME}/stub.log", "w"), stderr=subprocess.STDOUT)

    def up(self):
        self.node = subprocess.Popen(
            [LNW, "local", "up", "--nodes", ",".join(self.nodes), "--port", str(NODE), "--rpc-port", str(RPC)], env=ENV,
            stdout=open(f"{HOME}/up.log", "a"), stderr=subprocess.STDOUT)
        until(lambda: lnw("-w", self.nodes[-1], "getinfo", ok=False).__class__ is dict, 30, "our node starts")
        self.ids = {name: lnw("-w", name, "getinfo")["id"] for name in self.nodes}
        self.id = self.ids[self.nodes[0]]

    def kill(self):
        self.node.kill()
        self.node.wait()


class Peer:
    """electrum_peer.py, spoken to over its standard input."""

    def __init__(self, *options):
        self.answers = queue.Queue()
        self.log = open(f"{HOME}/electrum.log", "w")
        self.process = subprocess.Popen(
            [PY, f"{ORACLES}/electrum_peer.py", "accept", "--server", f"127.0.0.1:{ELECTRUM}:t", "--listen",
             f"127.0.0.1:{LISTEN}", "--dir", tempfile.mkdtemp(dir=HOME), *options],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=open(f"{HOME}/electrum.err", "w"), text=True)
        threading.Thread(target=self._read, daemon=True).start()
        self.id = self.want("NODEID").split()[1].split("@")[0]
        self.address = self.want("ADDRESS").split()[1]

    def _read(self):
        for line in self.process.stdout:
            self.log.write(line)
            self.log.flush()
            text = line.rstrip()[9:]
            if text.startswith(("OK", "ERR", "NODEID", "ADDRESS")):
                self.answers.put(text)

    def want(self, word, seconds=60):
        while True:
            text = self.answers.get(timeout=seconds)
            if text.startswith(word):
                return text

    def do(self, command, seconds=100):
        while not self.answers.empty():
            self.answers.get()
        self.process.stdin.write(command + "\n")
        self.process.stdin.flush()
        text = self.answers.get(timeout=seconds)
        if not text.startswith("OK"):
            raise RuntimeError(f"{command}: {text}")
        return json.loads(text.split(" ", 2)[2])


def run(main):
    """Runs a script; where it fails, says all that is known."""
    try:
        main()
        status = 0
    except BaseException as error:
        say("FAILED:", type(error).__name__, error)
        for name in ("up.log", "electrum.err", "electrum.log", "stub.log"):
            path = f"{HOME}/{name}"
            if os.path.exists(path):
                print(f"--- {name}\n" + "".join(open(path).readlines()[-12:]))
        status = 1
    finally:
        subprocess.run(["pkill", "-P", str(os.getpid())])
    os._exit(status)
