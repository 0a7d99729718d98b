// swift-tools-version:6.2
import PackageDescription

let package = Package(
    name: "install-release",
    platforms: [.macOS(.v15)],
    dependencies: [.package(name: "minion", path: "../..")],
    targets: [
        .executableTarget(
            name: "install-release", dependencies: [.product(name: "Minion", package: "minion")],
            path: "Sources/InstallRelease")
    ]
)
