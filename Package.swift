// swift-tools-version: 6.2
import PackageDescription

/// One set of compiler settings for everything: data races, unsafe memory and warnings are errors.
let strict: [SwiftSetting] = [
    .swiftLanguageMode(.v6), .strictMemorySafety(), .treatAllWarnings(as: .error),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
]

/// A module of ours. The dependencies given here are the arrows of docs/ARCHITECTURE.md.
func module(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
    .target(name: name, dependencies: dependencies, swiftSettings: strict)
}

/// The tests of the module whose name they carry.
func tests(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
    .testTarget(
        name: name, dependencies: dependencies, resources: [.copy("Vectors")], swiftSettings: strict)
}

let package = Package(
    name: "culvert",
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
    ],
    targets: [
        // C: headers and module maps, no logic.
        .target(name: "CSecureMemory"),
        .target(name: "CLinux"),
        .systemLibrary(name: "COpenSSL", pkgConfig: "openssl", providers: [.apt(["libssl-dev"])]),
        .systemLibrary(name: "CMNL", pkgConfig: "libmnl", providers: [.apt(["libmnl-dev"])]),

        // Pure: values and machines. No clock, no socket, no thread.
        module("IPsecModel", ["CSecureMemory"]),
        module("IKEWire", ["IPsecModel"]),
        module("IKECore", ["IPsecModel", "IKEWire"]),
        module("GatewayConfig", ["IPsecModel"]),
        module("ControlProtocol", ["IPsecModel"]),
        module("ESPCore", ["IPsecModel"]),

        // The outside world.
        module("CryptoOpenSSL", ["IPsecModel", "COpenSSL"]),
        module("LinuxIO", ["IPsecModel", "CLinux"]),
        module("CryptoIPsecMB", ["IPsecModel"]),
        module("Netlink", ["IPsecModel", "LinuxIO", "CLinux", "CMNL"]),
        module("Routing", ["IPsecModel", "LinuxIO", "Netlink"]),
        module("XFRM", ["IPsecModel", "LinuxIO", "CLinux", "CMNL", "Netlink"]),
        module("UserspaceESP", ["IPsecModel", "ESPCore", "LinuxIO", "Routing"]),

        // The programs, and what they share that needs Foundation.
        module("ControlCodec", ["ControlProtocol", "GatewayConfig"]),
        module("ConfigurationFiles", ["GatewayConfig", "LinuxIO"]),
        module(
            "CulvertCLI",
            [
                "ConfigurationFiles", "ControlCodec", "ControlProtocol", "GatewayConfig", "LinuxIO",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ]),
        .executableTarget(name: "culvert", dependencies: ["CulvertCLI"], swiftSettings: strict),
        module(
            "Gateway",
            [
                "IPsecModel", "IKEWire", "IKECore", "GatewayConfig", "ConfigurationFiles",
                "ControlProtocol", "ControlCodec", "CryptoOpenSSL", "CryptoIPsecMB", "LinuxIO", "Routing",
                "XFRM",
                "UserspaceESP",
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "UnixSignals", package: "swift-service-lifecycle"),
            ]),
        .executableTarget(
            name: "culvertd",
            dependencies: [
                "Gateway", "ControlProtocol", "LinuxIO",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "Logging", package: "swift-log"),
            ], swiftSettings: strict),
        // Used by tests alone: a network, NATs, a kernel and a peer under virtual time.
        .target(
            name: "SimNet", dependencies: ["IPsecModel", "IKEWire", "IKECore", "CryptoOpenSSL"],
            path: "Tests/SimNet", swiftSettings: strict),
        // Simulated months of two gateways, built with optimisation by Tests/simnet-month/run.
        .executableTarget(
            name: "simnet-month",
            dependencies: [
                "SimNet", "IPsecModel", .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ], path: "Tests/simnet-month", exclude: ["run"], swiftSettings: strict),

        tests("IPsecModelTests", ["IPsecModel"]),
        tests("IKEWireTests", ["IKEWire", "IPsecModel"]),
        tests("IKECoreTests", ["IKECore", "IKEWire", "IPsecModel", "CryptoOpenSSL", "SimNet"]),
        tests("GatewayConfigTests", ["GatewayConfig", "IPsecModel"]),
        tests("CryptoOpenSSLTests", ["CryptoOpenSSL", "IPsecModel"]),
        tests("ControlProtocolTests", ["ControlProtocol", "ControlCodec"]),
        tests("ConfigurationFilesTests", ["ConfigurationFiles", "GatewayConfig", "LinuxIO"]),
        tests(
            "CulvertCLITests",
            [
                "CulvertCLI", "ControlProtocol", "ControlCodec", "LinuxIO", "culvert",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ]),
        tests(
            "GatewayTests",
            [
                "Gateway", "ControlProtocol", "ControlCodec", "CryptoOpenSSL", "IKECore", "IKEWire",
                "IPsecModel", "LinuxIO", "Routing", "SimNet",
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOEmbedded", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
            ]),
        tests("LinuxIOTests", ["LinuxIO", "IPsecModel"]),
        tests("NetlinkTests", ["Netlink", "LinuxIO", "IPsecModel"]),
        tests("RoutingTests", ["Routing", "Netlink", "LinuxIO", "IPsecModel"]),
        tests("XFRMTests", ["XFRM", "Netlink", "LinuxIO", "IPsecModel"]),
        tests("ESPCoreTests", ["ESPCore", "IPsecModel", "CryptoOpenSSL"]),
        tests("CryptoIPsecMBTests", ["CryptoIPsecMB", "CryptoOpenSSL", "IPsecModel"]),
        // Counts allocations for tests and for `esp-tunnel --selfbench`.
        .target(name: "CAllocationCount", path: "Tests/CAllocationCount"),
        tests(
            "UserspaceESPTests",
            [
                "UserspaceESP", "ESPCore", "Routing", "LinuxIO", "IPsecModel", "CryptoOpenSSL",
                "CryptoIPsecMB",
                "CAllocationCount",
            ]),

        // Run as root by Tests/Lab, under a kernel that has ESP.
        .executableTarget(
            name: "xfrm-selftest", dependencies: ["XFRM", "LinuxIO", "IPsecModel"],
            path: "Tests/xfrm-selftest", exclude: ["run"], swiftSettings: strict),
        // The user-space engine with fixed keys and no IKE, for measurements and for tests against other ESP.
        .executableTarget(
            name: "esp-tunnel",
            dependencies: [
                "IPsecModel", "ESPCore", "LinuxIO", "Routing", "UserspaceESP", "CryptoOpenSSL",
                "CryptoIPsecMB", "CAllocationCount",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ], path: "Benchmarks/esp", swiftSettings: strict),
        // Many initiators in one process, and culvertd without a data plane, for measurements of IKE.
        .executableTarget(
            name: "ike-load",
            dependencies: [
                "IPsecModel", "IKEWire", "IKECore", "GatewayConfig", "CryptoOpenSSL", "LinuxIO",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ], path: "Benchmarks/ike/load", swiftSettings: strict),
        .executableTarget(
            name: "ike-responder",
            dependencies: [
                "Gateway", "IPsecModel", "LinuxIO",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "Logging", package: "swift-log"),
            ], path: "Benchmarks/ike/responder", swiftSettings: strict),
    ]
)
