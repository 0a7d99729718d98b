/// Which part of a list is wanted.
package struct Page: Hashable, Sendable {
    /// From 1.
    package var number: Int
    package var size: Int

    /// Everything.
    package static let all = Page(number: 1, size: .max)

    /// Numbers below 1 count as 1.
    package init(number: Int = 1, size: Int = 10) {
        self.number = max(number, 1)
        self.size = max(size, 1)
    }

    /// How many rows lie before the page; the largest number if it is larger than that.
    var offset: Int {
        let (product, overflows) = (number - 1).multipliedReportingOverflow(by: size)
        return overflows ? .max : product
    }
}

/// A page, and how much there is in all.
package struct Listing<Element: Sendable>: Sendable {
    package var elements: [Element]
    package var total: Int

    package init(elements: [Element], total: Int) {
        self.elements = elements
        self.total = total
    }
}
