#if canImport(Darwin)
    import Darwin
#elseif canImport(Musl)
    import Musl
#else
    import Glibc
#endif

/// A moment in UTC, to the microsecond.
package struct Timestamp: Hashable, Comparable, Sendable {
    /// Since 1970-01-01T00:00:00Z.
    package var microseconds: Int64

    /// What the interface shows for a time that is not set: 0001-01-01T00:00:00Z.
    package static let unset = Timestamp(microseconds: -62_135_596_800_000_000)

    package init(microseconds: Int64) { self.microseconds = microseconds }

    /// Seconds since 1970; what does not fit is cut off at the ends.
    package init(seconds: Double) {
        let microseconds = (seconds * 1_000_000).rounded()
        self.microseconds = Int64(exactly: microseconds) ?? (microseconds < 0 ? .min : .max)
    }

    package static func now() -> Timestamp {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Timestamp(microseconds: Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_nsec) / 1000)
    }

    package static func < (left: Timestamp, right: Timestamp) -> Bool { left.microseconds < right.microseconds }

    /// Cut off at the ends of what can be expressed.
    package func advanced(by duration: Duration) -> Timestamp {
        let (seconds, attoseconds) = duration.components
        let (product, overflows) = seconds.multipliedReportingOverflow(by: 1_000_000)
        let difference = overflows ? (seconds < 0 ? .min : .max) : product
        let (sum, isTooFar) = microseconds.addingReportingOverflow(difference)
        guard !isTooFar else { return Timestamp(microseconds: difference < 0 ? .min : .max) }
        let (whole, isFurther) = sum.addingReportingOverflow(attoseconds / 1_000_000_000_000)
        return Timestamp(microseconds: isFurther ? sum : whole)
    }

    package func duration(since earlier: Timestamp) -> Duration {
        .microseconds(microseconds.subtractingReportingOverflow(earlier.microseconds).partialValue)
    }
}

// MARK: RFC 3339

extension Timestamp {
    /// In UTC: `2026-11-21T03:39:04Z`, with as many of six decimals as are needed.
    package var rfc3339: String {
        let second = microseconds.floorDivided(by: 1_000_000)
        let day = second.floorDivided(by: 86_400)
        let (year, month, dayOfMonth) = Self.date(ofDay: day)
        let inDay = second - day * 86_400
        var text = "\(padded(year, 4))-\(padded(month, 2))-\(padded(dayOfMonth, 2))T"
        text += "\(padded(inDay / 3600, 2)):\(padded(inDay / 60 % 60, 2)):\(padded(inDay % 60, 2))"
        var fraction = (microseconds % 1_000_000 + 1_000_000) % 1_000_000
        if fraction != 0 {
            var width = 6
            while fraction % 10 == 0 {
                fraction /= 10
                width -= 1
            }
            text += "." + padded(fraction, width)
        }
        return text + "Z"
    }

    /// Of the years 1 to 9999.
    private static let firstSecond = day(year: 1, month: 1, day: 1) * 86_400
    private static let lastSecond = day(year: 10_000, month: 1, day: 1) * 86_400 - 1

    /// nil if it is no time with a date and an offset, of the years 1 to 9999. Decimals beyond the sixth are cut off.
    package init?(rfc3339 text: String) {
        var parser = Parser(text: Array(text.utf8))
        guard let year = parser.number(4), parser.skip("-"), let month = parser.number(2), parser.skip("-"),
            let day = parser.number(2), parser.skip("T") || parser.skip("t"), let hour = parser.number(2),
            parser.skip(":"), let minute = parser.number(2), parser.skip(":"), let second = parser.number(2),
            year >= 1, 1...12 ~= month, 1...Self.days(ofMonth: month, year: year) ~= day, hour < 24, minute < 60,
            // A leap second is the one that follows it.
            second <= 60, let fraction = parser.fraction(), let offset = parser.offset(), parser.isAtEnd
        else { return nil }
        let inDay = hour * 3600 + minute * 60 + second - offset
        let seconds = Self.day(year: year, month: month, day: day) * 86_400 + inDay
        // The offset may lead out of the years that the format has.
        guard (Self.firstSecond...Self.lastSecond).contains(seconds) else { return nil }
        microseconds = seconds * 1_000_000 + fraction
    }

    private struct Parser {
        let text: [UInt8]
        var position = 0

        var isAtEnd: Bool { position == text.count }

        mutating func skip(_ character: Unicode.Scalar) -> Bool {
            guard position < text.count, text[position] == UInt8(ascii: character) else { return false }
            position += 1
            return true
        }

        private mutating func digit() -> Int64? {
            guard position < text.count, 0x30...0x39 ~= text[position] else { return nil }
            position += 1
            return Int64(text[position - 1] - 0x30)
        }

        mutating func number(_ digits: Int) -> Int64? {
            var result: Int64 = 0
            for _ in 0..<digits {
                guard let digit = digit() else { return nil }
                result = result * 10 + digit
            }
            return result
        }

        /// Microseconds; 0 if there is none, nil if there is a point without digits.
        mutating func fraction() -> Int64? {
            guard skip(".") else { return 0 }
            guard var result = digit() else { return nil }
            var digits = 1
            while let digit = digit() {
                if digits < 6 {
                    result = result * 10 + digit
                    digits += 1
                }
            }
            for _ in digits..<6 { result *= 10 }
            return result
        }

        /// Seconds east of Greenwich.
        mutating func offset() -> Int64? {
            if skip("Z") || skip("z") { return 0 }
            let sign: Int64
            if skip("+") { sign = 1 } else if skip("-") { sign = -1 } else { return nil }
            guard let hours = number(2), skip(":"), let minutes = number(2), hours < 24, minutes < 60 else {
                return nil
            }
            return sign * (hours * 3600 + minutes * 60)
        }
    }

    // Days since 1970-01-01 and dates of the Gregorian calendar, in eras of 400 years that begin in March.

    private static func day(year: Int64, month: Int64, day: Int64) -> Int64 {
        let shifted = month <= 2 ? year - 1 : year
        let era = shifted.floorDivided(by: 400)
        let yearOfEra = shifted - era * 400
        let dayOfYear = (153 * ((month + 9) % 12) + 2) / 5 + day - 1
        return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
    }

    private static func date(ofDay number: Int64) -> (year: Int64, month: Int64, day: Int64) {
        let shifted = number + 719_468
        let era = shifted.floorDivided(by: 146_097)
        let dayOfEra = shifted - era * 146_097
        let leaps = dayOfEra / 1460 - dayOfEra / 36_524 + dayOfEra / 146_096
        let yearOfEra = (dayOfEra - leaps) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shiftedMonth = (5 * dayOfYear + 2) / 153
        let month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
        let year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
        return (year, month, dayOfYear - (153 * shiftedMonth + 2) / 5 + 1)
    }

    private static func days(ofMonth month: Int64, year: Int64) -> Int64 {
        switch month {
        case 2: year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28
        case 4, 6, 9, 11: 30
        default: 31
        }
    }

    private func padded(_ number: Int64, _ width: Int) -> String {
        let digits = String(number)
        return String(repeating: "0", count: max(0, width - digits.utf8.count)) + digits
    }
}

extension Int64 {
    fileprivate func floorDivided(by divisor: Int64) -> Int64 {
        let quotient = self / divisor
        return self % divisor < 0 ? quotient - 1 : quotient
    }
}
