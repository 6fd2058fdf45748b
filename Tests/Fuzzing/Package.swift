// swift-tools-version: 6.2
import PackageDescription

// A package of its own: libFuzzer brings the main function, and all that is fuzzed is built with its instrumentation. How: README.md.
let package = Package(
    name: "fuzzing",
    dependencies: [.package(name: "swift-lightning", path: "../..")],
    targets: [
        .executableTarget(
            name: "fuzz", dependencies: [.product(name: "LightningFuzzing", package: "swift-lightning")],
            swiftSettings: [.unsafeFlags(["-parse-as-library"])],
            // The other linker stops at an internal error.
            linkerSettings: [.unsafeFlags(["-use-ld=lld"], .when(platforms: [.linux]))]),
        .executableTarget(name: "fuzz-corpus", dependencies: [.product(name: "LightningFuzzing", package: "swift-lightning")]),
    ]
)
