import PushCore
import Testing

@testable import PushVendors

@Suite struct EndpointPolicyTests {
    @Test(arguments: [
        "0.0.0.0", "0.1.2.3", "10.0.0.1", "10.255.255.255", "100.64.0.1", "100.127.255.255", "127.0.0.1",
        "127.255.255.254", "169.254.169.254", "172.16.0.1", "172.31.255.255", "192.0.0.1", "192.0.2.1", "192.168.0.1",
        "198.18.0.1", "198.19.255.255", "198.51.100.1", "203.0.113.1", "224.0.0.1", "239.255.255.255", "240.0.0.1",
        "255.255.255.255", "::", "::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254",
        "::127.0.0.1", "64:ff9b::7f00:1", "64:ff9b::10.0.0.1", "64:ff9b:1::1", "fc00::1", "fd12:3456::1", "fe80::1",
        "fec0::1", "ff02::1", "2001:db8::1", "2001::1", "2002:7f00:1::1", "2002:c0a8:1::1", "100::1", "3fff::1",
    ])
    func `an address that is not public is refused`(text: String) throws {
        #expect(try #require(IPAddress(text)).isPublic == false)
    }

    @Test(arguments: [
        "1.1.1.1", "8.8.8.8", "100.63.255.255", "100.128.0.1", "172.15.255.255", "172.32.0.1", "192.167.255.255",
        "198.17.255.255", "198.20.0.1", "223.255.255.255", "2606:4700::1111", "2a00:1450::1", "::ffff:8.8.8.8",
        "64:ff9b::8.8.8.8", "2002:808:808::1",
    ])
    func `a public address is not`(text: String) throws { #expect(try #require(IPAddress(text)).isPublic) }

    private let policy = EndpointPolicy(allowsPrivate: false)

    @Test(arguments: [
        "https://127.0.0.1/", "https://127.0.0.1./", "https://localhost6/", "https://ip6-localhost/",
        "https://localhost.localdomain/", "https://127.1/", "https://2130706433/", "https://0x7f000001/",
        "https://0x7f.1/",
        "https://0177.0.0.1/", "https://017700000001/", "https://[::1]/", "https://[::ffff:127.0.0.1]/",
        "https://[::ffff:7f00:1]/", "https://10.0.0.1:8443/x", "https://169.254.169.254/latest", "https://0/",
        "https://localhost/", "https://LOCALHOST/", "https://localhost./", "https://a.localhost/",
        "https://metadata.google.internal/", "https://printer.local/", "https://[64:ff9b::7f00:1]/",
        "http://example.com/",
    ])
    func `every spelling of a private address is refused without a name server`(text: String) throws {
        let url = try EndpointURL(text)
        #expect(throws: EndpointPolicy.Refusal.self) { try policy.check(url) }
    }

    @Test(arguments: [
        "ftp://example.com/", "example.com", "https://", "https:///x", "https://user:pw@example.com/",
        "https://user@example.com", "https://example.com/#x", "https://exa mple.com",
        "https://example.com\\@127.0.0.1/",
        "https://ex\u{e4}mple.com/", "https://[fe80::1%25eth0]/", "https://example.com:0/",
        "https://example.com:99999/",
        "https://[::1/", "https://%6c%6f/",
    ])
    func `what two readers could read differently is no URL`(text: String) {
        #expect(throws: EndpointURL.Fault.self) { try EndpointURL(text) }
    }

    @Test func `a name that resolves to a private address is refused, also beside a public one`() async throws {
        let answers = [
            "a.example": ["127.0.0.1"], "b.example": ["8.8.8.8", "::ffff:10.0.0.1"], "c.example": ["8.8.8.8"],
        ]
        let policy = EndpointPolicy(
            allowsPrivate: false,
            resolver: HostResolver { host async throws(HostResolver.Failure) in
                guard let found = answers[host] else { throw HostResolver.Failure("unknown") }
                return found.compactMap { IPAddress($0) }
            })
        for host in ["a.example", "b.example"] {
            let url = try EndpointURL("https://\(host)/")
            await #expect(throws: EndpointPolicy.Refusal(EndpointPolicy.privateReason)) {
                try await policy.addresses(of: url)
            }
        }
        let good = try EndpointURL("https://c.example/")
        #expect(try await policy.addresses(of: good) == [try #require(IPAddress("8.8.8.8"))])
        let unknown = try EndpointURL("https://d.example/")
        await #expect { try await policy.addresses(of: unknown) } throws: {
            ($0 as? EndpointPolicy.Refusal)?.isTransient == true
        }
    }

    @Test func `the operator may allow private addresses and plain http`() throws {
        let policy = EndpointPolicy(allowsPrivate: true)
        try policy.check(EndpointURL("http://127.0.0.1:9/"))
        try policy.check(EndpointURL("https://localhost/"))
    }

    @Test func `the system's resolver knows localhost`() async throws {
        let found = try await HostResolver.system.addresses(of: "localhost")
        #expect(!found.isEmpty)
        #expect(found.allSatisfy { !$0.isPublic })
    }
}
