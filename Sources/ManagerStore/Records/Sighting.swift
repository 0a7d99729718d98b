/// What a scheduler told last of a host that runs a node.
package struct Sighting: Hashable, Sendable {
    /// 0: nobody tells of it.
    package var schedulerID: Int64
    /// Names the run of the node; empty if none ever was there.
    package var run: String
    /// Bytes since that run began, here and below.
    package var bytesFromSource: Int64
    package var bytesFromPeers: Int64
    package var bytesSent: Int64
    /// At that moment.
    package var downloads: Int64
    package var uploads: Int64

    package init(
        schedulerID: Int64 = 0, run: String = "", bytesFromSource: Int64 = 0, bytesFromPeers: Int64 = 0,
        bytesSent: Int64 = 0, downloads: Int64 = 0, uploads: Int64 = 0
    ) {
        self.schedulerID = schedulerID
        self.run = run
        self.bytesFromSource = bytesFromSource
        self.bytesFromPeers = bytesFromPeers
        self.bytesSent = bytesSent
        self.downloads = downloads
        self.uploads = uploads
    }

    init(from row: inout RowReader) throws(StoreError) {
        schedulerID = try row.reference()
        run = try row.text()
        bytesFromSource = try row.integer()
        bytesFromPeers = try row.integer()
        bytesSent = try row.integer()
        downloads = try row.integer()
        uploads = try row.integer()
    }
}
