// swift-tools-version: 6.2
import PackageDescription

// A package of its own: who builds the library or tests it does not compile the benchmarks.
//
// It looks inside, at what only the root package's own targets see: that package is known by the name of the folder that it lies in.
let folder = Context.packageDirectory.split(separator: "/").dropLast(2).last ?? ""
let root = String(folder.lowercased().map { $0.isLetter || $0.isNumber ? $0 : "_" })

let package = Package(
    name: "benchmark",
    platforms: [.macOS("26.0")],
    dependencies: [.package(name: "swift-lightning", path: "../..")],
    targets: [
        .executableTarget(
            name: "lightning-benchmark",
            dependencies: [
                .product(name: "Lightning", package: "swift-lightning"), .product(name: "LightningSimulation", package: "swift-lightning"),
            ],
            path: "Sources", packageAccess: false,
            swiftSettings: [
                .enableUpcomingFeature("ExistentialAny"),
                .enableUpcomingFeature("MemberImportVisibility"),
                .enableUpcomingFeature("InternalImportsByDefault"),
                .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
                .treatAllWarnings(as: .error),
                .unsafeFlags(["-package-name", root]),
            ])
    ],
    swiftLanguageModes: [.v6]
)
