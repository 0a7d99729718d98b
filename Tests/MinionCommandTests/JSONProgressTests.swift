import MinionCommand
import Node
import Testing

/// The lines are a contract with the programs that read them: these are their exact bytes.
@Suite struct JSONProgressTests {
    private var progress: DownloadProgress {
        var progress = DownloadProgress()
        progress.size = 1000
        progress.bytesFromSource = 100
        progress.bytesFromPeers = 200
        progress.bytesAlreadyHere = 50
        progress.bytesPerSecond = 1234.9
        progress.neighbours = 3
        progress.seconds = 2.0405
        progress.sourceReasons = ["it was \"first\""]
        return progress
    }

    @Test func linesAreAsDocumented() {
        #expect(
            JSONProgress.start(url: "http://h/f?a=\\", path: "/tmp/f", trackers: ["http://t:80"])
                == #"{"event":"start","url":"http://h/f?a=\\","path":"/tmp/f","trackers":["http://t:80"]}"# + "\n")
        let numbers =
            #""size":1000,"bytesDone":350,"bytesFromSource":100,"bytesFromPeers":200,"bytesAlreadyHere":50,"#
            + #""bytesPerSecond":1234,"neighbours":3,"seconds":2.041"#
        #expect(JSONProgress.progress(progress) == #"{"event":"progress","# + numbers + "}\n")
        #expect(
            JSONProgress.finished(progress, path: "/tmp/f")
                == #"{"event":"finished","# + numbers + #","path":"/tmp/f","sourceReasons":["it was \"first\""]}"#
                + "\n")
        #expect(JSONProgress.warning("a\nb\u{1}") == #"{"event":"warning","message":"a\nb\u0001"}"# + "\n")
        #expect(
            JSONProgress.failed(.usage("no")) == #"{"event":"failed","message":"no","exitCode":2}"# + "\n")
    }

    @Test func unknownSizeIsNull() {
        #expect(JSONProgress.progress(DownloadProgress()).contains(#""size":null,"#))
        #expect(JSONProgress.progress(DownloadProgress()).contains(#""seconds":0.000"#))
    }

    @Test(arguments: [Double.infinity, -1, .nan])
    func oddNumbersAreStillNumbers(value: Double) {
        var odd = progress
        odd.bytesPerSecond = value
        odd.seconds = value
        #expect(!JSONProgress.progress(odd).contains("inf"))
        #expect(!JSONProgress.progress(odd).contains("nan"))
    }
}
