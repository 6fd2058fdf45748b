#!/usr/bin/env python3
"""Two nodes of ours that know of layer 1 what an ElectrumX tells them: one over TCP, one over TLS.

  electrumx.py LNW ELECTRUMX     ELECTRUMX: the program electrumx_server (PyPI: e-x, below version 2; with plyvel)

The layer 1 is `lnw chain serve`, or the bitcoind of LIGHTNING_BITCOIND (http://user:password@host:port, regtest). Channels open, pay, close by
agreement and without, with payments under way and a server that goes away and comes back. Exits with 0 if all of it worked.
"""
import hashlib, json, os, subprocess, sys

from rig import ENV, HOME, LNW, bitcoind, free, lnw, run, say, until

SERVER = sys.argv[2]
TCP, TLS, RPC, ADMIN = free(), free(), free(), free()
URL = os.environ.get("LIGHTNING_BITCOIND", f"http://u:p@127.0.0.1:{RPC}")
rpc = bitcoind(URL)
# To a script that anybody may spend.
NOWHERE = "bcrt1qft5p2uhsdcdc3l2ua4ap5qqfg4pjaqlp250x7us7a8qqhrxrxfsqseac85"
NODES, PORT = {}, {}


def electrumx():
    os.makedirs(f"{HOME}/index", exist_ok=True)
    env = dict(
        os.environ, COIN="Bitcoin", NET="regtest", DB_DIRECTORY=f"{HOME}/index", DAEMON_URL=URL + "/", ALLOW_ROOT="1",
        SERVICES=f"tcp://127.0.0.1:{TCP},ssl://127.0.0.1:{TLS},rpc://127.0.0.1:{ADMIN}", SSL_CERTFILE=f"{HOME}/cert.pem",
        SSL_KEYFILE=f"{HOME}/key.pem", COST_SOFT_LIMIT="1000000", COST_HARD_LIMIT="10000000", DAEMON_POLL_INTERVAL_BLOCKS="200",
        DAEMON_POLL_INTERVAL_MEMPOOL="200")
    # It holds small answers back for a second, so that nobody can tell by their sizes what was asked: not here.
    code = (
        "import runpy, electrumx.server.transport as t; t.PaddedRSTransport.WAIT_FOR_BUFFER_GROWTH_SECONDS = 0.01; "
        f"runpy.run_path({SERVER!r}, run_name='__main__')")
    return subprocess.Popen([os.path.join(os.path.dirname(SERVER), "python"), "-c", code], env=env, stdout=open(f"{HOME}/electrumx.log", "a"), stderr=subprocess.STDOUT)


def start(name, *chain):
    if name not in PORT:
        PORT[name] = free()
    NODES[name] = subprocess.Popen(
        [LNW, "start", "-w", name, "--port", str(PORT[name]), "--chain", *chain], env=ENV, stdout=open(f"{HOME}/{name}.log", "a"),
        stderr=subprocess.STDOUT)
    until(lambda: isinstance(lnw("-w", name, "getinfo", ok=False), dict), 60, f"{name} starts")


def begin(name):
    chains = {
        "alice": (f"electrum:tcp://127.0.0.1:{TCP}",),
        "bob": (f"electrum:ssl://127.0.0.1:{TLS}", "--chain-certificate", f"{HOME}/cert.pem"),
    }
    start(name, *chains[name])


def follow():
    height = rpc("getblockcount")
    for name in NODES:
        until(lambda: lnw("-w", name, "getinfo")["blockheight"] >= height, 60, f"{name} follows the chain")


def mine(count=1):
    rpc("generatetoaddress", count, NOWHERE)
    follow()


def channels(name):
    return lnw("-w", name, "listchannels")["channels"]


def open_channel():
    bob = lnw("-w", "bob", "getinfo")["id"]
    opened = lnw("-w", "alice", "openchannel", f"{bob}@127.0.0.1:{PORT['bob']}", "1000000sat", "--push", "300000sat", "--yes")["channel_id"]

    def usable():
        mine(1)
        return all(c["state"] == "normal" for name in NODES for c in channels(name) if c["channel_id"] == opened)
    until(usable, 120, "the channel becomes usable")
    return opened


