#!/usr/bin/env python3
"""Closes on chain with HTLCs under way both ways, between Electrum's Lightning node and ours; Bitcoin Core's kernel judges every block.

  electrum_onchain.py LNW ORACLES PYTHON

Each row: one HTLC of 40,000 sat from ours to Electrum, one of 60,000 sat from Electrum to ours, both held; then either side closes. In half
of the rows the preimages come after the close, and both have their money on chain; in the others nobody settles, and both go back. In the
last rows Electrum is frozen while ours settles, and thaws when it is too late for it. Exits with 0 if every figure is told right.
"""
import hashlib, os, signal, subprocess, time

from rig import ENV, LISTEN, LNW, Peer, World, lnw, run, say, until

HELD_BY_ELECTRUM, HELD_BY_OURS = 40_000, 60_000


def secret(name):
    preimage = hashlib.sha256(f"{name} {time.time()}".encode()).digest()
    return preimage.hex(), hashlib.sha256(preimage).hexdigest()


def channel(point):
    return next(c for c in lnw("-w", "ours", "listchannels", "--all")["channels"] if f"{c['funding_txid']}:{c['funding_output_index']}" == point)


def mine(count=1, follow=True):
    for _ in range(count):
        height = lnw("local", "mine", "1")["height"]
        if follow:
            # The outcome of a payment may come in between.
            until(lambda: isinstance(seen := PEER.do("height"), int) and seen >= height, 30, "electrum follows the chain")
            time.sleep(0.15)
    return height


def open_channel(peer):
    lnw("-w", "ours", "openchannel", f"{peer.id}@127.0.0.1:{LISTEN}", "1000000sat", "--push", "400000sat", "--yes")
    c = until(lambda: lnw("-w", "ours", "listchannels")["channels"][-1:], 10, "channel")[0]
    point = f"{c['funding_txid']}:{c['funding_output_index']}"

    def usable():
        mine(1)
        c = channel(point)
        return c["state"] == "normal" and c["connected"]
    until(usable, 60, "the channel becomes usable")
    peer.do("waitstate OPEN 60")
    return point


def payment(payment_hash):
    return next((p for p in lnw("-w", "ours", "listpayments")["payments"] if p["payment_hash"] == payment_hash), None)


def invoice(payment_hash):
    return next(i for i in lnw("-w", "ours", "listinvoices")["invoices"] if i["payment_hash"] == payment_hash)


def hold_both(peer):
    """Both HTLCs, held; their preimages and hashes, ours first."""
    theirs, theirs_hash = secret("electrum")
    bolt11 = peer.do(f"hold {theirs_hash} {HELD_BY_ELECTRUM}")["invoice"]
    subprocess.Popen([LNW, "-w", "ours", "pay", bolt11, "--json"], env=ENV, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    ours, ours_hash = secret("ours")
    bolt11 = lnw("-w", "ours", "holdinvoice", ours_hash, f"{HELD_BY_OURS}sat", "held")["invoice"]
    peer.process.stdin.write(f"pay {bolt11}\n")
    peer.process.stdin.flush()
    until(lambda: invoice(ours_hash)["status"] == "held", 30, "electrum's HTLC is held")
    until(lambda: (payment(theirs_hash) or {}).get("status") == "pending", 30, "our HTLC is under way")
    time.sleep(1)
    return (ours, ours_hash), (theirs, theirs_hash)


def total():
    b = lnw("-w", "ours", "balance")
    return b["on_chain_confirmed_sat"] + b["on_chain_unconfirmed_sat"]


def to_the_end(point, limit=700):
    for _ in range(limit):
        mine(1)
        if channel(point)["state"] == "closed":
            break
    c = channel(point)
    assert c["state"] == "closed", c
    b = lnw("-w", "ours", "balance")
    assert b["contested_sat"] == 0 and b["closing_sat"] == 0, b
    return c


def row(peer, closer, is_settled):
    say(f"--- {closer} closes, and {'both preimages come after it' if is_settled else 'nobody settles'}")
    point = open_channel(peer)
    before = total() + channel(point)["to_local_msat"] // 1000
    (ours, ours_hash), (theirs, theirs_hash) = hold_both(peer)
    if closer == "ours":
        say(lnw("-w", "ours", "quote", "forceclose", channel(point)["channel_id"]))
        lnw("-w", "ours", "forceclose", channel(point)["channel_id"], "--yes")
    else:
        peer.do(f"force {point}")
    mine(1)
    contested = lnw("-w", "ours", "balance")
    assert contested["contested_sat"] == HELD_BY_ELECTRUM + HELD_BY_OURS and contested["contested_until"], contested
    assert payment(theirs_hash)["status"] == "pending" and invoice(ours_hash)["status"] == "held"
    if is_settled:
        lnw("-w", "ours", "settle", ours)
        peer.do(f"settle {theirs}")
    closed = to_the_end(point)
    paid, received = payment(theirs_hash), invoice(ours_hash)
    after = total()
    say("closed:", [(o["role"], o["amount_sat"], o["status"].split(" by ")[0]) for o in closed["close_outputs"]])
    say(f"payment {paid['status']}, invoice {received['status']}, {after - before} sat since")
    if is_settled:
        assert paid["status"] == "succeeded" and received["status"] == "paid", (paid, received)
        expected = before - HELD_BY_ELECTRUM + HELD_BY_OURS
    else:
        assert paid["status"] == "failed" and received["status"] == "canceled", (paid, received)
        expected = before
    assert expected - 25_000 <= after <= expected, (before, expected, after)


def frozen(peer):
    say("--- electrum is frozen, ours settles and closes, electrum thaws")
    point = open_channel(peer)
    before = total() + channel(point)["to_local_msat"] // 1000
    (ours, ours_hash), (theirs, theirs_hash) = hold_both(peer)
    os.kill(peer.process.pid, signal.SIGSTOP)
    lnw("-w", "ours", "settle", ours)
    assert invoice(ours_hash)["status"] != "paid", "it is not ours yet"
    # Nobody asks for it: as the expiry comes near, the channel is given up over it.
    for _ in range(400):
        mine(1, follow=False)
        if invoice(ours_hash)["status"] == "paid":
            break
    c = channel(point)
    say("given up:", c.get("reason"), c["close_kind"])
    assert invoice(ours_hash)["status"] == "paid", invoice(ours_hash)
    os.kill(peer.process.pid, signal.SIGCONT)
    time.sleep(3)
    to_the_end(point)
    after = total()
    paid = payment(theirs_hash)
    say(f"payment {paid['status']}, invoice {invoice(ours_hash)['status']}, {after - before} sat since")
    assert paid["status"] == "failed"
    assert before + HELD_BY_OURS - 25_000 <= after <= before + HELD_BY_OURS, (before, after)


def main():
    global PEER
    World()
    peer = PEER = Peer()
    lnw("local", "fund", "ours", "0.2btc")
    # Several coins: each HTLC transaction takes one.
    for _ in range(3):
        lnw("local", "fund", "ours", "0.01btc")
    lnw("-w", "ours", "send", peer.address, "0.05btc", "--yes")
    mine(1)
    peer.do("waitcoins 4000000")
    for closer in ("ours", "electrum"):
        for is_settled in (True, False):
            row(peer, closer, is_settled)
    frozen(peer)
    say("every row is as it should be")


if __name__ == "__main__":
    run(main)
