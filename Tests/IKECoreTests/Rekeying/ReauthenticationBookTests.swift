import IPsecModel
import Testing

@testable import IKECore

/// Which IKE_SAs are begun in place of which.
@Suite struct ReauthenticationBookTests {
    private var book = ReauthenticationBook()

    private func attempt(_ connection: String, until: Instant? = nil) -> ReauthenticationBook.Attempt {
        ReauthenticationBook.Attempt(
            connection: connection, local: .fqdn("a.example.org"), peer: .fqdn("b.example.org"),
            remote: Endpoint(.v4(IPv4Address(192, 0, 2, 1)), 500), begunAt: .origin, wanted: [],
            doneUntil: until)
    }

    private func all(_ connection: String) -> [UInt64] {
        self.book.all(of: connection).map(\.number).sorted()
    }

    @Test
    mutating func `what is made for a connection is found by it, under its latest SPI, until it is over`() {
        self.book.begin(IKESPI(11), inPlaceOf: IKESPI(1), self.attempt("site-a"))
        self.book.begin(IKESPI(12), inPlaceOf: IKESPI(2), self.attempt("site-b"))
        self.book.begin(IKESPI(13), inPlaceOf: IKESPI(3), self.attempt("site-a"))
        #expect(self.all("site-a") == [11, 13] && self.all("site-b") == [12] && self.all("other").isEmpty)
        self.book.move(IKESPI(11), to: IKESPI(21))
        self.book.move(IKESPI(3), to: IKESPI(23))
        #expect(self.all("site-a") == [13, 21])
        self.book.remove(IKESPI(13))
        self.book.remove(IKESPI(13))
        #expect(self.all("site-a") == [21] && self.book.count == 2)
        self.book.remove(IKESPI(21))
        self.book.remove(IKESPI(12))
        #expect(self.all("site-a").isEmpty && self.all("site-b").isEmpty && self.book.isEmpty)
    }

    @Test mutating func `it is forgotten after its time, and not before the old one is`() {
        let until = Instant(nanoseconds: 7)
        self.book.begin(IKESPI(11), inPlaceOf: IKESPI(1), self.attempt("site-a", until: until))
        self.book.begin(IKESPI(12), inPlaceOf: IKESPI(2), self.attempt("site-a"))
        #expect(self.book.deadline(of: IKESPI(11)) == nil)
        self.book.forgetOld(of: IKESPI(11))
        self.book.forgetOld(of: IKESPI(12))
        #expect(self.book.deadline(of: IKESPI(11)) == until)
        #expect(self.book.deadline(of: IKESPI(12)) == nil && self.book.deadline(of: IKESPI(9)) == nil)
    }
}
