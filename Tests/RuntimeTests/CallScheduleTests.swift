import CryptoPrimitives
import Testing

@testable import LightningRuntime

/// When absent peers are called: on a clock of the test's own.
@Suite("calling absent peers")
struct CallScheduleTests {
    static let peer = SecretKey(Hash.sha256([1]))!.publicKey()
    static let other = SecretKey(Hash.sha256([2]))!.publicKey()
    static func places(_ ports: Int...) -> [NodeAddress] { ports.map { NodeAddress(nodeID: peer, host: "127.0.0.1", port: $0) } }

    /// How often a peer is called within a time, given what becomes of each call.
    private func calls(_ schedule: CallSchedule, _ seconds: Int, connects: Bool = false) -> Int {
        var count = 0
        var now = ContinuousClock.now
        var isConnected = false
        for _ in 0..<seconds * 2 {
            if schedule.isDue(Self.peer, isConnected: isConnected, places: Self.places(1), now: now) {
                count += 1
                schedule.ended(Self.peer)
                isConnected = connects
            } else if isConnected {
                isConnected = false
            }
            now += .milliseconds(500)
        }
        return count
    }

    @Test("less and less often, at once at first, and never more than once in two and a half minutes at last")
    func backOff() {
        // 1 + 2 + 4 … + 256 + 300 …: an hour has some twenty calls, where one in two seconds would be 1,800.
        for connects in [false, true] {
            let count = calls(CallSchedule(), 3600, connects: connects)
            #expect((12...40).contains(count), "\(count)")
            #expect(calls(CallSchedule(), 1, connects: connects) == 1)
        }
    }

    @Test("one that is being called is not called again, and holds up nobody; a new place is tried at once")
    func apart() {
        let schedule = CallSchedule()
        let now = ContinuousClock.now
        func isDue(_ node: PublicKey, _ places: [NodeAddress], after seconds: Int) -> Bool {
            schedule.isDue(node, isConnected: false, places: places, now: now + .seconds(seconds))
        }
        #expect(isDue(Self.peer, Self.places(1), after: 0))
        #expect(!isDue(Self.peer, Self.places(1), after: 100))
        #expect(isDue(Self.other, Self.places(1), after: 0))
        schedule.ended(Self.peer)
        #expect(isDue(Self.peer, Self.places(1), after: 100))
        schedule.ended(Self.peer)
        #expect(!isDue(Self.peer, Self.places(1), after: 100))
        #expect(isDue(Self.peer, Self.places(1, 2), after: 100))
        #expect(!isDue(Self.other, [], after: 1000))
    }

    @Test("after a connection that held the first call is at once")
    func held() {
        let schedule = CallSchedule()
        let now = ContinuousClock.now
        for second in 0..<20 {
            _ = schedule.isDue(Self.peer, isConnected: false, places: Self.places(1), now: now + .seconds(second))
            schedule.ended(Self.peer)
        }
        for second in [30, 95] { _ = schedule.isDue(Self.peer, isConnected: true, places: Self.places(1), now: now + .seconds(second)) }
        #expect(schedule.isDue(Self.peer, isConnected: false, places: Self.places(1), now: now + .seconds(96)))
    }
}

/// BOLT 7's address descriptors.
@Suite("address descriptors")
struct AddressDescriptorTests {
    typealias Place = AddressDescriptors.Place

    @Test("there and back, in ascending order of their types")
    func roundTrip() {
        let places = [Place(host: "node.example", port: 9735), Place(host: "2001:db8::1", port: 1), Place(host: "10.0.0.1", port: 65535)]
        let bytes = AddressDescriptors.encode(places)
        #expect(bytes.prefix(7) == [1, 10, 0, 0, 1, 0xff, 0xff])
        #expect(AddressDescriptors.decode(bytes) == places.reversed())
        #expect(
            AddressDescriptors.encode([Place(host: "0.0.0.0", port: 1), Place(host: "::", port: 1), Place(host: "ä", port: 1)]).isEmpty)
        // Tor is passed over, an unknown type ends the list, and so does what is cut off.
        let tor = [4] + [UInt8](repeating: 7, count: 37)
        #expect(AddressDescriptors.decode(tor + bytes) == places.reversed())
        #expect(AddressDescriptors.decode(bytes.prefix(7) + [9, 1, 2] + bytes).count == 1)
        #expect(AddressDescriptors.decode([1, 10, 0, 0, 1, 0, 0]).isEmpty)
        for count in 0..<bytes.count { _ = AddressDescriptors.decode(Array(bytes.prefix(count))) }
    }
}
