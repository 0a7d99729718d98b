/// The date format of HTTP (RFC 9110, 5.6.7).
package enum ServingDate {
    private static let weekdays = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"]
    private static let months = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ]

    /// `Sun, 06 Nov 1994 08:49:37 GMT` from seconds of Unix time. Nil before 1970 and after the year 9999.
    package static func text(_ seconds: Int64) -> String? {
        guard (0..<253_402_300_800).contains(seconds) else { return nil }
        let days = seconds / 86400
        let time = seconds % 86400
        // Days to a date of the Gregorian calendar, counted in eras of 400 years that begin on 1 March.
        let shifted = days + 719_468
        let era = shifted / 146_097
        let day = shifted % 146_097
        let year = (day - day / 1460 + day / 36524 - day / 146_096) / 365
        let dayOfYear = day - (365 * year + year / 4 - year / 100)
        let month = (5 * dayOfYear + 2) / 153
        let dayOfMonth = dayOfYear - (153 * month + 2) / 5 + 1
        let monthIndex = Int(month < 10 ? month + 2 : month - 10)
        let fullYear = era * 400 + year + (monthIndex < 2 ? 1 : 0)
        let clock = "\(two(time / 3600)):\(two(time / 60 % 60)):\(two(time % 60))"
        let padding = String(repeating: "0", count: 4 - String(fullYear).count)
        return "\(weekdays[Int(days % 7)]), \(two(dayOfMonth)) \(months[monthIndex]) \(padding)\(fullYear) \(clock) GMT"
    }

    private static func two(_ number: Int64) -> String { number < 10 ? "0\(number)" : "\(number)" }
}
