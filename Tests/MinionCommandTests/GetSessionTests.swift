import Dispatch
import Glibc
import MinionCommand
import Node
import Testing

/// `minion get` against a node that is a shell script: it reads the order from stdin and prints messages to stdout.
@Suite struct GetSessionTests {
    private struct Run {
        var code: Int32
        var output: String
        var errors: String
    }

    private static let finished =
        #"{"update":{"_0":{"finished":{"_0":{"size":5,"bytesFromSource":5,"bytesFromPeers":0,"bytesAlreadyHere":0,"#
        + #""bytesPerSecond":5,"neighbours":0,"seconds":1,"sourceReasons":[]}}}}}"#

    /// `signal` is sent when the node has made the file `ready` in the folder.
    private func run(
        _ script: String, in folder: borrowing TestFolder, arguments: [String] = [], signal: Int32? = nil
    ) async throws -> Run {
        let path = folder.path
        folder.write(script, to: "node.sh")
        let options = try GetOptions(
            arguments: ["http://h/data", "--output", path + "/data"].filter { _ in !arguments.contains("--data-stdout")
            }
                + (arguments.contains("--data-stdout") ? ["http://h/data"] : []) + arguments,
            environment: ["TMPDIR": path], workingDirectory: path)
        var surroundings = GetSession.Surroundings()
        surroundings.executable = "/bin/sh"
        surroundings.arguments = ["sh", path + "/node.sh"]
        surroundings.environment = ["PATH": "/usr/bin:/bin", "FOLDER": path]
        surroundings.output = open(path + "/stdout", O_CREAT | O_WRONLY, 0o644)
        surroundings.errors = open(path + "/stderr", O_CREAT | O_WRONLY, 0o644)
        surroundings.patience = .seconds(5)
        var ends: [Int32] = [0, 0]
        pipe(&ends)
        surroundings.signals = ends[0]
        // A session blocks its thread, so it gets one of its own.
        async let session = withCheckedThrowingContinuation { [surroundings] continuation in
            DispatchQueue(label: "session").async {
                continuation.resume(with: Result { try GetSession.run(options, in: surroundings) })
            }
        }
        if let signal {
            while access(path + "/ready", F_OK) != 0 { try await Task.sleep(for: .milliseconds(5)) }
            var byte = UInt8(signal)
            write(ends[1], &byte, 1)
        }
        let code = try await session
        for fd in [surroundings.output, surroundings.errors, ends[0], ends[1]] { close(fd) }
        return Run(code: code, output: contents(path + "/stdout") ?? "", errors: contents(path + "/stderr") ?? "")
    }

    @Test func returnsAtOnceWhenTheFileIsThere() async throws {
        let folder = TestFolder()
        let run = try await run(
            """
            read order; echo "$order" > $FOLDER/order
            echo '\(Self.finished)'
            trap 'touch $FOLDER/stopped; exit' TERM
            sleep 2; touch $FOLDER/served
            """, in: folder, arguments: ["--explain", "--upload-time", "7"])
        #expect(run.code == 0)
        #expect(run.output == "")
        #expect(run.errors.hasPrefix("data: 5 B in 1.00 s, 5 B/s: 5 B from the source\nsource used: no tracker"))
        #expect(!folder.names.contains("served") && !folder.names.contains("stopped"))
        let order = contents(folder.path + "/order") ?? ""
        #expect(order.contains(#""uploadSeconds":7"#))
        // The node goes on by itself, though its input is closed.
        let deadline = ContinuousClock.now + .seconds(10)
        while !folder.names.contains("served"), ContinuousClock.now < deadline {
            try await Task.sleep(for: .milliseconds(20))
        }
        #expect(folder.names.contains("served"))
        #expect(!folder.names.contains("stopped"))
    }

    @Test func pipeGetsNothingButErrors() async throws {
        let folder = TestFolder()
        let run = try await run("read order; echo '\(Self.finished)'", in: folder)
        #expect(run.code == 0)
        #expect(run.output == "" && run.errors == "")
    }

    @Test func jsonShowsEveryStep() async throws {
        let folder = TestFolder()
        let run = try await run(
            """
            read order
            echo '{"update":{"_0":{"warning":{"_0":"look out"}}}}'
            echo '\(Self.finished.replacing("finished", with: "progress"))'
            echo '\(Self.finished)'
            """, in: folder, arguments: ["--progress", "json"])
        let events = run.output.split(separator: "\n").map { $0.split(separator: "\"")[3] }
        #expect(events == ["start", "warning", "progress", "finished"])
        #expect(run.errors == "minion: warning: look out\n")
    }

