/// A moment as HTTP writes it, in seconds since 1970 (RFC 9110, 5.6.7).
struct HTTPDate: Hashable {
    let secondsSince1970: Int64

    /// Reads the three forms that a recipient has to: `Sun, 06 Nov 1994 08:49:37 GMT`, `Sunday, 06-Nov-94 08:49:37 GMT`
    /// and `Sun Nov  6 08:49:37 1994`. Nil for anything else. The name of the weekday is not looked at.
    init?(_ text: String) {
        let words = text.split { " ,".contains($0) }
        switch words.count {
        case 6: self.init(day: words[1], month: words[2], year: words[3], time: words[4])
        case 5: self.init(day: words[2], month: words[1], year: words[4], time: words[3])
        case 4:
            let date = words[1].split(separator: "-", omittingEmptySubsequences: false)
            guard date.count == 3 else { return nil }
            self.init(day: date[0], month: date[1], year: date[2], time: words[2])
        default: return nil
        }
    }

    private static let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]

    private init?(day: Substring, month: Substring, year: Substring, time: Substring) {
        let clock = time.split(separator: ":", omittingEmptySubsequences: false)
        guard let month = Self.months.firstIndex(of: String(month)), clock.count == 3,
            let day = Self.number(day, 1...31), var year = Self.number(year, 0...9999),
            let hour = Self.number(clock[0], 0...23), let minute = Self.number(clock[1], 0...59),
            let second = Self.number(clock[2], 0...60)
        else { return nil }
        if year < 100 { year += year < 70 ? 2000 : 1900 }
        let days = Self.daysSince1970(year: year, month: Int64(month) + 1, day: day)
        secondsSince1970 = days * 86_400 + hour * 3600 + minute * 60 + second
    }

    private static func number(_ text: Substring, _ range: ClosedRange<Int64>) -> Int64? {
        guard text.utf8.allSatisfy({ (48...57).contains($0) }), let value = Int64(text), range.contains(value) else {
            return nil
        }
        return value
    }

    /// Days of the Gregorian calendar, counted in eras of 400 years that begin on the first of March.
    private static func daysSince1970(year: Int64, month: Int64, day: Int64) -> Int64 {
        let year = month <= 2 ? year - 1 : year
        let era = (year >= 0 ? year : year - 399) / 400
        let yearOfEra = year - era * 400
        let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
        return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
    }
}
