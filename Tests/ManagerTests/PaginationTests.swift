import Manager
import ManagerStore
import Testing

@Suite struct PaginationTests {
    private func pages(_ page: Page, total: Int) -> [String: String] {
        let link = Pagination.link(path: "/a", query: "", page: page, total: total)
        var found: [String: String] = [:]
        for entry in link.split(separator: ",") {
            let parts = entry.split(separator: ";")
            let query = parts[0].split(separator: "?")[1].dropLast()
            found[String(parts[1].dropFirst(4))] = String(query.split(separator: "&")[0].dropFirst(5))
        }
        return found
    }

    @Test func theHeaderFieldIsAsPromised() {
        let link = Pagination.link(
            path: "/api/v1/jobs", query: "type=preheat", page: Page(number: 1, size: 10), total: 25)
        #expect(
            link
                == "</api/v1/jobs?page=1&per_page=10&type=preheat>;rel=prev,</api/v1/jobs?page=2&per_page=10&type=preheat>;rel=next,"
                + "</api/v1/jobs?page=1&per_page=10&type=preheat>;rel=first,</api/v1/jobs?page=3&per_page=10&type=preheat>;rel=last"
        )
    }

    @Test(arguments: [
        (1, 10, 0, ["1", "2", "1", "0"]), (1, 10, 10, ["1", "1", "1", "1"]), (1, 10, 11, ["1", "2", "1", "2"]),
        (2, 10, 11, ["1", "2", "1", "2"]), (2, 10, 35, ["1", "3", "1", "4"]), (9, 10, 35, ["8", "4", "1", "4"]),
        (1, 10_000_000, 35, ["1", "1", "1", "1"]),
    ])
    func pagesLeadWhereTheyShould(_ number: Int, _ size: Int, _ total: Int, _ expected: [String]) {
        let pages = pages(Page(number: number, size: size), total: total)
        #expect(["prev", "next", "first", "last"].map { pages[$0] } == expected)
    }

    @Test func otherParametersAreKeptAndEncoded() {
        let link = Pagination.link(
            path: "/x", query: "z=%3Ca%3E%2C&page=7&a=b+c&per_page=3&z=2", page: Page(number: 7, size: 3), total: 100)
        #expect(link.hasPrefix("</x?a=b+c&page=6&per_page=3&z=%3Ca%3E%2C&z=2>;rel=prev,"))
        #expect(!link.contains("\n"))
    }

    @Test func queriesThatAreNotEncodedRightAreLeftOut() {
        let parameters = QueryString.parameters(of: "a=%zz&b=%ff&c=%00&d=1&=5&e&f=%C3%A9&d=2")
        #expect(parameters.map(\.name) == ["d", "", "e", "f", "d"])
        #expect(parameters.map(\.value) == ["1", "5", "", "é", "2"])
    }
}
