import ArgumentParser
import FoundationEssentials
import Glibc
package import Node

/// What `-H` takes: a field, or where fields are read from, so that secrets need not be among the arguments, which every
/// user of the machine can see.
package enum HeaderArgument: Hashable, Sendable {
    case field(DownloadRequest.Header)
    /// A path, or `-` for stdin.
    case file(String)

    /// The most bytes that such a file may have.
    package static let maximumFileSize = 1 << 20

    package init(_ text: String) throws {
        guard text.hasPrefix("@") else {
            self = .field(try ArgumentValues.header(text))
            return
        }
        guard text.count > 1 else { throw ValidationError("give the name of a file behind the @, or - for stdin") }
        self = .file(String(text.dropFirst()))
    }

    /// All fields, those of files in place of the files' names.
    package static func fields(of arguments: [HeaderArgument]) throws(CommandError) -> [DownloadRequest.Header] {
        var fields: [DownloadRequest.Header] = []
        for argument in arguments {
            switch argument {
            case .field(let field): fields.append(field)
            case .file(let path): fields += try read(path)
            }
        }
        return fields
    }

    private static func read(_ path: String) throws(CommandError) -> [DownloadRequest.Header] {
        let name = path == "-" ? "stdin" : path.quoted
        let fd = path == "-" ? dup(STDIN_FILENO) : open(path, O_RDONLY | O_CLOEXEC)
        guard fd >= 0 else { throw CommandError("cannot read header fields from \(name): \(lastError())") }
        defer { close(fd) }
        var text: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 64 << 10)
        while true {
            let count = Glibc.read(fd, &buffer, buffer.count)
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw CommandError("cannot read header fields from \(name): \(lastError())") }
            if count == 0 { break }
            text += buffer[..<count]
            guard text.count <= maximumFileSize else {
                throw .usage("the header fields in \(name) have more than \(maximumFileSize) bytes")
            }
        }
        var fields: [DownloadRequest.Header] = []
        for (number, line) in text.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).enumerated() {
            let line = line.last == UInt8(ascii: "\r") ? line.dropLast() : line
            if line.isEmpty { continue }
            do {
                fields.append(try ArgumentValues.header(String(decoding: line, as: UTF8.self)))
            } catch {
                // The line itself may be a secret.
                throw .usage("line \(number + 1) of the header fields in \(name) cannot be used: \(error)")
            }
        }
        return fields
    }
}
