#!/usr/bin/env python3
"""A real Electrum Lightning node against ours, over a layer 1 that both watch and Bitcoin Core's kernel judges.

  electrum.py LNW ORACLES PYTHON     LNW: the lnw program; ORACLES: the folder with electrum_peer.py and l1stub.py;
                                     PYTHON: one that has what they need

Electrum opens a channel to ours and ours to it; payments both ways, dust too; a reconnection and a restart of our node in
between; cooperative closes from either side; a force close from either side. Exits with 0 if all of it worked.
"""
import json, os, queue, re, socket, subprocess, sys, tempfile, threading, time

LNW, ORACLES, PY = sys.argv[1:4]
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


class World:
    def __init__(self):
        self.up()
        url = open(f"{HOME}/local/rpc").read()
        self.stub = subprocess.Popen(
            [PY, f"{ORACLES}/l1stub.py", "--electrum", str(ELECTRUM), "--follow", url],
            stdout=open(f"{HOME}/stub.log", "w"), stderr=subprocess.STDOUT)

    def up(self):
        self.node = subprocess.Popen(
            [LNW, "local", "up", "--nodes", "ours", "--port", str(NODE), "--rpc-port", str(RPC)], env=ENV,
            stdout=open(f"{HOME}/up.log", "a"), stderr=subprocess.STDOUT)
        until(lambda: lnw("-w", "ours", "getinfo", ok=False).__class__ is dict, 30, "our node starts")
        self.id = lnw("-w", "ours", "getinfo")["id"]

    def kill(self):
        self.node.kill()
        self.node.wait()


