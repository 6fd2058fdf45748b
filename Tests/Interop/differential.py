#!/usr/bin/env python3
"""Compares this package's verdicts on random blocks with those of Bitcoin Core's kernel.

usage: differential.py GENERATOR ORACLES [--seed N] [--cases N]

GENERATOR is the built ledger-differential, ORACLES the folder of kernel_oracle.py; runs with a Python that has
py-bitcoinkernel. Prints the seed with any disagreement, and exits with 1 then.
"""
import argparse, collections, subprocess, sys

parser = argparse.ArgumentParser()
parser.add_argument("generator")
parser.add_argument("oracles")
parser.add_argument("--seed", type=int, default=1)
parser.add_argument("--cases", type=int, default=5000)
parser.add_argument("--round", type=int, default=500, help="cases on one chain")
parser.add_argument("-v", "--verbose", action="store_true", help="count the reasons")
options = parser.parse_args()
sys.path.insert(0, options.oracles)
import kernel_oracle

def plain(reason):
    return reason.split("(")[0].split(",")[0].strip()

words, reasons, disagreements, otherwise = collections.Counter(), collections.Counter(), 0, collections.Counter()
done, seed = 0, options.seed
while done < options.cases:
    count = min(options.round, options.cases - done)
    kernel = kernel_oracle.Kernel()
    child = subprocess.Popen([options.generator, str(seed), str(count)], stdout=subprocess.PIPE, text=True)
    number = 0
    for line in child.stdout:
        line = line.rstrip("\n")
        if line.startswith("tip "):
            theirs = "tip %s %s" % kernel.tip()
            if theirs != line:
                disagreements += 1
                print(f"DISAGREEMENT seed {seed} case {number}: we are at {line}, the kernel at {theirs}")
                break
            continue
        ours, block, label = line.split("\t")
        word, _, text = kernel.submit(bytes.fromhex(block))
        if word == "UNPARSABLE":
            word, text = "REJECT", "unparsable"
        number += 1
        words[word] += 1
        if word != ours.split()[0]:
            disagreements += 1
            print(f"DISAGREEMENT seed {seed} case {number} ({label}): we say {ours}, the kernel says {word} {text}")
            print(block[:20000])
            break
        if word == "REJECT":
            our_reason = plain(ours[7:])
            reasons[our_reason] += 1
            if our_reason not in text:
                otherwise[f"{our_reason} / {plain(text)}"] += 1
    child.stdout.close()
    child.wait()
    if child.returncode not in (0, -13):
        print(f"the generator failed with seed {seed}: status {child.returncode}")
        disagreements += 1
    kernel.close()
    done += count
    seed += 1
print(f"{sum(words.values())} blocks from seeds {options.seed} to {seed - 1}: "
      + ", ".join(f"{count} {word}" for word, count in words.most_common()))
if options.verbose:
    for reason, count in reasons.most_common(): print(f"  {count:6} {reason}")
    if otherwise: print("refused by both for different first reasons:")
    for pair, count in otherwise.most_common(30): print(f"  {count:6} {pair}")
print("no disagreement" if disagreements == 0 else f"{disagreements} disagreements")
sys.exit(1 if disagreements else 0)
