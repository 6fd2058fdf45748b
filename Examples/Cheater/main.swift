// A breach and its penalty: bob publishes a state of the channel that he has revoked, and alice takes all of it. In virtual time: no waiting.
import Lightning
import LightningSimulation

var world = SimulatedWorld(seed: 7, names: ["alice", "bob"])
let (alice, bob) = (0, 1)

// A channel of 1,000,000 sat, of which 600,000 are bob's.
let topology = Topology(nodes: 2, channels: [(alice, bob)])
let channels = try world.build(topology, capacity: { _ in Satoshi(1_000_000) }, push: { _ in MilliSatoshi(Satoshi(600_000)) })
guard let old = world.signedCommitment(bob, channels[0]) else { fatalError("bob has a state that alice has signed") }
print("in the channel: alice 400,000 sat, bob 600,000 sat; bob keeps a copy of this state")

// He pays alice, and revokes the state that he has kept.
guard
    case .invoice(let record)? = try world.ask(
        alice, .createInvoice(amount: MilliSatoshi(Satoshi(500_000)), .text("a bicycle"), expiry: .seconds(3600)))
else { fatalError("alice makes an invoice") }
try world.command(bob, .pay(record.invoice, amount: nil))
try world.pass(5)
let honest = world.wealth(of: alice)
print("bob pays 500,000 sat for a bicycle: he has 100,000 sat left in the channel")

// As if he had not: the old state says that 600,000 sat are his.
try world.cheat(with: old)
try world.mine(1)
print("bob publishes the old state, and it is mined; his money is locked for a while, in case he cheats")

// Alice's node has seen it, and claims every output with the secret by which bob revoked the state.
try world.mine(1)
try world.mine(6)
let (now, left) = (world.wealth(of: alice), world.wealth(of: bob))
// Both had mined a coin of 50 bitcoin before; only alice has spent of hers.
let coin = Satoshi(50 * 100_000_000)
print("alice had \(honest), and has \(now): bob's share is hers, less the fees of one transaction")
guard now > honest, left == coin else { fatalError("a cheater keeps nothing: \(left)") }
print("bob has nothing left of the channel")
