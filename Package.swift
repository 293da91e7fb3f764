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

        // The outside world.
        module("CryptoOpenSSL", ["IPsecModel", "COpenSSL"]),
        module("LinuxIO", ["IPsecModel", "CLinux"]),
        module("XFRM", ["IPsecModel", "LinuxIO", "CLinux", "CMNL"]),

        // Used by tests alone: a network, NATs, a kernel and a peer under virtual time.
        .target(
            name: "SimNet", dependencies: ["IPsecModel", "IKEWire", "IKECore", "CryptoOpenSSL"],
            path: "Tests/SimNet", swiftSettings: strict),

        tests("IPsecModelTests", ["IPsecModel"]),
        tests("IKEWireTests", ["IKEWire", "IPsecModel"]),
        tests("IKECoreTests", ["IKECore", "IKEWire", "IPsecModel", "CryptoOpenSSL", "SimNet"]),
        tests("GatewayConfigTests", ["GatewayConfig", "IPsecModel"]),
        tests("CryptoOpenSSLTests", ["CryptoOpenSSL", "IPsecModel"]),
        tests("XFRMTests", ["XFRM", "LinuxIO", "IPsecModel"]),
    ]
)
