#!/usr/bin/env python3
"""Closes on chain with HTLCs under way both ways, between Electrum's Lightning node and ours; Bitcoin Core's kernel judges every block.

  electrum_onchain.py LNW ORACLES PYTHON [row ...]     rows: both frozen payer payee, all without

Each row: one HTLC of 40,000 sat from ours to Electrum, one of 60,000 sat from Electrum to ours, both held; then either side closes. In half
of the rows the preimages come after the close, and both have their money on chain; in the others nobody settles, and both go back. In the
last rows Electrum is frozen while ours settles, and thaws when it is too late for it: as payer to ours, as payer to bob behind ours, and as payee of
bob. Exits with 0 if every figure is told right.
"""
import hashlib, os, signal, subprocess, sys, time

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
            until(lambda: isinstance(seen := PEER.do("height"), int) and seen >= height, 120, "electrum follows the chain")
            time.sleep(0.15)
    return height


def open_channel(peer):
    lnw("-w", "ours", "openchannel", f"{peer.id}@127.0.0.1:{LISTEN}", "1000000sat", "--push", "400000sat", "--yes")
    def opened():
        return [c for c in lnw("-w", "ours", "listchannels")["channels"] if c["peer_id"] == peer.id and c["state"] != "closed"]
    c = until(opened, 10, "channel")[-1]
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
    bolt11 = lnw("-w", "ours", "holdinvoice", ours_hash, f"{HELD_BY_OURS}sat", "held")["bolt11"]
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


def hop():
    """Our channel with bob."""
    return next(c for c in lnw("-w", "ours", "listchannels")["channels"] if c["peer_id"] == BOB)


def wealth():
    """Of ours, on chain and with bob."""
    return total() + hop()["to_local_msat"] // 1000


def forwards(status):
    return [f for f in lnw("-w", "ours", "listforwards")["forwards"] if f["status"] == status]


def frozen_payer(peer):
    say("--- electrum pays bob through ours, and is frozen when bob settles")
    point = open_channel(peer)
    before = wealth() + channel(point)["to_local_msat"] // 1000
    preimage, hash_ = secret("bob")
    bolt11 = lnw("-w", "bob", "holdinvoice", hash_, f"{HELD_BY_OURS}sat", "held")["bolt11"]
    peer.process.stdin.write(f"pay {bolt11}\n")
    peer.process.stdin.flush()

    def held(status):
        return any(i["payment_hash"] == hash_ and i["status"] == status for i in lnw("-w", "bob", "listinvoices")["invoices"])
    until(lambda: held("held"), 30, "electrum's HTLC is held by bob")
    os.kill(peer.process.pid, signal.SIGSTOP)
    lnw("-w", "bob", "settle", preimage)
    until(lambda: held("paid"), 30, "bob is paid")
    settled = len(forwards("settled"))
    for _ in range(400):
        mine(1, follow=False)
        if len(forwards("settled")) > settled:
            break
    say("given up:", channel(point).get("reason"), channel(point)["close_kind"])
    assert len(forwards("settled")) == settled + 1, lnw("-w", "ours", "listforwards")
    os.kill(peer.process.pid, signal.SIGCONT)
    time.sleep(3)
    to_the_end(point)
    after = wealth()
    say(f"forwarded, {after - before} sat since")
    assert before - 25_000 <= after <= before + 1000, (before, after)
    assert hop()["state"] == "normal" and not forwards("pending") and not forwards("settling")


def frozen_payee(peer):
    say("--- bob pays electrum through ours, and electrum is frozen")
    point = open_channel(peer)
    before = wealth() + channel(point)["to_local_msat"] // 1000
    _, hash_ = secret("electrum")
    bolt11 = peer.do(f"hold {hash_} {HELD_BY_ELECTRUM}")["invoice"]
    subprocess.Popen([LNW, "-w", "bob", "pay", bolt11, "--json"], env=ENV, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    until(lambda: forwards("pending"), 30, "bob's payment is under way")
    time.sleep(2)
    os.kill(peer.process.pid, signal.SIGSTOP)

    def status():
        return next(p for p in lnw("-w", "bob", "listpayments")["payments"] if p["payment_hash"] == hash_)["status"]
    for _ in range(400):
        mine(1, follow=False)
        if status() == "failed":
            break
    say("given up:", channel(point).get("reason"), channel(point)["close_kind"])
    assert status() == "failed"
    os.kill(peer.process.pid, signal.SIGCONT)
    time.sleep(3)
    closed = to_the_end(point)
    after = wealth()
    say("closed:", [(o["role"], o["amount_sat"], o["status"].split(" by ")[0]) for o in closed["close_outputs"]])
    say(f"given back to bob, {after - before} sat since")
    assert before - 25_000 <= after <= before, (before, after)
    assert hop()["state"] == "normal" and not forwards("pending")


def main():
    global PEER, BOB
    world = World("ours,bob")
    BOB = world.ids["bob"]
    peer = PEER = Peer()
    lnw("local", "fund", "ours", "0.2btc")
    # Several coins: each HTLC transaction takes one.
    for _ in range(3):
        lnw("local", "fund", "ours", "0.01btc")
    lnw("-w", "ours", "send", peer.address, "0.05btc", "--yes")
    mine(1)
    peer.do("waitcoins 4000000")
    port = lnw("-w", "bob", "getinfo")["address"].rsplit(":", 1)[1]
    lnw("-w", "ours", "openchannel", f"{BOB}@127.0.0.1:{port}", "1000000sat", "--push", "500000sat", "--yes")
    mine(6)
    until(lambda: hop()["state"] == "normal", 30, "the channel with bob")
    rows = sys.argv[4:] or ["both", "frozen", "payer", "payee"]
    if "both" in rows:
        for closer in ("ours", "electrum"):
            for is_settled in (True, False):
                row(peer, closer, is_settled)
    for name, freeze in (("frozen", frozen), ("payer", frozen_payer), ("payee", frozen_payee)):
        if name in rows:
            freeze(peer)
    say("every row is as it should be")


if __name__ == "__main__":
    run(main)
