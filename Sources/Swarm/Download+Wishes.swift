/// What those who wait for a download may change while it runs.
extension Download {
    /// Whether pieces are wanted from front to back, from now on.
    package var inOrder: Bool {
        get { configuration.inOrder }
        set { configuration.inOrder = newValue }
    }

    /// Whether the source may be read.
    package var mayUseSource: Bool { configuration.mayUseSource }

    /// The source may be read from now on. The tracker hears of it, and may grant leases or ask for a stat.
    mutating func allowSource() {
        guard !configuration.mayUseSource, !configuration.servesOnly else { return }
        configuration.mayUseSource = true
        configuration.introduction.canFetch = true
        isIntroduced = false
        isReportUrgent = configuration.hasTracker
    }
}