def hold(payer, payee, amount):
    """A payment that waits at its payee: its preimage and its hash."""
    preimage = os.urandom(32)
    hash_ = hashlib.sha256(preimage).hexdigest()
    bolt11 = lnw("-w", payee, "holdinvoice", hash_, amount, "held")["bolt11"]
    subprocess.Popen([LNW, "-w", payer, "pay", bolt11, "--json"], env=ENV, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    until(lambda: lnw("-w", payee, "lookupinvoice", hash_)["status"] == "held", 30, "the payment is held")
    return preimage.hex(), hash_


def close_with_payments(closer):
    """A close without the peer, a payment under way each way; one is settled after it, one never."""
    say(f"--- {closer} gives a channel up")
    opened = open_channel()
    preimage, settled = hold("alice", "bob", "50000sat")
    _, never = hold("bob", "alice", "40000sat")
    lnw("-w", closer, "forceclose", opened, "--yes")
    mine(1)
    lnw("-w", "bob", "settle", preimage)
    # A claim by its preimage first: later its payer may take it back.
    mine(2)

    def done():
        mine(20)
        return all(c["channel_id"] != opened or c["state"] == "closed" for name in NODES for c in channels(name))
    until(done, 240, "every output is claimed, and deep enough")
    for payer, hash_, status in (("alice", settled, "succeeded"), ("bob", never, "failed")):
        payments = lnw("-w", payer, "listpayments")["payments"]
        assert [p["status"] for p in payments if p["payment_hash"] == hash_] == [status], payments


def main():
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=localhost", "-days", "2", "-keyout", f"{HOME}/key.pem",
         "-out", f"{HOME}/cert.pem"], check=True, capture_output=True)
    if "LIGHTNING_BITCOIND" not in os.environ:
        subprocess.Popen(
            [LNW, "chain", "serve", "--memory", "--rpc-port", str(RPC), "--rpc-user", "u", "--rpc-password", "p"], env=ENV,
            stdout=open(f"{HOME}/chain.log", "w"), stderr=subprocess.STDOUT)
        until(lambda: "layer 1" in open(f"{HOME}/chain.log").read(), 30, "the layer 1 starts")
    rpc("generatetoaddress", 10, NOWHERE)
    server = electrumx()
    until(lambda: "TCP server listening" in open(f"{HOME}/electrumx.log").read(), 60, "ElectrumX starts")
    strangers = subprocess.run(
        [LNW, "start", "-w", "x", "--chain", f"electrum:ssl://127.0.0.1:{TLS}", "--json"], env=ENV, capture_output=True, text=True)
    assert strangers.returncode and json.loads(strangers.stdout)["error"]["message"], strangers
    say("a certificate that nobody vouches for:", json.loads(strangers.stdout)["error"]["message"][:90])
    for name in ("alice", "bob"):
        begin(name)
        for _ in range(4):
            rpc("generatetoaddress", 1, lnw("-w", name, "newaddress")["address"])
    mine(100)
    confirmed = {name: lnw("-w", name, "balance")["on_chain_confirmed_sat"] for name in NODES}
    assert confirmed == {"alice": 4 * 50_0000_0000, "bob": 4 * 50_0000_0000}, confirmed
    say("both follow the chain, and have their coins")
    opened = open_channel()
    for payer, payee, amount in [("alice", "bob", 12_345), ("bob", "alice", 2_345)] * 3:
        invoice = lnw("-w", payee, "invoice", f"{amount}sat", "electrum")["bolt11"]
        assert lnw("-w", payer, "pay", invoice)["status"] == "succeeded"
    say("paid both ways")
    server.terminate()
    server.wait()
    rpc("generatetoaddress", 3, NOWHERE)
    server = electrumx()
    follow()
    invoice = lnw("-w", "bob", "invoice", "1000sat", "again")["bolt11"]
    assert lnw("-w", "alice", "pay", invoice)["status"] == "succeeded"
    say("the server was away, and is followed again")
    lnw("-w", "alice", "close", opened, "--yes")
    mine(101)
    assert all(c["state"] == "closed" for name in NODES for c in channels(name)), channels("alice")
    # A node that was away for the whole close finds it.
    opened = open_channel()
    NODES.pop("bob").terminate()
    until(lambda: not isinstance(lnw("-w", "bob", "getinfo", ok=False), dict), 30, "bob stops")
    lnw("-w", "alice", "forceclose", opened, "--yes")
    mine(10)
    begin("bob")
    follow()
    assert channels("bob")[0]["close_kind"] == "remote force close", channels("bob")[0]
    mine(160)
    assert lnw("-w", "bob", "balance")["on_chain_confirmed_sat"] > 4 * 50_0000_0000 + 550_000, lnw("-w", "bob", "balance")
    say("what a close paid out while it was away is there")
    for closer in ("alice", "bob"):
        close_with_payments(closer)
    say("all of it worked")
    for node in NODES.values():
        node.terminate()
    server.terminate()


if __name__ == "__main__":
    run(main)
