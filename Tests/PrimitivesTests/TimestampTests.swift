import BitcoinPrimitives
import Testing

/// Moments and spans of time.
@Suite("moments")
struct TimestampTests {
    @Test("sums and differences stay within what there is")
    func arithmetic() {
        let moment = Timestamp(milliseconds: 1_700_000_000_123)
        #expect(moment + .seconds(2) == Timestamp(milliseconds: 1_700_000_002_123))
        #expect(moment - .milliseconds(123) == Timestamp(seconds: 1_700_000_000))
        #expect(moment.since(moment - .seconds(5)) == .seconds(5))
        // A clock that was set back.
        #expect(moment.since(moment + .seconds(5)) == .zero)
        #expect(moment + .seconds(-5) == moment && moment - .seconds(-5) == moment)
        #expect(moment - .seconds(2_000_000_000) == .zero)
        #expect(Timestamp.distantFuture + .milliseconds(1) == .distantFuture)
        #expect(moment + .seconds(Int64.max) == .distantFuture)
        var later = moment
        later += .milliseconds(1)
        #expect(later > moment)
    }

    @Test("seconds are rounded down, and what is too late is the last of them")
    func seconds() {
        let moment = Timestamp(milliseconds: 1_700_000_000_999)
        #expect(moment.seconds == 1_700_000_000 && moment.wholeSecond == Timestamp(seconds: 1_700_000_000))
        #expect(moment.headerTime == 1_700_000_000 && Timestamp.distantFuture.headerTime == .max)
        for seconds in [0, 1, UInt64.max / 1000, UInt64.max / 1000 + 1, .max] {
            let read = Timestamp(seconds: seconds)
            #expect(Timestamp(seconds: read.seconds) == read && read.seconds == min(seconds, .max / 1000))
        }
        #expect(Duration.milliseconds(1999).wholeSeconds == 1 && Duration.milliseconds(1999).wholeMilliseconds == 1999)
        #expect(Duration.seconds(-1).wholeMilliseconds == 0 && Duration.milliseconds(-1).wholeMilliseconds == 0)
        #expect(Duration.milliseconds(-1).wholeSeconds == 0)
        #expect(Duration.microseconds(1999).wholeMilliseconds == 1)
    }
}
