#!/usr/bin/env python3
"""Two nodes of ours on a real bitcoind: closes with HTLCs under way, whose every transaction its mempool has to accept.

  bitcoind_onchain.py LNW URL     URL: http://user:password@127.0.0.1:PORT of a bitcoind on regtest, with -fallbackfee

Once nobody settles, so that HTLC transactions after their time and the claims after them go through; once the preimages come after the
close. With -maxmempool=5, once more while the mempool is full and takes nothing that pays as little as our last state does: then it has to take
that together with what pays for it. Exits with 0 if all of it worked.
"""
import hashlib, subprocess, sys, time

from rig import ENV, HOME, LNW, bitcoind, free, lnw, run, say, until

URL = sys.argv[2]
rpc = bitcoind(URL)


def mine(count=1):
    for _ in range(count):
        rpc("generatetoaddress", 1, ADDRESS)
        height = rpc("getblockcount")
        for name in ("alice", "bob"):
            until(lambda: lnw("-w", name, "getinfo")["blockheight"] >= height, 60, f"{name} follows the chain")


def channel(name="alice"):
    """The newest one."""
    channels = lnw("-w", name, "listchannels", "--all")["channels"]
    return max(channels, key=lambda c: c["funding_height"] or 1 << 30)


def onchain(name):
    b = lnw("-w", name, "balance")
    return b["on_chain_confirmed_sat"] + b["on_chain_unconfirmed_sat"]


def open_and_hold(ids, port):
    lnw("-w", "alice", "openchannel", f"{ids['bob']}@127.0.0.1:{port}", "1000000sat", "--push", "400000sat", "--yes")

    def usable():
        mine(1)
        return channel()["state"] == "normal"
    until(usable, 60, "the channel becomes usable")
    held = {}
    for payer, payee, amount in (("alice", "bob", 50_000), ("bob", "alice", 60_000)):
        preimage = hashlib.sha256(f"{payee} {time.time()}".encode()).digest()
        hash_ = hashlib.sha256(preimage).hexdigest()
        bolt11 = lnw("-w", payee, "holdinvoice", hash_, f"{amount}sat", "held")["bolt11"]
        subprocess.Popen([LNW, "-w", payer, "pay", bolt11, "--json"], env=ENV, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        held[payee] = preimage.hex()
        until(lambda: any(i["payment_hash"] == hash_ and i["status"] == "held" for i in lnw("-w", payee, "listinvoices")["invoices"]), 30)
    return held


def close(ids, port, what):
    say("---", what)
    before = {name: onchain(name) for name in ids}
    held = open_and_hold(ids, port)
    lnw("-w", "alice", "forceclose", channel()["channel_id"], "--yes")
    mine(1)
    assert channel()["close_kind"] == "local force close" and channel("bob")["close_kind"] == "remote force close"
    if what == "preimages after the close":
        for name, preimage in held.items():
            lnw("-w", name, "settle", preimage)
    for _ in range(700):
        mine(1)
        if channel()["state"] == "closed" and channel("bob")["state"] == "closed":
            break
    for name in ids:
        say(name, [(o["role"], o["amount_sat"], o["status"].split(" by ")[0]) for o in channel(name)["close_outputs"]])
        assert not any("refuses" in o["status"] for o in channel(name)["close_outputs"])
    after = {name: onchain(name) for name in ids}
    alice, bob = (after[n] - before[n] for n in ("alice", "bob"))
    moved = 10_000 if what == "preimages after the close" else 0
    say(f"alice {alice}, bob {bob}")
    assert -400_000 - 25_000 + moved <= alice <= -400_000 + moved and 400_000 - 25_000 - moved <= bob <= 400_000 - moved, (alice, bob)


def fill():
    """Fills the mempool until it takes ten times what it usually does."""
    # Addresses that no wallet looks for: else each transaction takes seconds.
    rpc("createwallet", "others")
    addresses = [rpc("getnewaddress", wallet="others") for _ in range(900)]
    rpc("unloadwallet", "others")
    for position, coin in enumerate(rpc("listunspent", 1, 9999999, [], False, {"minimumAmount": 1}, wallet="miner")):
        if rpc("getmempoolinfo")["mempoolminfee"] >= 0.0001:
            break
        # Each of 28,000 virtual bytes pays half a satoshi more for each of them than the one before, from two on.
        paid = len(addresses) * 0.00001 + 0.00028 * (2 + position / 2)
        outputs = [{address: 0.00001} for address in addresses] + [{ADDRESS: round(coin["amount"] - paid, 8)}]
        made = rpc("createrawtransaction", [{"txid": coin["txid"], "vout": coin["vout"]}], outputs)
        rpc("sendrawtransaction", rpc("signrawtransactionwithwallet", made, wallet="miner")["hex"], 0)
    return rpc("getmempoolinfo")["mempoolminfee"]


def full(ids, port):
    """A close while the mempool is full: by itself our last state is not taken."""
    say("--- a full mempool")
    rpc("generatetoaddress", 200, ADDRESS)
    mine(1)
    open_and_hold(ids, port)
    least = fill()
    say(f"the mempool takes {least * 1e5:.1f} sat/vB and more")
    # Both look at fees at every block.
    rpc("generateblock", ADDRESS, [])
    height = rpc("getblockcount")
    for name in ids:
        until(lambda: lnw("-w", name, "getinfo")["blockheight"] >= height, 60, f"{name} follows the chain")
    commitment = lnw("-w", "alice", "forceclose", channel()["channel_id"], "--yes")["txid"]
    until(lambda: commitment in rpc("getrawmempool"), 60, "the last state is in the mempool")
    entry = rpc("getmempoolentry", commitment)
    own = entry["fees"]["base"] * 1e8 / entry["vsize"]
    both = entry["fees"]["descendant"] * 1e8 / entry["descendantsize"]
    say(f"alone it pays {own:.1f} sat/vB, with its child {both:.1f}")
    assert own < least * 1e5 <= both, (own, least, both)
    mine(3)
    assert channel()["close_kind"] == "local force close"


def main():
    global ADDRESS
    rpc("createwallet", "miner") if "miner" not in rpc("listwallets") else None
    ADDRESS = rpc("getnewaddress", wallet="miner")
    rpc("generatetoaddress", 101, ADDRESS)
    nodes, ids, ports = [], {}, {}
    for name in ("alice", "bob"):
        lnw("-w", name, "create")
        ports[name] = free()
        nodes.append(subprocess.Popen(
            [LNW, "start", "-w", name, "--chain", f"bitcoind:{URL}", "--port", str(ports[name])], env=ENV,
            stdout=open(f"{HOME}/{name}.log", "a"), stderr=subprocess.STDOUT))
        until(lambda: isinstance(lnw("-w", name, "getinfo", ok=False), dict), 60, f"{name} starts")
        ids[name] = lnw("-w", name, "getinfo")["id"]
        for _ in range(3):
            rpc("sendtoaddress", lnw("-w", name, "newaddress")["address"], 0.02, wallet="miner")
    mine(1)
    for what in ("preimages after the close", "nobody settles"):
        close(ids, ports["bob"], what)
    if rpc("getmempoolinfo")["maxmempool"] <= 5_000_000:
        full(ids, ports["bob"])
    say("all of it worked")
    for node in nodes:
        node.terminate()


if __name__ == "__main__":
    run(main)
