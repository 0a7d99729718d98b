// swift-tools-version:6.2
import PackageDescription

/// Every target is built with the same language rules.
let settings: [SwiftSetting] = [
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
]

let nioCore = Target.Dependency.product(name: "NIOCore", package: "swift-nio")
let nioPosix = Target.Dependency.product(name: "NIOPosix", package: "swift-nio")
let nioHTTP1 = Target.Dependency.product(name: "NIOHTTP1", package: "swift-nio")
let nioSSL = Target.Dependency.product(name: "NIOSSL", package: "swift-nio-ssl")
let crypto = Target.Dependency.product(name: "Crypto", package: "swift-crypto")
let systemPackage = Target.Dependency.product(name: "SystemPackage", package: "swift-system")
let log = Target.Dependency.product(name: "Logging", package: "swift-log")
let hummingbird = Target.Dependency.product(name: "Hummingbird", package: "hummingbird")
let hummingbirdCore = Target.Dependency.product(name: "HummingbirdCore", package: "hummingbird")
let httpTypes = Target.Dependency.product(name: "HTTPTypes", package: "swift-http-types")
let asyncHTTPClient = Target.Dependency.product(name: "AsyncHTTPClient", package: "async-http-client")
let serviceLifecycle = Target.Dependency.product(name: "ServiceLifecycle", package: "swift-service-lifecycle")

