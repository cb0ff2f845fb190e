import Testing

@testable import pushgate

@Suite("HOST:PORT")
struct HostPortTests {
    @Test(arguments: [
        ("127.0.0.1:8080", "127.0.0.1", 8080), ("localhost:0", "localhost", 0), ("[::1]:1883", "::1", 1883),
        ("push.example.com:65535", "push.example.com", 65_535),
    ])
    func `an address is read and written back`(text: String, host: String, port: Int) {
        let address = HostPort(text)
        #expect(address == HostPort(host: host, port: port))
        #expect(address?.description == text)
    }

    @Test(arguments: ["", "8080", ":8080", "host:", "host:x", "host:65536", "host:-1", "::1:80", "[]:80"])
    func `anything else is refused`(text: String) {
        #expect(HostPort(text) == nil)
    }

    @Test func `loopback is told from the rest`() {
        #expect(HostPort(host: "127.9.9.9", port: 1).isLoopback)
        #expect(HostPort(host: "localhost", port: 1).isLoopback)
        #expect(HostPort(host: "::1", port: 1).isLoopback)
        #expect(!HostPort(host: "10.0.0.1", port: 1).isLoopback)
        #expect(!HostPort(host: "example.com", port: 1).isLoopback)
    }
}