class Peer:
    """electrum_peer.py, spoken to over its standard input."""

    def __init__(self):
        self.answers = queue.Queue()
        self.log = open(f"{HOME}/electrum.log", "w")
        self.process = subprocess.Popen(
            [PY, f"{ORACLES}/electrum_peer.py", "accept", "--server", f"127.0.0.1:{ELECTRUM}:t", "--listen",
             f"127.0.0.1:{LISTEN}", "--dir", tempfile.mkdtemp(dir=HOME)],
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


def channel(world, point):
    for c in lnw("-w", "ours", "listchannels", "--all")["channels"]:
        if f"{c['funding_txid']}:{c['funding_output_index']}" == point:
            return c
    return None


def mine(count=1):
    """Mines, and waits until Electrum has seen it: its wallet is slower than the chain."""
    height = lnw("local", "mine", str(count))["height"]
    until(lambda: PEER.do("height") >= height, 30, "electrum follows the chain")
    time.sleep(0.3)


def usable(world, peer, point):
    # Electrum asks for three confirmations; more are mined until both are content.
    def check():
        c = channel(world, point)
        if c and c["state"] == "normal" and c["connected"]:
            return c
        mine(1)
        return None
    c = until(check, 60, "the channel becomes usable")
    peer.do("waitstate OPEN 60")
    return c


def pay_both_ways(world, peer):
    for amount in (50_000, 1_234, 100):
        invoice = peer.do(f"invoice {amount}")
        r = lnw("-w", "ours", "pay", invoice)
        assert r["status"] == "succeeded", r
        say(f"ours -> electrum {amount} sat in {r['duration_ms']} ms")
    for amount in (20_000, 777, 50):
        invoice = lnw("-w", "ours", "invoice", f"{amount}sat", "interop")["invoice"]
        r = peer.do(f"pay {invoice}")
        assert r["success"], r
        say(f"electrum -> ours {amount} sat")


def closed_on_both(world, peer, point, kind):
    for _ in range(40):
        mine(6)
        c = channel(world, point)
        if c["state"] == "closed":
            assert kind in c["close_kind"], c
            say("closed:", c["close_kind"], [(o["role"], o["status"].split(" by ")[0]) for o in c["close_outputs"]])
            return
    raise TimeoutError(f"not closed: {channel(world, point)}")


def main():
    global PEER
    world = World()
    peer = PEER = Peer()
    say("electrum", peer.id[:12], "ours", world.id[:12])
    lnw("local", "fund", "ours", "0.1btc")
    lnw("-w", "ours", "send", peer.address, "0.05btc", "--yes")
    mine(1)
    peer.do("waitcoins 4000000")

    say("--- ours opens to electrum, payments, reconnection, cooperative close by ours")
    lnw("-w", "ours", "openchannel", f"{peer.id}@127.0.0.1:{LISTEN}", "1000000sat", "--push", "200000sat", "--yes")
    c = until(lambda: [c for c in lnw("-w", "ours", "listchannels")["channels"]][-1:], 10, "channel")[0]
    point = f"{c['funding_txid']}:{c['funding_output_index']}"
    usable(world, peer, point)
    pay_both_ways(world, peer)
    world.kill()
    say("our node is killed with -9 and started again")
    world.up()
    until(lambda: channel(world, point)["connected"], 40, "reconnection")
    peer.do("waitstate OPEN 60")
    pay_both_ways(world, peer)
    lnw("-w", "ours", "close", c["channel_id"], "--yes")
    closed_on_both(world, peer, point, "mutual")

    say("--- electrum opens to ours, payments, cooperative close by electrum")
    point = peer.do(f"open {world.id}@127.0.0.1:{NODE} 900000 push 300000")
    c = usable(world, peer, point)
    pay_both_ways(world, peer)
    peer.do(f"close {point}")
    closed_on_both(world, peer, point, "mutual")

    say("--- force close by ours")
    lnw("-w", "ours", "openchannel", f"{peer.id}@127.0.0.1:{LISTEN}", "500000sat", "--push", "100000sat", "--yes")
    c = until(lambda: [c for c in lnw("-w", "ours", "listchannels")["channels"]][-1:], 10, "channel")[0]
    point = f"{c['funding_txid']}:{c['funding_output_index']}"
    usable(world, peer, point)
    pay_both_ways(world, peer)
    lnw("-w", "ours", "forceclose", c["channel_id"], "--yes")
    closed_on_both(world, peer, point, "local force close")

    say("--- force close by electrum")
    point = peer.do(f"open {world.id}@127.0.0.1:{NODE} 600000 push 200000")
    usable(world, peer, point)
    pay_both_ways(world, peer)
    peer.do(f"force {point}")
    closed_on_both(world, peer, point, "remote force close")

    say("--- breach: electrum's old commitment is published")
    lnw("-w", "ours", "openchannel", f"{peer.id}@127.0.0.1:{LISTEN}", "700000sat", "--push", "300000sat", "--yes")
    c = until(lambda: [c for c in lnw("-w", "ours", "listchannels")["channels"]][-1:], 10, "channel")[0]
    point = f"{c['funding_txid']}:{c['funding_output_index']}"
    usable(world, peer, point)
    old = peer.do(f"ctx {point}")
    pay_both_ways(world, peer)
    url = open(f"{HOME}/local/rpc").read()
    import urllib.request, base64
    cred, _, host = url.removeprefix("http://").rpartition("@")
    request = urllib.request.Request(
        f"http://{host}", json.dumps(dict(method="sendrawtransaction", params=[old], id=1)).encode(),
        {"Authorization": "Basic " + base64.b64encode(cred.encode()).decode()})
    json.load(urllib.request.urlopen(request))
    closed_on_both(world, peer, point, "breach")

    complaints = [l for l in open(f"{HOME}/stub.log") if "REFUSES" in l]
    assert not complaints, complaints
    say("the kernel refused nothing; all of it worked")


try:
    main()
    status = 0
except BaseException as error:
    say("FAILED:", type(error).__name__, error)
    try:
        print(lnw("-w", "ours", "listchannels", "--all"))
    except Exception as other:
        print(other)
    for name in ("up.log", "electrum.err", "electrum.log", "stub.log"):
        path = f"{HOME}/{name}"
        if os.path.exists(path):
            print(f"--- {name}\n" + "".join(open(path).readlines()[-12:]))
    status = 1
finally:
    subprocess.run(["pkill", "-P", str(os.getpid())])
os._exit(status)