let package = Package(
    name: "minion",
    platforms: [.macOS(.v15)],
    products: [
        .executable(name: "minion", targets: ["MinionMain"]),
        .executable(name: "minion-server", targets: ["minion-server"]),
        .library(name: "Minion", targets: ["Minion"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-nio.git", from: "2.101.2"),
        .package(url: "https://github.com/apple/swift-nio-extras.git", from: "1.34.1"),
        .package(url: "https://github.com/apple/swift-nio-ssl.git", from: "2.37.6"),
        .package(url: "https://github.com/apple/swift-http-types.git", from: "1.8.0", traits: []),
        .package(url: "https://github.com/apple/swift-crypto.git", from: "4.5.2"),
        .package(url: "https://github.com/apple/swift-log.git", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-system.git", from: "1.8.1"),
        .package(url: "https://github.com/apple/swift-argument-parser.git", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-configuration.git", from: "1.4.0", traits: []),
        .package(url: "https://github.com/swift-server/async-http-client.git", from: "1.37.0"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle.git", from: "2.13.0"),
        .package(url: "https://github.com/hummingbird-project/hummingbird.git", from: "2.28.1", traits: []),
        .package(url: "https://github.com/groue/GRDB.swift.git", from: "7.10.0"),
    ],
    targets: [
        .target(name: "MinionCore", swiftSettings: settings),
        .target(name: "MinionLog", dependencies: [log], swiftSettings: settings),
        .target(name: "Swarm", dependencies: ["MinionCore"], swiftSettings: settings),
        .target(name: "Fleet", dependencies: ["MinionCore"], swiftSettings: settings),
        .target(name: "SwarmSimulator", dependencies: ["Swarm"], swiftSettings: settings),
        .target(name: "PieceStore", dependencies: ["MinionCore", crypto, systemPackage], swiftSettings: settings),
        .target(name: "Wire", dependencies: ["MinionCore", "Swarm", crypto], swiftSettings: settings),
        .target(
            name: "Node",
            dependencies: [
                "Fleet", "Registry", "Swarm", "PieceStore", "Wire", nioCore, nioPosix, nioHTTP1, nioSSL, log, crypto,
                systemPackage,
                .product(name: "AsyncHTTPClient", package: "async-http-client"),
            ],
            swiftSettings: settings),
        .target(
            name: "Registry",
            dependencies: [
                "MinionCore", nioCore, nioPosix, nioHTTP1, nioSSL, log, crypto, asyncHTTPClient,
            ],
            swiftSettings: settings),
        .target(
            name: "HTTPFront",
            dependencies: [
                "MinionCore", nioCore, nioPosix, nioSSL, log, serviceLifecycle, hummingbird, hummingbirdCore, httpTypes,
                .product(name: "HummingbirdTLS", package: "hummingbird"),
                .product(name: "NIOHTTPTypes", package: "swift-nio-extras"),
            ],
            swiftSettings: settings),
        .target(
            name: "Scheduler",
            dependencies: [
                "Fleet", "HTTPFront", "MinionCore", "Swarm", "Wire", nioCore, nioPosix, log, crypto, serviceLifecycle,
                hummingbird, hummingbirdCore, httpTypes, asyncHTTPClient,
            ],
            swiftSettings: settings),
        .systemLibrary(
            name: "CLibPQ", pkgConfig: "libpq", providers: [.apt(["libpq-dev"]), .brew(["libpq"])]),
        .target(
            name: "ManagerStore",
            dependencies: ["CLibPQ", log, nioPosix, .product(name: "GRDB", package: "GRDB.swift")],
            swiftSettings: settings),
        .systemLibrary(name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"]), .brew(["zlib"])]),
        .target(
            name: "Manager",
            dependencies: [
                "CZlib", "Fleet", "HTTPFront", "ManagerStore", "MinionCore", "Registry", nioCore, nioPosix, nioHTTP1,
                log,
                crypto, hummingbird, httpTypes, asyncHTTPClient,
                .product(name: "CryptoExtras", package: "swift-crypto"),
            ],
            swiftSettings: settings),
        .target(
            name: "MinionServer",
            dependencies: [
                "Fleet", "HTTPFront", "Manager", "ManagerStore", "MinionCore", "MinionLog", "Scheduler", nioCore, log,
                hummingbird,
                serviceLifecycle,
                .product(name: "UnixSignals", package: "swift-service-lifecycle"),
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            swiftSettings: settings),
        .executableTarget(name: "minion-server", dependencies: ["MinionServer"], swiftSettings: settings),
        .target(
            name: "HostNode", dependencies: ["MinionCore", "Node", "PieceStore", nioCore, nioPosix, log],
            swiftSettings: settings),
        .target(
            name: "MinionCommand",
            dependencies: [
                "Fleet", "HostNode", "MinionCore", "MinionLog", "Node", "PieceStore", "Swarm", "SwarmSimulator", "Wire",
                log, nioCore, nioPosix, nioHTTP1, serviceLifecycle, systemPackage,
                .product(name: "AsyncHTTPClient", package: "async-http-client"),
                .product(name: "Configuration", package: "swift-configuration"),
                .product(name: "UnixSignals", package: "swift-service-lifecycle"),
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            swiftSettings: settings),
        .target(
            name: "Minion",
            dependencies: ["MinionCore", "PieceStore", "Node", "HostNode", log, nioPosix, systemPackage],
            swiftSettings: settings),
        .executableTarget(name: "MinionMain", dependencies: ["MinionCommand"], swiftSettings: settings),
        // What Examples has as a package of its own, so that it is built and run with the tests.
        .executableTarget(
            name: "install-release", dependencies: ["Minion"],
            path: "Examples/InstallRelease/Sources/InstallRelease", swiftSettings: settings),
        .executableTarget(
            name: "minion-tracker-load",
            dependencies: [
                "MinionCore", "Swarm", "Wire", nioCore, nioPosix,
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            path: "Benchmarks/TrackerLoad", swiftSettings: settings),
        .executableTarget(
            name: "minion-microbenchmarks",
            dependencies: [
                "MinionCore", "PieceStore", "Swarm", "Wire",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            path: "Benchmarks/Micro", swiftSettings: settings),
        .executableTarget(
            name: "minion-store-load",
            dependencies: [
                "ManagerStore", log, .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            path: "Benchmarks/StoreLoad", swiftSettings: settings),

        .testTarget(name: "MinionCoreTests", dependencies: ["MinionCore"], swiftSettings: settings),
        .testTarget(name: "FleetTests", dependencies: ["Fleet", "MinionCore"], swiftSettings: settings),
        .testTarget(
            name: "PieceStoreTests", dependencies: ["PieceStore", "MinionCore", crypto, systemPackage],
            swiftSettings: settings),
        .testTarget(
            name: "SwarmSimulatorTests", dependencies: ["SwarmSimulator", "Swarm", "MinionCore"],
            swiftSettings: settings),
        .testTarget(name: "WireTests", dependencies: ["Wire", crypto], swiftSettings: settings),
        .testTarget(name: "MinionLogTests", dependencies: ["MinionLog", log], swiftSettings: settings),
        .testTarget(
            name: "SchedulerTests",
            dependencies: [
                "Fleet", "HTTPFront", "MinionCore", "MinionLog", "Scheduler", "Swarm", "Wire", nioCore, nioPosix,
                nioHTTP1, log, crypto, serviceLifecycle,
                .product(name: "AsyncHTTPClient", package: "async-http-client"),
            ],
            swiftSettings: settings),
        .testTarget(
            name: "NodeTests",
            dependencies: [
                "Fleet", "HTTPFront", "Node", "PieceStore", "Scheduler", "Wire", "Swarm", "MinionCore", nioCore,
                nioPosix, nioHTTP1, nioSSL, log, crypto, serviceLifecycle,
            ],
            swiftSettings: settings),
        .testTarget(
            name: "RegistryTests",
            dependencies: ["Registry", "MinionCore", nioCore, nioPosix, nioHTTP1, nioSSL, log, crypto],
            swiftSettings: settings),
        .testTarget(name: "ManagerStoreTests", dependencies: ["ManagerStore", log], swiftSettings: settings),
        .testTarget(
            name: "ManagerTests",
            dependencies: ["Fleet", "Manager", "ManagerStore", "MinionCore", log, crypto, httpTypes],
            swiftSettings: settings),
        .testTarget(
            name: "HostNodeTests", dependencies: ["HostNode", "MinionCore", "Node", "PieceStore", log],
            swiftSettings: settings),
        .testTarget(
            name: "MinionCommandTests",
            dependencies: ["Fleet", "HostNode", "MinionCommand", "MinionCore", "Node", "PieceStore"],
            swiftSettings: settings),
        .testTarget(
            name: "MinionTests",
            dependencies: ["HTTPFront", "Minion", "MinionCore", "Scheduler", log, serviceLifecycle],
            swiftSettings: settings),
        .testTarget(name: "TidyTests", swiftSettings: settings),
    ]
)
