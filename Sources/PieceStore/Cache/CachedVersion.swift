package import MinionCore

/// What people call a task. It decides nothing.
package struct CacheLabel: Codable, Hashable, Sendable {
    /// The URL or the name; empty if its source wants credentials.
    package var resource: String
    package var tag: String
    package var application: String
    /// The name of the file.
    package var name: String

    package init(resource: String = "", tag: String = "", application: String = "", name: String = "") {
        self.resource = resource
        self.tag = tag
        self.application = application
        self.name = name
    }

    /// For messages.
    func description(of task: TaskID) -> String {
        if !resource.isEmpty { return resource }
        return name.isEmpty ? "task \(task)" : name
    }
}

/// One state of a task's source, as a cache keeps it.
package struct CachedVersion: Codable, Hashable, Sendable {
    /// The source's `ETag`, else its `Last-Modified`, else empty, as the source wrote it.
    package var validator: String
    /// Bytes of the whole.
    package var size: Int64
    /// Bytes of a piece.
    package var pieceSize: Int64
    package var hasRanges: Bool
    /// Until when nobody needs to ask the source again, in seconds of Unix time.
    package var freshUntil: Double

    package init(validator: String, layout: PieceLayout, hasRanges: Bool, freshUntil: Double) {
        self.init(
            validator: validator, size: layout.size, pieceSize: layout.pieceSize, hasRanges: hasRanges,
            freshUntil: freshUntil)
    }

    /// Its numbers may make no layout.
    package init(validator: String, size: Int64, pieceSize: Int64, hasRanges: Bool, freshUntil: Double) {
        self.validator = validator
        self.size = size
        self.pieceSize = pieceSize
        self.hasRanges = hasRanges
        self.freshUntil = freshUntil
    }

    /// Nil if the numbers make no layout.
    package var layout: PieceLayout? { PieceLayout(size: size, pieceSize: pieceSize) }

    /// Whether both describe the same bytes, cut the same way.
    package func isSameContent(as other: CachedVersion) -> Bool {
        validator == other.validator && size == other.size && pieceSize == other.pieceSize
    }
}
