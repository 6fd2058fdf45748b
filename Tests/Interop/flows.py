#!/usr/bin/env python3
"""Our minimal-cost flows beside those of networkx, on random networks: the same cost, to the millionth of a millisatoshi.

  flows.py BENCHMARK [CASES] [SEED]     BENCHMARK: the lightning-benchmark program; needs networkx

Fees are proportional and capacities hard here, so that both solve the same problem.
"""
import random, subprocess, sys, tempfile

import networkx as nx

program, cases = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 300
rng = random.Random(int(sys.argv[3]) if len(sys.argv) > 3 else 1)
ours = subprocess.Popen([program, "flows"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
solved = impossible = 0
for case in range(cases):
    nodes = rng.randint(3, 40)
    graph = nx.MultiDiGraph()
    graph.add_nodes_from(range(nodes))
    lines = []
    for number in range(rng.randint(nodes, nodes * 5)):
        a, b = rng.sample(range(nodes), 2)
        capacity = rng.randint(1, 2000)
        fees = [rng.randint(0, 5000), rng.randint(0, 5000)]
        lines.append(f"{number},{a},{b},{capacity}," + ",".join(f"0,{fee},40,0,{capacity * 1000},0" for fee in fees))
        graph.add_edge(a, b, capacity=capacity * 1000, weight=fees[0])
        graph.add_edge(b, a, capacity=capacity * 1000, weight=fees[1])
    source, target = rng.sample(range(nodes), 2)
    amount = rng.randint(1, 3_000_000)
    # The first hop costs its sender nothing.
    for _, _, data in graph.out_edges(source, data=True):
        data["weight"] = 0
    # networkx wants simple edges: a node in the middle of each.
    simple = nx.DiGraph()
    for index, (a, b, data) in enumerate(graph.edges(data=True)):
        simple.add_edge(a, ("edge", index), capacity=data["capacity"], weight=data["weight"])
        simple.add_edge(("edge", index), b, capacity=data["capacity"], weight=0)
    simple.add_node(source, demand=-amount)
    simple.add_node(target, demand=amount)
    try:
        expected = str(nx.cost_of_flow(simple, nx.min_cost_flow(simple)))
        solved += 1
    except nx.NetworkXUnfeasible:
        expected = "none"
        impossible += 1
    with tempfile.NamedTemporaryFile("w", suffix=".csv") as table:
        table.write("\n".join(lines) + "\n")
        table.flush()
        ours.stdin.write(f"{table.name} {source} {target} {amount}\n")
        ours.stdin.flush()
        found = ours.stdout.readline().strip()
    if found != expected:
        sys.exit(f"case {case}: networkx {expected}, ours {found}: {source} to {target}, {amount} msat over\n" + "\n".join(lines))
print(f"{solved} flows cost the same, {impossible} are impossible for both")
