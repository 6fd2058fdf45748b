#!/usr/bin/env python3
"""Real processes and databases, killed with -9 while they pay, forward, hold, open and close: nothing may be lost.

  crash_sweep.py LNW [KILLS] [SEED]     KILLS: how often a node is killed, 200 by default

Alice pays carol over bob, and a watchtower keeps kits for bob. After each kill the node starts again, takes up its channels, and is not in doubt about
its database. In the end every payment that its payer calls complete is paid at its payee, and no other; channels are closed, by force with HTLCs under way, and
on chain there is what there was, less the fees that listtransactions and the closes tell of. Exits with 0 if all of it was so.
"""
import hashlib, json, os, random, signal, subprocess, sys, time

KILLS = int(sys.argv[2]) if len(sys.argv) > 2 else 200
SEED = int(sys.argv[3]) if len(sys.argv) > 3 else 1
sys.argv = sys.argv[:2]
from rig import ENV, HOME, LNW, free, lnw, run, say, until

NAMES = ["alice", "bob", "carol", "tower"]
RPC, PORTS, PROCESSES = free(), {name: free() for name in NAMES}, {}
CHAIN = f"bitcoind:http://u:p@127.0.0.1:{RPC}"
dice = random.Random(SEED)


def start(name):
    options = ["--watchtower"] if name == "tower" else []
    PROCESSES[name] = subprocess.Popen(
        [LNW, "start", "-w", name, "--chain", CHAIN, "--port", str(PORTS[name]), *options], env=ENV,
        stdout=open(f"{HOME}/{name}.log", "a"), stderr=subprocess.STDOUT)


def answers(name):
    return isinstance(lnw("-w", name, "getinfo", ok=False), dict)


def kill(name):
    PROCESSES[name].send_signal(signal.SIGKILL)
    PROCESSES[name].wait()
    start(name)
    until(lambda: answers(name), 60, f"{name} starts again")
    assert not any(c["possibly_behind"] for c in lnw("-w", name, "listchannels", "--all")["channels"]), f"{name} doubts its database"


def mine(count=1):
    lnw("chain", "mine", str(count), MINER, "--chain", CHAIN)


def synced():
    height = lnw("chain", "info", "--chain", CHAIN)["blockheight"]
    for name in NAMES:
        until(lambda: answers(name) and lnw("-w", name, "getinfo")["blockheight"] >= height, 60, f"{name} follows the chain")


