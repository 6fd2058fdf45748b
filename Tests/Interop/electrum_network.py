#!/usr/bin/env python3
"""A real Electrum node as first, middle and last hop of payments over three nodes, with ours in the other places.

  electrum_network.py LNW ORACLES PYTHON     as for electrum.py

Exits with 0 if all of it worked.
"""
import time

from rig import LISTEN, Peer, World, lnw, run, say, until


def channels(name):
    return [c for c in lnw("-w", name, "listchannels")["channels"] if c["state"] == "normal" and c["connected"]]


def mine(peer, count=1):
    height = lnw("local", "mine", str(count))["height"]
    until(lambda: peer.do("height") >= height, 30, "electrum follows the chain")
    time.sleep(0.3)


def open_channel(peer, name, target, amount, push, count):
    lnw("-w", name, "openchannel", target, f"{amount}sat", "--push", f"{push}sat", "--yes")

    def usable():
        if len(channels(name)) >= count:
            return True
        mine(peer)
        return False
    until(usable, 60, f"{name}'s channel")


def story(name, payment):
    route = lnw("-w", name, "explain", payment["payment_hash"])["attempts"][-1]
    return f"{len(route['hops'])} hops, fee {payment['fee_msat']} msat, {payment['duration_ms']} ms"


def main():
    world = World("alice,bob,carol")
    peer = Peer("--forward")
    electrum = f"{peer.id}@127.0.0.1:{LISTEN}"
    say("electrum", peer.id[:12], {name: id[:12] for name, id in world.ids.items()})
    for name in ("alice", "bob", "carol"):
        lnw("local", "fund", name, "0.1btc")

    say("--- alice - electrum - bob: electrum is the middle hop")
    open_channel(peer, "alice", electrum, 1_000_000, 400_000, 1)
    open_channel(peer, "bob", electrum, 1_000_000, 500_000, 1)
    until(lambda: len([c for c in peer.do("channels") if c["state"] == "OPEN"]) == 2, 60, "electrum's channels")
    mine(peer, 6)
    for payer, payee, amount in (("alice", "bob", 40_000), ("bob", "alice", 25_000), ("alice", "bob", 1_500)):
        invoice = lnw("-w", payee, "invoice", f"{amount}sat", "through electrum")["bolt11"]
        paid = lnw("-w", payer, "pay", invoice)
        assert paid["status"] == "succeeded" and paid["num_hops"] == 2 and paid["fee_msat"] > 0, paid
        say(f"{payer} -> electrum -> {payee}: {amount} sat, {story(payer, paid)}")

    say("--- electrum gives a failure back: it cannot forward more than it has")
    too_much = lnw("-w", "bob", "invoice", "550000sat", "too much")["bolt11"]
    refused = lnw("-w", "alice", "pay", too_much, "--timeout", "20", ok=False)
    assert refused.returncode == 5 or refused.returncode == 4, refused
    say("refused:", refused.stderr.strip()[:150])
    assert all(c["num_htlcs"] == 0 for n in ("alice", "bob") for c in channels(n))

    say("--- electrum - alice - carol: electrum is the first hop, and the last")
    carol = next(v for v in [f"{world.ids['carol']}@127.0.0.1:{port(world, 'carol')}"])
    open_channel(peer, "alice", carol, 1_000_000, 500_000, 2)
    mine(peer, 6)
    for amount in (30_000, 700):
        invoice = lnw("-w", "carol", "invoice", f"{amount}sat", "from electrum")["bolt11"]
        assert peer.do(f"pay {invoice}")["success"]
        say(f"electrum -> alice -> carol: {amount} sat")
    for amount in (20_000, 900):
        paid = lnw("-w", "carol", "pay", peer.do(f"invoice {amount}"))
        assert paid["status"] == "succeeded" and paid["num_hops"] == 2, paid
        say(f"carol -> alice -> electrum: {amount} sat, {story('carol', paid)}")
    totals = lnw("-w", "alice", "listforwards")["totals"]
    assert totals["num_forwards"] == 4 and totals["fees_msat"] > 0, totals
    say(f"alice forwarded {totals['num_forwards']} payments and earned {totals['fees_msat']} msat; all of it worked")


def port(world, name):
    return lnw("-w", name, "getinfo")["address"].rsplit(":", 1)[1]


run(main)
