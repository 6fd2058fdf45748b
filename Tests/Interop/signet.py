#!/usr/bin/env python3
"""Two nodes of ours on a signet of one's own: they open, pay and close over a real bitcoind.

  signet.py LNW URL     URL: http://user:password@127.0.0.1:PORT of a bitcoind with -signet -signetchallenge=51 -fallbackfee=0.0001

The challenge is OP_TRUE, so that anybody mines. Every wallet begins at the tip. Exits with 0 if all of it worked.
"""
import json, subprocess, sys

from rig import ENV, HOME, LNW, bitcoind, free, lnw as call, run, say, until

URL = sys.argv[2]
rpc = bitcoind(URL)


def lnw(*words, ok=True):
    return call("--network", "signet", *words, ok=ok)


def mine(count=1):
    for _ in range(count):
        # A signet has a difficulty: some million hashes for a block.
        if not rpc("generatetoaddress", 1, ADDRESS, 500_000_000):
            raise RuntimeError("no block was found")
    height = rpc("getblockcount")
    for name in NODES:
        until(lambda: lnw("-w", name, "getinfo")["blockheight"] >= height, 60, f"{name} follows the chain")


NODES = {}


def start(name, port):
    NODES[name] = subprocess.Popen(
        [LNW, "start", "--network", "signet", "-w", name, "--chain", f"bitcoind:{URL}", "--port", str(port)], env=ENV,
        stdout=open(f"{HOME}/{name}.log", "a"), stderr=subprocess.STDOUT)
    until(lambda: isinstance(lnw("-w", name, "getinfo", ok=False), dict), 60, f"{name} starts")


def main():
    global ADDRESS
    assert rpc("getblockchaininfo")["chain"] == "signet"
    wallets = rpc("listwallets")
    rpc("createwallet", "miner") if "miner" not in wallets else None
    ADDRESS = rpc("getnewaddress", wallet="miner")
    mine(max(1, 130 - rpc("getblockcount")) + 101)
    wrong = subprocess.run([LNW, "start", "-w", "x", "--chain", f"bitcoind:{URL}", "--json"], env=ENV, capture_output=True, text=True)
    assert wrong.returncode == 3 and "is on signet, not on regtest" in json.loads(wrong.stdout)["error"]["message"], wrong
    port = {name: free() for name in ("alice", "bob")}
    for name in port:
        start(name, port[name])
    info = lnw("-w", "alice", "getinfo")
    assert info["network"] == "signet" and info["blockheight"] == rpc("getblockcount"), info
    say("both nodes follow the signet from", info["blockheight"])
    address = lnw("-w", "alice", "newaddress")["address"]
    assert address.startswith("tb1"), address
    rpc("sendtoaddress", address, 0.02, wallet="miner")
    mine(1)
    bob = lnw("-w", "bob", "getinfo")["id"]
    lnw("-w", "alice", "openchannel", f"{bob}@127.0.0.1:{port['bob']}", "1000000sat", "--push", "200000sat", "--yes")

    def usable():
        mine(1)
        return lnw("-w", "alice", "listchannels")["channels"][0]["state"] == "normal"
    until(usable, 120, "the channel becomes usable")
    say("the channel can be used")
    invoice = lnw("-w", "bob", "invoice", "12345sat", "signet")["bolt11"]
    assert invoice.startswith("lntbs"), invoice
    assert lnw("-w", "alice", "pay", invoice)["status"] == "succeeded"
    assert lnw("-w", "bob", "waitinvoice", invoice)["received_msat"] == 12_345_000
    # Of this network only, and on it again after a restart.
    NODES.pop("alice").terminate()
    until(lambda: not isinstance(lnw("-w", "alice", "getinfo", ok=False), dict), 30, "alice stops")
    mine(2)
    start("alice", port["alice"])
    until(lambda: lnw("-w", "alice", "listchannels")["channels"][0]["connected"], 60, "the peers meet again")
    back = lnw("-w", "alice", "invoice", "345sat", "back")["bolt11"]
    assert lnw("-w", "bob", "pay", back)["status"] == "succeeded"
    say("paid both ways, with a restart between")
    close = lnw("-w", "alice", "close", bob, "--yes")
    mine(1)
    until(lambda: lnw("-w", "bob", "balance")["on_chain_confirmed_sat"] > 0, 60, "the close is mined")
    mine(6)
    assert lnw("-w", "bob", "balance")["on_chain_confirmed_sat"] == 212_000, lnw("-w", "bob", "balance")
    assert close["txid"] in rpc("getblock", rpc("getblockhash", rpc("getblockcount") - 6))["tx"]
    say("closed, and every satoshi is there")
    for node in NODES.values():
        node.terminate()


if __name__ == "__main__":
    run(main)