def in_background(*words):
    return subprocess.Popen([LNW, *words, "--json"], env=ENV, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def usable():
    return all(
        c["state"] == "normal" and c["connected"] for name in ("alice", "bob", "carol") for c in lnw("-w", name, "listchannels")["channels"])


def everything(name):
    b = lnw("-w", name, "balance")
    assert b["in_channels_msat"] == 0 and b["contested_sat"] == 0 and b["closing_sat"] == 0, b
    return b["on_chain_confirmed_sat"] + b["on_chain_unconfirmed_sat"]


def act(number):
    """Something that can be interrupted anywhere."""
    what = dice.choice(["pay", "pay", "pay", "burst", "hold", "back", "mine", "send"])
    try:
        if what in ("pay", "burst"):
            for _ in range(8 if what == "burst" else 1):
                invoice = lnw("-w", "carol", "invoice", f"{dice.randint(1, 2000)}sat", "sweep")["bolt11"]
                in_background("-w", "alice", "pay", invoice)
        elif what == "back":
            invoice = lnw("-w", "alice", "invoice", f"{dice.randint(1, 500)}sat", "sweep")["bolt11"]
            in_background("-w", "carol", "pay", invoice)
        elif what == "hold":
            preimage = hashlib.sha256(f"{SEED}/{number}".encode()).digest()
            hash_ = hashlib.sha256(preimage).hexdigest()
            invoice = lnw("-w", "carol", "holdinvoice", hash_, f"{dice.randint(1000, 3000)}sat", "sweep")["bolt11"]
            in_background("-w", "alice", "pay", invoice)
            HELD[hash_] = preimage.hex()
        elif what == "mine":
            mine(1)
        elif what == "send":
            address = lnw("-w", "bob", "newaddress")["address"]
            txid = lnw("-w", "alice", "send", address, "10000sat", "--fee-rate", "1", "--yes")["txid"]
            in_background("-w", "alice", "bumpfee", txid, "--fee-rate", "5", "--yes")
    except (RuntimeError, json.JSONDecodeError) as error:
        # Whoever was asked was away.
        if "not running" not in str(error) and "stopped before it answered" not in str(error) and "nobody answers" not in str(error):
            say("refused:", what, str(error)[:160])


def settle_all():
    for hash_, preimage in list(HELD.items()):
        status = [i["status"] for i in lnw("-w", "carol", "listinvoices", "--limit", "10000")["invoices"] if i["payment_hash"] == hash_]
        if status == ["held"]:
            lnw("-w", "carol", "settle", preimage, ok=False)
            del HELD[hash_]


def books():
    """Both ends of every payment agree."""
    for payer, payee in (("alice", "carol"), ("carol", "alice")):
        paid = {p["payment_hash"] for p in lnw("-w", payer, "listpayments", "--limit", "10000")["payments"] if p["status"] == "succeeded"}
        got = {i["payment_hash"] for i in lnw("-w", payee, "listinvoices", "--limit", "10000")["invoices"] if i["status"] == "paid"}
        assert paid == got, (payer, len(paid - got), len(got - paid))
        say(payer, "paid", len(paid), "times, and", payee, "has all of it")


def main():
    global MINER, HELD
    HELD = {}
    subprocess.Popen(
        [LNW, "chain", "serve", "--rpc-port", str(RPC), "--rpc-user", "u", "--rpc-password", "p"], env=ENV,
        stdout=open(f"{HOME}/chain.log", "w"), stderr=subprocess.STDOUT)
    until(lambda: isinstance(lnw("chain", "info", "--chain", CHAIN, ok=False), dict), 30, "the layer 1 starts")
    for name in NAMES:
        start(name)
        until(lambda: answers(name), 60, f"{name} starts")
    MINER = lnw("-w", "tower", "newaddress")["address"]
    for name in ("alice", "bob", "carol"):
        lnw("chain", "mine", "1", lnw("-w", name, "newaddress")["address"], "--chain", CHAIN)
    mine(101)
    synced()
    before = {name: everything(name) for name in ("alice", "bob", "carol")}
    ids = {name: lnw("-w", name, "getinfo")["id"] for name in NAMES}
    lnw("-w", "bob", "watchtower", "add", f"{ids['tower']}@127.0.0.1:{PORTS['tower']}")
    lnw("-w", "alice", "openchannel", f"{ids['bob']}@127.0.0.1:{PORTS['bob']}", "5000000sat", "--push", "1000000sat", "--public", "--yes")
    lnw("-w", "bob", "openchannel", f"{ids['carol']}@127.0.0.1:{PORTS['carol']}", "5000000sat", "--push", "1000000sat", "--public", "--yes")
    # Killed while they open, as well.
    for name in ("alice", "bob", "carol"):
        kill(name)
    mine(6)
    synced()
    until(usable, 90, "the channels are usable")
    for number in range(KILLS):
        act(number)
        time.sleep(dice.random() * 0.25)
        kill(dice.choice(NAMES[:3] * 3 + ["tower"]))
        if number % 20 == 19:
            until(usable, 120, "the channels are usable again")
            settle_all()
            say(number + 1, "kills")
    until(usable, 120, "the channels are usable again")

    def quiet():
        settle_all()
        mine(1)
        return all(lnw("-w", n, "balance")["outgoing_htlcs_msat"] + lnw("-w", n, "balance")["incoming_htlcs_msat"] == 0 for n in ("alice", "bob", "carol"))
    until(quiet, 300, "nothing is under way any more")
    books()
    tower = lnw("-w", "bob", "watchtower", "list")["watchtowers"][0]
    until(lambda: lnw("-w", "bob", "watchtower", "list")["watchtowers"][0]["kits_waiting"] == 0, 60, "the tower has all kits")
    say("kits", tower["kits_made"])
    # One held HTLC over both channels, and both are closed by force, with nodes that die meanwhile.
    preimage = hashlib.sha256(f"{SEED}/last".encode()).digest()
    hash_ = hashlib.sha256(preimage).hexdigest()
    invoice = lnw("-w", "carol", "holdinvoice", hash_, "50000sat", "sweep")["bolt11"]
    in_background("-w", "alice", "pay", invoice)
    until(lambda: [i["status"] for i in lnw("-w", "carol", "listinvoices")["invoices"] if i["payment_hash"] == hash_] == ["held"], 60, "held")
    for name in ("alice", "bob"):
        for channel in lnw("-w", name, "listchannels")["channels"]:
            lnw("-w", name, "forceclose", channel["channel_id"], "--yes", ok=False)
    lnw("-w", "carol", "settle", preimage.hex(), ok=False)

    def closed():
        mine(1)
        if dice.random() < 0.2:
            kill(dice.choice(NAMES[:3]))
        synced()
        return all(c["state"] == "closed" for n in ("alice", "bob", "carol") for c in lnw("-w", n, "listchannels", "--all")["channels"])
    until(closed, 900, "everything is closed")
    mine(6)
    synced()
    books()
    after = {name: everything(name) for name in before}
    fees = sum(before.values()) - sum(after.values())
    for name in before:
        say(name, before[name], "→", after[name])
    say("fees of all transactions and closes:", fees, "sat")
    assert 0 < fees < 60_000, fees
    say("OK:", KILLS, "kills, seed", SEED)


run(main)
