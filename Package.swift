// swift-tools-version: 6.2
import PackageDescription

// One loop of strict settings for every target of the package (at the end).
let strict: [SwiftSetting] = [
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
    .treatAllWarnings(as: .error),
]

func system(_ name: String, pkgConfig: String, apt: String, brew: String) -> Target {
    .systemLibrary(name: name, pkgConfig: pkgConfig, providers: [.apt([apt]), .brew([brew])])
}

let package = Package(
    name: "swift-lightning",
    platforms: [.macOS("26.0"), .iOS("26.0")],
    products: [
        .library(name: "Lightning", targets: ["Lightning"]),
        .library(name: "LightningTesting", targets: ["LightningTesting"]),
        .library(name: "LightningClient", targets: ["LightningClient"]),
        .library(name: "LightningSimulation", targets: ["LightningSimulation", "LightningScenarios"]),
        .executable(name: "lnw", targets: ["lnw"]),
        // For Tests/Fuzzing, a package of its own as Tests/Benchmark and Tests/Differential: fuzzing needs flags that no other build has.
        .library(name: "LightningFuzzing", targets: ["LightningFuzzing"]),
    ],
    dependencies: [
        .package(url: "https://github.com/LebJe/TOMLKit", from: "0.6.0"),
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.0"),
        .package(url: "https://github.com/apple/swift-collections", from: "1.6.0"),
        .package(url: "https://github.com/apple/swift-http-types", from: "1.8.0"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.0"),
        .package(url: "https://github.com/apple/swift-metrics", from: "2.13.0"),
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.0"),
        .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
        .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.0"),
        .package(url: "https://github.com/apple/swift-nio-ssl", from: "2.37.0"),
        .package(url: "https://github.com/swift-server/async-http-client", from: "1.37.0"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
    ],
    targets: [
        system("CSecp256k1", pkgConfig: "libsecp256k1", apt: "libsecp256k1-dev", brew: "secp256k1"),
        system("COpenSSL", pkgConfig: "libcrypto", apt: "libssl-dev", brew: "openssl@3"),
        system("CQRencode", pkgConfig: "libqrencode", apt: "libqrencode-dev", brew: "qrencode"),
        .target(name: "CryptoPrimitives", dependencies: ["CSecp256k1", "COpenSSL"]),
        .target(name: "BitcoinPrimitives", dependencies: ["CryptoPrimitives"]),
        .target(
            name: "BitcoinLedger",
            dependencies: ["CryptoPrimitives", "BitcoinPrimitives", .product(name: "HeapModule", package: "swift-collections")]),
        .target(name: "LightningRecords", dependencies: ["BitcoinPrimitives"]),
        .target(name: "LightningTransport", dependencies: ["CryptoPrimitives"]),
        .target(name: "LightningWire", dependencies: ["CryptoPrimitives", "BitcoinPrimitives"]),
        .target(name: "LightningChain", dependencies: ["CryptoPrimitives", "BitcoinPrimitives", "LightningRecords", "LightningWire"]),
        .target(name: "LightningOnion", dependencies: ["CryptoPrimitives", "BitcoinPrimitives", "LightningWire"]),
        .target(
            name: "LightningInvoice",
            dependencies: ["CryptoPrimitives", "BitcoinPrimitives", "LightningWire", "LightningOnion"]),
        .target(name: "LightningTransactions", dependencies: ["CryptoPrimitives", "BitcoinPrimitives", "LightningWire"]),
        .target(
            name: "LightningRouting",
            dependencies: [
                "CryptoPrimitives", "BitcoinPrimitives", "LightningRecords", "LightningWire", "LightningTransactions",
                .product(name: "HeapModule", package: "swift-collections"),
            ]),
        .target(
            name: "LightningEnforcement",
            dependencies: ["CryptoPrimitives", "BitcoinPrimitives", "LightningWire", "LightningTransactions", "LightningChain"]),
        .target(
            name: "LightningChannel",
            dependencies: [
                "CryptoPrimitives", "BitcoinPrimitives", "LightningRecords", "LightningWire", "LightningTransactions",
                "LightningChain", "LightningEnforcement",
            ]),
        .target(
            name: "LightningPayment",
            dependencies: [
                "CryptoPrimitives", "BitcoinPrimitives", "LightningRecords", "LightningWire", "LightningOnion", "LightningInvoice",
                "LightningRouting", .product(name: "HeapModule", package: "swift-collections"),
            ]),
        .target(
            name: "LightningCore",
            dependencies: [
                "CryptoPrimitives", "BitcoinPrimitives", "LightningRecords", "LightningTransport", "LightningWire", "LightningOnion",
                "LightningInvoice", "LightningTransactions", "LightningRouting", "LightningChannel", "LightningEnforcement",
                "LightningChain", "LightningPayment",
            ]),
        .target(
            name: "LightningSimulation",
            dependencies: [
                "CryptoPrimitives", "BitcoinPrimitives", "BitcoinLedger", "LightningRecords", "LightningTransport", "LightningWire",
                "LightningInvoice", "LightningRouting", "LightningChannel", "LightningEnforcement", "LightningTransactions",
                "LightningChain", "LightningPayment", "LightningCore", .product(name: "HeapModule", package: "swift-collections"),
            ]),
        .target(
            name: "LightningScenarios",
            dependencies: [
                "CryptoPrimitives", "BitcoinPrimitives", "LightningWire", "LightningRouting", "LightningPayment", "LightningSimulation",
                .product(name: "TOMLKit", package: "TOMLKit"),
            ]),
        .target(name: "LineFraming", dependencies: [.product(name: "NIOCore", package: "swift-nio")]),
        .target(name: "LightningStorage", dependencies: ["LightningRecords", .product(name: "GRDB", package: "GRDB.swift")]),
        .target(
            name: "BitcoinBackend",
            dependencies: [
                "CryptoPrimitives", "BitcoinPrimitives", "BitcoinLedger", "LineFraming", .product(name: "GRDB", package: "GRDB.swift"),
                .product(name: "NIOCore", package: "swift-nio"), .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"), .product(name: "NIOFoundationCompat", package: "swift-nio"),
                .product(name: "NIOSSL", package: "swift-nio-ssl"),
            ]),
        .target(
            name: "LightningRuntime",
            dependencies: [
                "CryptoPrimitives", "BitcoinPrimitives", "LightningRecords", "LightningWire", "LightningInvoice", "LightningRouting",
                "LightningChannel", "LightningEnforcement", "LightningTransactions", "LightningChain", "LightningPayment", "LightningCore",
                "LightningStorage", "BitcoinBackend", "CQRencode", .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"), .product(name: "NIOFoundationCompat", package: "swift-nio"),
                .product(name: "Logging", package: "swift-log"), .product(name: "Metrics", package: "swift-metrics"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
            ]),
        .target(name: "LightningAPI", dependencies: ["BitcoinPrimitives"]),
        .target(
            name: "LightningClient",
            dependencies: [
                "LightningAPI", "LineFraming", .product(name: "AsyncHTTPClient", package: "async-http-client"),
                .product(name: "NIOCore", package: "swift-nio"), .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "NIOFoundationCompat", package: "swift-nio"), .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOSSL", package: "swift-nio-ssl"),
            ]),
        .target(
            name: "LightningServer",
            dependencies: [
                "CryptoPrimitives", "BitcoinPrimitives", "LightningRecords", "LightningWire", "LightningInvoice", "LightningRouting",
                "LightningChannel", "LightningEnforcement", "LightningTransactions", "LightningChain", "LightningPayment", "LightningCore",
                "LightningStorage", "BitcoinBackend", "LightningRuntime", "LightningAPI", "LineFraming",
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"), .product(name: "NIOFoundationCompat", package: "swift-nio"),
                .product(name: "Hummingbird", package: "hummingbird"),
                .product(name: "HummingbirdCore", package: "hummingbird"), .product(name: "HummingbirdTLS", package: "hummingbird"),
                .product(name: "AsyncHTTPClient", package: "async-http-client"), .product(name: "NIOSSL", package: "swift-nio-ssl"),
                .product(name: "NIOHTTP1", package: "swift-nio"), .product(name: "HTTPTypes", package: "swift-http-types"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
            ],
            resources: [
                .embedInCode("Dashboard/dashboard.html"), .embedInCode("Dashboard/dashboard.css"), .embedInCode("Dashboard/dashboard.js"),
            ]),
        .target(
            name: "Lightning",
            dependencies: [
                "CryptoPrimitives", "BitcoinPrimitives", "LightningChain", "LightningRecords", "LightningWire", "LightningInvoice",
                "LightningRouting", "LightningChannel",
                "LightningEnforcement", "LightningTransactions", "LightningPayment", "LightningCore", "BitcoinBackend", "LightningRuntime",
            ]),
        .target(
            name: "LightningTesting",
            dependencies: [
                "BitcoinPrimitives", "BitcoinBackend", "LightningWire", "LightningRouting", "LightningTransactions", "LightningChannel",
                "LightningCore", "LightningRuntime",
            ]),
        .executableTarget(
            name: "lnw",
            dependencies: [
                "CryptoPrimitives", "BitcoinPrimitives", "BitcoinLedger", "LightningRecords", "LightningWire", "LightningInvoice",
                "LightningRouting", "LightningChannel", "LightningEnforcement", "LightningTransactions", "LightningChain", "LightningCore",
                "LightningPayment", "LightningSimulation", "LightningScenarios", "BitcoinBackend", "LightningRuntime", "LightningAPI",
                "LightningClient", "LightningServer", .product(name: "Logging", package: "swift-log"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
                .product(name: "ArgumentParser", package: "swift-argument-parser"), .product(name: "TOMLKit", package: "TOMLKit"),
            ], path: "Sources/LightningCLI"),
        .executableTarget(
            name: "Cheater", dependencies: ["Lightning", "LightningSimulation"], path: "Examples/Cheater", packageAccess: false),
        .executableTarget(name: "Coffee", dependencies: ["Lightning", "LightningTesting"], path: "Examples/Coffee", packageAccess: false),
        .executableTarget(
            name: "NetworkStudy", dependencies: ["Lightning", "LightningSimulation", "LightningScenarios"], path: "Examples/NetworkStudy",
            packageAccess: false),
        .executableTarget(name: "EventStream", dependencies: ["Lightning"], path: "Examples/EventStream", packageAccess: false),
        .executableTarget(
            name: "MeteredAPI",
            dependencies: [
                "Lightning", "LightningTesting", .product(name: "Hummingbird", package: "hummingbird"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
            ], path: "Examples/MeteredAPI", packageAccess: false),
        .executableTarget(name: "Podcast", dependencies: ["Lightning"], path: "Examples/Podcast", packageAccess: false),
        .executableTarget(name: "TwoNodes", dependencies: ["Lightning"], path: "Examples/TwoNodes", packageAccess: false),
        .target(name: "TestSupport", dependencies: ["CryptoPrimitives"], path: "Tests/TestSupport"),
        .target(
            name: "TestElectrum",
            dependencies: [
                "CryptoPrimitives", "BitcoinPrimitives", "BitcoinBackend", "LineFraming", .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"), .product(name: "NIOFoundationCompat", package: "swift-nio"),
            ], path: "Tests/TestElectrum"),
        .target(
            name: "LightningFuzzing",
            dependencies: [
                "CryptoPrimitives", "BitcoinPrimitives", "BitcoinLedger", "LightningRecords", "LightningWire", "LightningChain",
                "LightningChannel", "LightningEnforcement", "LightningTransactions", "LightningOnion", "LightningInvoice",
                "LightningPayment", "LightningCore", "LightningSimulation",
            ], path: "Tests/FuzzEntryPoints"),
        .testTarget(
            name: "BackendTests",
            dependencies: [
                "CryptoPrimitives", "BitcoinPrimitives", "BitcoinLedger", "BitcoinBackend", "TestElectrum", "TestSupport",
                .product(name: "NIOCore", package: "swift-nio"), .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"), .product(name: "GRDB", package: "GRDB.swift"),
            ]),
        .testTarget(
            name: "ChainTests",
            dependencies: ["CryptoPrimitives", "BitcoinPrimitives", "LightningRecords", "LightningWire", "LightningChain"]),
        .testTarget(
            name: "ChannelTests",
            dependencies: [
                "CryptoPrimitives", "BitcoinPrimitives", "BitcoinLedger", "LightningRecords", "LightningWire", "LightningTransactions",
                "LightningChannel", "LightningEnforcement", "TestSupport",
            ], exclude: ["Records"]),
        .testTarget(
            name: "CommandTests",
            dependencies: [
                "lnw", "TwoNodes", "EventStream", "Podcast", "Cheater", "Coffee", "MeteredAPI", "NetworkStudy", "LightningAPI",
                "TestSupport",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ]),
        .testTarget(
            name: "CoreTests",
            dependencies: [
                "CryptoPrimitives", "BitcoinPrimitives", "LightningRecords", "LightningTransport", "LightningWire", "LightningChain",
                "LightningInvoice", "LightningPayment",
                "LightningChannel", "LightningEnforcement", "LightningTransactions", "LightningCore", "LightningSimulation", "TestSupport",
            ]),
        .testTarget(
            name: "EnforcementTests",
            dependencies: [
                "CryptoPrimitives", "BitcoinPrimitives", "BitcoinLedger", "LightningWire", "LightningTransactions", "LightningChain",
                "LightningEnforcement",
            ]),
        .testTarget(
            name: "FuzzTests",
            dependencies: ["CryptoPrimitives", "LightningSimulation", "LightningFuzzing", "TestSupport"]),
        .testTarget(name: "LedgerTests", dependencies: ["CryptoPrimitives", "BitcoinPrimitives", "BitcoinLedger", "TestSupport"]),
        .testTarget(name: "CryptoTests", dependencies: ["CryptoPrimitives", "TestSupport"]),
        .testTarget(name: "PrimitivesTests", dependencies: ["CryptoPrimitives", "BitcoinPrimitives", "TestSupport"]),
        .testTarget(
            name: "ShopTests",
            dependencies: ["Lightning", "LightningTesting", "LightningClient", "LightningSimulation", "LightningScenarios"],
            path: "Examples/ShopTests", packageAccess: false),
        .testTarget(
            name: "PaymentTests",
            dependencies: [
                "CryptoPrimitives", "BitcoinPrimitives", "LightningRecords", "LightningWire", "LightningOnion", "LightningInvoice",
                "LightningRouting", "LightningPayment", "TestSupport",
            ]),
        .testTarget(name: "TransportTests", dependencies: ["CryptoPrimitives", "LightningTransport", "TestSupport"]),
        .testTarget(
            name: "WireTests", dependencies: ["CryptoPrimitives", "BitcoinPrimitives", "LightningWire", "TestSupport"]),
        .testTarget(
            name: "OnionTests",
            dependencies: ["CryptoPrimitives", "BitcoinPrimitives", "LightningWire", "LightningOnion", "TestSupport"]),
        .testTarget(
            name: "InvoiceTests",
            dependencies: ["CryptoPrimitives", "BitcoinPrimitives", "LightningWire", "LightningOnion", "LightningInvoice", "TestSupport"]),
        .testTarget(
            name: "TransactionsTests",
            dependencies: ["CryptoPrimitives", "BitcoinPrimitives", "LightningWire", "LightningTransactions", "TestSupport"]),
        .testTarget(
            name: "ScenarioTests",
            dependencies: [
                "BitcoinPrimitives", "LightningWire", "LightningPayment", "LightningSimulation", "LightningScenarios",
            ]),
        .testTarget(
            name: "StorageTests",
            dependencies: [
                "CryptoPrimitives", "BitcoinPrimitives", "LightningRecords", "LightningCore", "LightningStorage",
                .product(name: "GRDB", package: "GRDB.swift"),
            ]),
        .testTarget(
            name: "RoutingTests",
            dependencies: ["CryptoPrimitives", "BitcoinPrimitives", "LightningRecords", "LightningWire", "LightningRouting", "TestSupport"]),
        .testTarget(
            name: "RuntimeTests",
            dependencies: [
                "CryptoPrimitives", "BitcoinPrimitives", "BitcoinLedger", "LightningRecords", "LightningWire", "LightningInvoice",
                "LightningRouting", "LightningChannel", "LightningEnforcement", "LightningTransactions", "LightningPayment",
                "LightningChain", "LightningCore", "LightningSimulation", "LightningStorage", "LightningRuntime", "LightningAPI",
                "LightningClient", "LightningServer",
                "Lightning", "TestElectrum", "TestSupport", .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: "swift-nio"), .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "NIOFoundationCompat", package: "swift-nio"), .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "Hummingbird", package: "hummingbird"), .product(name: "AsyncHTTPClient", package: "async-http-client"),
                .product(name: "NIOSSL", package: "swift-nio-ssl"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
            ], exclude: ["Wallets"]),
        .testTarget(
            name: "SimulationTests",
            dependencies: [
                "CryptoPrimitives", "BitcoinPrimitives", "BitcoinLedger", "LightningRecords", "LightningWire", "LightningInvoice",
                "LightningChannel", "LightningEnforcement", "LightningTransactions", "LightningChain", "LightningOnion", "LightningPayment",
                "LightningRouting", "LightningCore", "LightningSimulation", "TestSupport",
            ], exclude: ["Records"]),
        .testTarget(name: "TidyTests", dependencies: ["CryptoPrimitives"], exclude: ["Quotes"]),
    ],
    swiftLanguageModes: [.v6]
)

for target in package.targets where target.type != .system {
    target.swiftSettings = strict
}
