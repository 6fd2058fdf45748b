import Testing

@testable import LightningServer

@Suite("how many requests somebody may make")
struct RateLimiterTests {
    @Test("so many at once, then so many a second, for each of its own")
    func bucket() {
        let limiter = RateLimiter<String>(burst: 3, perSecond: 2)
        let start = ContinuousClock.now
        #expect((0..<3).map { _ in limiter.take("a", at: start) } == [nil, nil, nil])
        #expect(limiter.take("a", at: start) == 1 && limiter.take("b", at: start) == nil)
        #expect(limiter.take("a", at: start + .milliseconds(499)) == 1)
        #expect(limiter.take("a", at: start + .milliseconds(501)) == nil && limiter.take("a", at: start + .milliseconds(502)) == 1)
        // It never holds more than it began with, and a clock that goes back makes no room.
        #expect((0..<4).map { _ in limiter.take("a", at: start + .seconds(100)) } == [nil, nil, nil, 1])
        #expect(limiter.take("a", at: start) == 1)
    }

    @Test("a crowd does not fill the memory, and whoever is known goes on")
    func crowd() {
        let limiter = RateLimiter<Int>(burst: 2, perSecond: 1)
        let start = ContinuousClock.now
        for stranger in 0..<10_000 { #expect(limiter.take(stranger, at: start) == nil) }
        #expect(limiter.take(10_001, at: start) == 1 && limiter.take(5, at: start) == nil)
        // Those whose bucket is full again make room.
        #expect(limiter.take(10_001, at: start + .seconds(5)) == nil)
    }

    @Test("places are taken, left, and never more than there are")
    func places() {
        let places = Places<String>(each: 2)
        #expect(places.take("a") && places.take("a") && !places.take("a") && places.take("b"))
        places.leave("a")
        #expect(places.take("a") && !places.take("a"))
    }
}
