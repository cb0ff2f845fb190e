// swift-tools-version: 6.2
import PackageDescription

// A target is a dependency boundary: what it may import is listed here and nowhere else, and
// `swift build --explicit-target-dependency-import-check error` (in deploy/test) keeps it so.
// Arrows point down only: pushgate -> edges (HTTP, MQTT, vendors, storage) -> PushCore -> PushCredentials.

let argumentParser = Target.Dependency.product(name: "ArgumentParser", package: "swift-argument-parser")
let asyncHTTPClient = Target.Dependency.product(name: "AsyncHTTPClient", package: "async-http-client")
let configuration = Target.Dependency.product(name: "Configuration", package: "swift-configuration")
let crypto = Target.Dependency.product(name: "Crypto", package: "swift-crypto")
let cryptoExtras = Target.Dependency.product(name: "CryptoExtras", package: "swift-crypto")
let deque = Target.Dependency.product(name: "DequeModule", package: "swift-collections")
let grdb = Target.Dependency.product(name: "GRDB", package: "GRDB.swift")
let heap = Target.Dependency.product(name: "HeapModule", package: "swift-collections")
let hummingbird = Target.Dependency.product(name: "Hummingbird", package: "hummingbird")
let hummingbirdCore = Target.Dependency.product(name: "HummingbirdCore", package: "hummingbird")
let hummingbirdTesting = Target.Dependency.product(name: "HummingbirdTesting", package: "hummingbird")
let hummingbirdTLS = Target.Dependency.product(name: "HummingbirdTLS", package: "hummingbird")
let grdbSQLite = Target.Dependency.product(name: "GRDBSQLite", package: "GRDB.swift")
let httpTypes = Target.Dependency.product(name: "HTTPTypes", package: "swift-http-types")
let jwtKit = Target.Dependency.product(name: "JWTKit", package: "jwt-kit")
let logging = Target.Dependency.product(name: "Logging", package: "swift-log")
let mustache = Target.Dependency.product(name: "Mustache", package: "swift-mustache")
let nioCore = Target.Dependency.product(name: "NIOCore", package: "swift-nio")
let nioFoundation = Target.Dependency.product(name: "NIOFoundationCompat", package: "swift-nio")
let nioHTTP1 = Target.Dependency.product(name: "NIOHTTP1", package: "swift-nio")
let nioHTTP2 = Target.Dependency.product(name: "NIOHTTP2", package: "swift-nio-http2")
let nioHPACK = Target.Dependency.product(name: "NIOHPACK", package: "swift-nio-http2")
let nioPosix = Target.Dependency.product(name: "NIOPosix", package: "swift-nio")
let nioSSL = Target.Dependency.product(name: "NIOSSL", package: "swift-nio-ssl")
let serviceLifecycle = Target.Dependency.product(name: "ServiceLifecycle", package: "swift-service-lifecycle")
let unixSignals = Target.Dependency.product(name: "UnixSignals", package: "swift-service-lifecycle")
let swiftASN1 = Target.Dependency.product(name: "SwiftASN1", package: "swift-asn1")
let x509 = Target.Dependency.product(name: "X509", package: "swift-certificates")
let yams = Target.Dependency.product(name: "Yams", package: "Yams")