    @Test(
        arguments: [
            ("other", 1), ("badArguments", 2), ("checksumMismatch", 4), ("trackerUnreachable", 5),
            ("nameResolution", 6),
            ("sourceUnreachable", 7),
        ] as [(String, Int32)])
    func failureHasItsExitCode(kind: String, code: Int32) async throws {
        let folder = TestFolder()
        let run = try await run(
            #"read order; echo '{"update":{"_0":{"failed":{"_0":{"kind":"\#(kind)","message":"it broke"}}}}}'"#,
            in: folder)
        #expect(run.code == code)
        #expect(run.errors.hasPrefix("minion: it broke\n"))
    }

    @Test func deathOfTheNodeIsAnError() async throws {
        let folder = TestFolder()
        let run = try await run("read order; kill -9 $$", in: folder)
        #expect(run.code == 1)
        #expect(run.errors.hasPrefix("minion: the node ended unexpectedly (signal 9)\n"))
    }

    @Test func nonsenseOfTheNodeIsAnError() async throws {
        let folder = TestFolder()
        let run = try await run("read order; echo nonsense; cat > /dev/null", in: folder)
        #expect(run.code == 1)
        #expect(run.errors == "minion: the node talks nonsense\n")
    }

    @Test(arguments: [(SIGINT, 130), (SIGTERM, 143), (SIGHUP, 129)] as [(Int32, Int32)])
    func signalEndsTheNodeToo(signal: Int32, code: Int32) async throws {
        let folder = TestFolder()
        let run = try await run(
            """
            read order; trap '' TERM; touch $FOLDER/ready
            cat > /dev/null; touch $FOLDER/input-ended
            """, in: folder, signal: signal)
        #expect(run.code == code)
        #expect(run.errors == "")
        // The session waited for the node, which saw the end of its input.
        #expect(folder.names.contains("input-ended"))
    }

    @Test func nodeInheritsNoFiles() async throws {
        let folder = TestFolder()
        let extra = open("/dev/zero", O_RDONLY)
        defer { close(extra) }
        let run = try await run(
            """
            read order; ls -l /proc/$$/fd | awk '{print $9, $10, $11}' > $FOLDER/files
            echo '\(Self.finished)'
            """, in: folder)
        #expect(run.code == 0)
        let files = contents(folder.path + "/files") ?? ""
        #expect(files.contains("0 -> pipe:") && files.contains("1 -> pipe:") && files.contains("2 -> /dev/null"))
        #expect(!files.contains("/dev/zero") && !files.contains("/stdout") && !files.contains("/stderr"), "\(files)")
    }

    @Test func bytesGoToStdoutInOrder() async throws {
        let folder = TestFolder()
        let run = try await run(
            """
            read order; d=$(ls -d $FOLDER/minion-*); printf abc > $d/part
            echo '{"update":{"_0":{"prefix":{"path":"'$d/part'","bytes":2}}}}'
            sleep 0.1; printf defgh >> $d/part
            echo '{"update":{"_0":{"prefix":{"path":"'$d/part'","bytes":5}}}}'
            mv $d/part $d/content
            echo '\(Self.finished)'
            """, in: folder, arguments: ["--data-stdout"])
        #expect(run.code == 0)
        #expect(run.output == "abcdefgh")
        #expect(run.errors == "")
    }

    @Test func smallFileGoesToStdoutWithoutAnyPrefix() async throws {
        let folder = TestFolder()
        let run = try await run(
            "read order; d=$(ls -d $FOLDER/minion-*); printf abc > $d/content; echo '\(Self.finished)'", in: folder,
            arguments: ["-o", "-", "--data-stdout"])
        #expect(run.code == 0)
        #expect(run.output == "abc")
    }

    @Test func failureLeavesNothingInTheTemporaryFolder() async throws {
        let folder = TestFolder()
        let run = try await run(
            """
            read order; d=$(ls -d $FOLDER/minion-*); printf abc > $d/part
            echo '{"update":{"_0":{"failed":{"_0":{"kind":"other","message":"it broke"}}}}}'
            """, in: folder, arguments: ["--data-stdout"])
        #expect(run.code == 1)
        #expect(!folder.names.contains { $0.hasPrefix("minion-") })
    }

    @Test func logLinesGoToStderr() async throws {
        let folder = TestFolder()
        let run = try await run(
            #"read order; echo '{"log":{"_0":"hello"}}'; echo '\#(Self.finished)'"#, in: folder)
        #expect(run.errors == "hello\n")
    }

    @Test func logFileTakesTheNodesStderr() async throws {
        let folder = TestFolder()
        let run = try await run(
            "read order; echo hello >&2; echo '\(Self.finished)'", in: folder, arguments: ["--logfile", "log"])
        #expect(run.code == 0)
        #expect(contents(folder.path + "/log") == "hello\n")
    }
}
