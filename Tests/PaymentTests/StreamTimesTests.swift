import BitcoinPrimitives
import Testing

@testable import LightningPayment

@Suite("the times of streams")
struct StreamTimesTests {
    @Test("what is next and what is due is what a dictionary says", arguments: 1...20 as ClosedRange<UInt64>)
    func model(seed: UInt64) {
        var state = seed
        func draw(_ count: UInt64) -> UInt64 {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return (state >> 33) % count
        }
        var (times, model) = (StreamTimes(), [UInt64: Timestamp]())
        for _ in 0..<2000 {
            let id = draw(30)
            switch draw(8) {
            case 0:
                times[id] = nil
                model[id] = nil
            case 1:
                let now = Timestamp(milliseconds: draw(60))
                let due = model.filter { $0.value <= now }.keys.sorted()
                #expect(times.take(until: now) == due)
                for id in due { model[id] = nil }
            default:
                let time = Timestamp(milliseconds: draw(1000))
                times[id] = time
                model[id] = time
            }
            #expect(times.next == model.values.min() && times[id] == model[id])
        }
    }
}
