#!/usr/bin/env python3
"""Compares this package's mempool verdicts with those of a running bitcoind, transaction by transaction.

usage: policy.py GENERATOR URL [--seed N] [--cases N]

GENERATOR is the built ledger-differential; URL is http://user:password@host:port of an empty bitcoind on regtest, started with
-acceptnonstdtxn=0 -persistmempool=0 -listen=0. Blocks, transactions and packages come from the seed and go to both. It exits
with 1 at the first one that only one of them takes. What Bitcoin Core 31 has changed since 30 is left out: cluster limits,
unconfirmed inputs and feerates of replacements, which relatives a package's conflicts may have, and parents below the relay fee.
"""
import argparse, base64, collections, json, subprocess, sys, urllib.error, urllib.parse, urllib.request

parser = argparse.ArgumentParser()
parser.add_argument("generator")
parser.add_argument("url")
parser.add_argument("--seed", type=int, default=1)
parser.add_argument("--cases", type=int, default=300)
options = parser.parse_args()
place = urllib.parse.urlsplit(options.url)
secret = base64.b64encode(f"{place.username}:{place.password}".encode()).decode()

def call(method, *parameters):
    body = json.dumps({"id": 1, "method": method, "params": parameters}).encode()
    request = urllib.request.Request(f"http://{place.hostname}:{place.port}/", body, {"Authorization": f"Basic {secret}"})
    try:
        answer = json.load(urllib.request.urlopen(request, timeout=60))
    except urllib.error.HTTPError as error:
        answer = json.load(error)
    return answer["result"], answer["error"]

def word(text):
    return text.split(", ")[0].split("(")[0].strip().replace(" ", "_")

def verdict_on_package(transactions):
    result, error = call("submitpackage", transactions, 0, 1000)
    if error:
        return word(error["message"])
    found = {entry["txid"]: entry for entry in result["tx-results"].values()}
    each = []
    for transaction in transactions:
        entry = found.get(call("decoderawtransaction", transaction)[0]["txid"], {"error": "not judged"})
        each.append(word(entry["error"]) if "error" in entry else "accepted")
    return word(result["package_msg"]) + "|" + ",".join(each)

def accepted(verdict):
    """Which of the transactions entered."""
    if "|" not in verdict:
        return [True] if verdict == "OK" else []
    each = [one == "accepted" for one in verdict.split("|")[1].split(",")]
    return each if any(each) else []

left_out = [
    "_descendants", "_ancestors", "both_ancestor_and_descendant", "not_the_only_parent", "not_the_only_child",
    "replacement-adds-unconfirmed", "too-long", "new_feerate", "transaction_failed|min_relay_fee_not_met,bad-txns-inputs"
]
same, otherwise = collections.Counter(), collections.Counter()
child = subprocess.Popen(
    [options.generator, str(options.seed), str(options.cases), "policy"], stdout=subprocess.PIPE, text=True)
for line in child.stdout:
    kind, rest = line.split(maxsplit=1)
    if kind == "block":
        result, error = call("submitblock", rest.strip())
        if result is not None or error:
            sys.exit(f"seed {options.seed}: bitcoind refuses a block: {result} {error}")
        continue
    ours, *transactions = rest.split()
    if any(part in ours for part in left_out):
        # What of it entered here has to be there too.
        for transaction, verdict in zip(transactions, ours.split("|")[-1].split(",")):
            if verdict == "accepted":
                call("sendrawtransaction", transaction, 0, 1000)
        continue
    if kind == "tx":
        _, error = call("sendrawtransaction", transactions[0], 0, 1000)
        theirs = word(error["message"]) if error else "OK"
    else:
        theirs = verdict_on_package(transactions)
    # A transaction that is there already counts as accepted in a package.
    if kind == "package":
        ours = "|".join(",".join(word(each) for each in part.replace("known", "accepted").split(",")) for part in ours.split("|"))
    else:
        # The details follow the reason.
        ours = word(ours.replace(",_", ", "))
    ours = ours.rstrip("_")
    if kind == "tx" and accepted(ours) and "does_not_improve_feerate_diagram" in theirs:
        # From 31 on the whole cluster is compared. It is replaced there too, by what somebody pays for beside the chain.
        txid = call("decoderawtransaction", transactions[0])[0]["txid"]
        call("prioritisetransaction", txid, 0, 10**8)
        _, error = call("sendrawtransaction", transactions[0], 0, 1000)
        call("prioritisetransaction", txid, 0, -10**8)
        if error:
            sys.exit(f"seed {options.seed}: ours {ours}, bitcoind {theirs}: {kind} {transactions[0]}")
        continue
    if accepted(ours) != accepted(theirs):
        sys.exit(f"seed {options.seed}: ours {ours}, bitcoind {theirs}: {kind} {' '.join(transactions)}")
    if ours == theirs.rstrip("_"):
        same[kind] += 1
    else:
        otherwise[(kind, ours, theirs)] += 1
print(f"{sum(same.values())} verdicts the same, to the reason: {dict(same)}")
for key, count in otherwise.most_common(20):
    print(f"  {count} refused by both, for other reasons: {key[0]} ours {key[1]}, bitcoind {key[2]}")