let package = Package(
    name: "pushgate",
    platforms: [.macOS(.v15)],
    products: [
        .executable(name: "pushgate", targets: ["pushgate"]),
        .library(name: "PushGateBrokerPlugin", type: .dynamic, targets: ["BrokerPlugin"]),
        .library(name: "PushGateClient", targets: ["PushGateClient"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.0"),
        .package(url: "https://github.com/apple/swift-asn1", from: "1.7.0"),
        .package(url: "https://github.com/apple/swift-certificates", from: "1.21.0"),
        .package(url: "https://github.com/apple/swift-collections", from: "1.3.0"),
        .package(url: "https://github.com/apple/swift-configuration", from: "1.4.0", traits: ["YAML", "Logging"]),
        .package(url: "https://github.com/apple/swift-crypto", from: "4.0.0"),
        .package(url: "https://github.com/apple/swift-http-types", from: "1.8.0"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.0"),
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.0"),
        .package(url: "https://github.com/apple/swift-nio-http2", from: "1.46.0"),
        .package(url: "https://github.com/apple/swift-nio-ssl", from: "2.37.0"),
        .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
        .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.0"),
        .package(url: "https://github.com/hummingbird-project/swift-mustache", from: "2.1.0"),
        .package(url: "https://github.com/jpsim/Yams", from: "6.0.0"),
        .package(url: "https://github.com/swift-server/async-http-client", from: "1.37.0"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
        .package(url: "https://github.com/vapor/jwt-kit", from: "5.7.0"),
    ],
    targets: [
        // C libraries, as Debian ships them.
        .systemLibrary(name: "CMosquitto", pkgConfig: "libmosquitto", providers: [.apt(["libmosquitto-dev"])]),
        .systemLibrary(name: "CMosquittoBroker", providers: [.apt(["mosquitto-dev"])]),
        .systemLibrary(name: "CLinux"),
        .systemLibrary(name: "CZlib", providers: [.apt(["zlib1g-dev"])]),

        // Leaves: credentials (shared with the broker plugin), the MQTT client, starting processes, the embedded schema.
        .target(name: "PushCredentials", dependencies: ["CZlib", crypto]),
        .target(name: "MosquittoClient", dependencies: ["CLinux", "CMosquitto", deque, heap]),
        .target(name: "BrokerControl"),
        .target(name: "ChildProcesses", dependencies: ["CLinux"]),
        .target(
            name: "Migrations", path: "Migrations",
            resources: [.embedInCode("sqlite")]),

        // The rules.
        .target(name: "PushCore", dependencies: ["PushCredentials", crypto, deque, logging, mustache]),

        // The edges.
        .target(
            name: "PushStorage",
            dependencies: ["PushCore", "PushCredentials", "Migrations", crypto, deque, grdb, grdbSQLite, logging]),
        .target(
            name: "PushHTTP",
            dependencies: [
                "PushCore", "PushCredentials", crypto, hummingbird, hummingbirdCore, hummingbirdTLS, httpTypes, logging,
                nioCore, nioSSL, yams,
            ],
            resources: [.embedInCode("OpenAPI/openapi.yaml"), .embedInCode("OpenAPI/docs.css")]),
        .target(
            name: "PushMQTT",
            dependencies: [
                "PushCore", "PushCredentials", "BrokerControl", "ChildProcesses", "MosquittoClient", crypto, deque,
                logging, serviceLifecycle,
            ]),
        .target(
            name: "PushVendors",
            dependencies: [
                "PushCore", "PushCredentials", asyncHTTPClient, crypto, cryptoExtras, logging, nioCore, nioHTTP1,
                nioHTTP2, nioPosix,
                nioSSL,
            ]),

        // Who may do what at the broker: the rules of the plugin, without the broker. A target of its own because
        // nothing but the broker can link the plugin: the functions it calls are in the broker's executable.
        .target(name: "BrokerPolicy", dependencies: ["BrokerControl", "PushCredentials", crypto]),

        // Loaded by Mosquitto. `-static-stdlib` and the three libraries put the whole Swift runtime into the
        // plugin: the broker's user can read neither the toolchain nor the build folder. `nodelete`, because a
        // Swift runtime cannot be unloaded.
        .target(
            name: "BrokerPlugin",
            dependencies: ["BrokerPolicy", "BrokerControl", "PushCredentials", "CMosquittoBroker"],
            linkerSettings: [
                .unsafeFlags([
                    "-static-stdlib", "-Xlinker", "-l_FoundationCollections", "-Xlinker", "-l_FoundationCShims",
                    "-Xlinker", "-lswiftSynchronization", "-Xlinker", "-z", "-Xlinker", "nodelete",
                ])
            ]),

        // What lives on the other side of the wire.
        .target(name: "PushGateClient", dependencies: ["MosquittoClient", asyncHTTPClient, nioCore]),
        .target(
            name: "PushSimulators",
            dependencies: [
                "PushGateClient", asyncHTTPClient, crypto, cryptoExtras, deque, logging, nioCore, nioPosix, nioHTTP1,
                nioHTTP2, nioHPACK,
                nioSSL,
                swiftASN1, x509,
            ]),

        .executableTarget(
            name: "pushgate",
            dependencies: [
                "PushCore", "PushStorage", "PushHTTP", "PushMQTT", "PushVendors", "PushGateClient", "PushSimulators",
                "PushCredentials", "BrokerControl", "CLinux", "ChildProcesses", "MosquittoClient", argumentParser,
                asyncHTTPClient,
                configuration, crypto, logging, nioCore, nioSSL, serviceLifecycle, unixSignals,
            ]),
        // Tests: a suite per room, GatewayTests for whole stories.
        .target(name: "PushTestSupport", dependencies: ["PushCore"], path: "Tests/PushTestSupport"),
        .target(name: "TestWaiting", path: "Tests/TestWaiting"),
        .testTarget(
            name: "PushCredentialsTests", dependencies: ["PushCredentials", crypto],
            resources: [.copy("Vectors")]),
        .testTarget(
            name: "BrokerPluginTests",
            dependencies: ["BrokerPolicy", "BrokerControl", "PushCredentials", "TestWaiting", crypto]),
        .testTarget(name: "MosquittoClientTests", dependencies: ["MosquittoClient", "TestWaiting"]),
        .testTarget(name: "PushCoreTests", dependencies: ["PushCore", "PushTestSupport", "TestWaiting"]),
        // The workers of the core on a simulated machine, step by step.
        .target(name: "Simulation", dependencies: ["PushCore", logging], path: "Tests/Simulation"),
        .executableTarget(name: "simulate", dependencies: ["Simulation"], path: "Tests/Simulate"),
        .testTarget(name: "SimulationTests", dependencies: ["Simulation"]),
        .testTarget(
            name: "PushStorageTests",
            dependencies: ["PushCore", "PushStorage", "PushTestSupport", "TestWaiting", grdb, grdbSQLite, logging]),
        .testTarget(
            name: "PushHTTPTests",
            dependencies: [
                "PushCore", "PushCredentials", "PushHTTP", "PushStorage", "PushTestSupport", hummingbird,
                crypto, hummingbirdCore, hummingbirdTesting, httpTypes, logging, nioCore, nioPosix, yams,
            ]),
        .testTarget(
            name: "PushMQTTTests",
            dependencies: [
                "PushCore", "PushMQTT", "BrokerControl", "PushCredentials", "MosquittoClient", "PushTestSupport",
                "TestWaiting", logging, serviceLifecycle,
            ]),
        .testTarget(
            name: "PushVendorsTests",
            dependencies: [
                "PushCore", "PushCredentials", "PushVendors", "PushSimulators", "PushTestSupport", "TestWaiting",
                asyncHTTPClient, crypto, cryptoExtras, jwtKit, logging, nioCore, nioHTTP1, nioHTTP2, nioPosix, nioSSL,
                swiftASN1, x509,
            ]),
        .testTarget(
            name: "PushSimulatorsTests",
            dependencies: [
                "PushSimulators", "PushTestSupport", "TestWaiting", asyncHTTPClient, crypto, cryptoExtras, jwtKit,
                nioCore, nioHTTP1, nioPosix, nioSSL,
            ]),
        .testTarget(
            name: "PushGateClientTests",
            dependencies: [
                "PushGateClient", "PushSimulators", "MosquittoClient", "TestWaiting", nioCore, nioPosix, nioHTTP1,
            ]),
        .testTarget(
            name: "pushgateTests",
            dependencies: ["pushgate", "PushGateClient", "PushSimulators", argumentParser, configuration]),
        .testTarget(
            name: "GatewayTests",
            dependencies: [
                "PushCredentials", "PushGateClient", "PushSimulators", "MosquittoClient", "TestWaiting",
                asyncHTTPClient, crypto, nioCore, nioHTTP1, nioPosix, nioSSL, swiftASN1, x509,
            ]),
    ]
)
