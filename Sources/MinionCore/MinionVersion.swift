/// The version of Minion, the same in all of its programs.
package enum MinionVersion {
    package static let current = "0.1.0"
}
