#!/usr/bin/env python3
"""A real Electrum Lightning node against ours, over a layer 1 that both watch and Bitcoin Core's kernel judges.

  electrum.py LNW ORACLES PYTHON     LNW: the lnw program; ORACLES: the folder with electrum_peer.py and l1stub.py;
                                     PYTHON: one that has what they need

Electrum opens a channel to ours and ours to it; payments both ways, dust too; a reconnection and a restart of our node in
between; cooperative closes from either side; a force close from either side. Exits with 0 if all of it worked.
"""
import json, os, subprocess, sys, time

from rig import ENV, HOME, LISTEN, NODE, Peer, World, lnw, run, say, until


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
        invoice = lnw("-w", "ours", "invoice", f"{amount}sat", "interop")["bolt11"]
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


run(main)
