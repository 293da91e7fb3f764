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

        tests("IPsecModelTests", ["IPsecModel"]),
        tests("IKEWireTests", ["IKEWire", "IPsecModel"]),
        tests("GatewayConfigTests", ["GatewayConfig", "IPsecModel"]),
        tests("CryptoOpenSSLTests", ["CryptoOpenSSL", "IPsecModel"]),
        tests("LinuxIOTests", ["LinuxIO", "IPsecModel"]),
        tests("XFRMTests", ["XFRM", "LinuxIO", "IPsecModel"]),

        // Run as root by Tests/Lab, under a kernel that has ESP.
        .executableTarget(
            name: "xfrm-selftest", dependencies: ["XFRM", "LinuxIO", "IPsecModel"],
            path: "Tests/xfrm-selftest", exclude: ["run"], swiftSettings: strict),
    ]
)
