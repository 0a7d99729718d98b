import Glibc
import MinionCore
import Node
import UnixSignals

/// One `minion share`, from the first byte that is hashed until nobody is to be served any more.
struct ShareSession: Sendable {
    let node: MinionNode
    let order: ShareOrder
    let reporter: ShareReporter
    let signals: UnixSignalsSequence

    private enum End {
        case over
        case signalled(Int32)
        case failed(DownloadError)
    }

    /// The exit code; all has been told.
    func run() async -> Int32 {
        reporter.started()
        let code: Int32
        do {
            let share = try await node.share(order.request)
            switch await follow(share) {
            case .over:
                reporter.ended(bytesSent: await node.status().bytesSent)
                code = ExitStatus.success
            case .signalled(let signal):
                reporter.cleared()
                code = ExitStatus.signalled(signal)
            case .failed(let error): code = failed(error)
            }
            await share.cancel()
        } catch {
            code = failed(error as? DownloadError ?? DownloadError(.other, "\(error)"))
        }
        await node.shutdown(deletingFiles: false)
        return code
    }

    private func failed(_ error: DownloadError) -> Int32 {
        let error = CommandError(error)
        reporter.failed(error)
        return error.exitCode
    }

    private func follow(_ share: TaskDownload) async -> End {
        await withTaskGroup(of: End.self) { group in
            let isShared = Latch()
            group.addTask {
                for await signal in signals { return .signalled(signal.rawValue) }
                return .over
            }
            group.addTask {
                for await update in share.updates {
                    switch update {
                    case .progress(let progress): reporter.progressed(progress)
                    case .warning(let text): reporter.warned(text)
                    case .prefix: break
                    case .finished(let progress):
                        reporter.shared(progress, task: share.task)
                        isShared.open()
                    case .failed(let error): return .failed(error)
                    }
                }
                return Task.isCancelled ? .over : .failed(DownloadError(.other, "the file is offered no longer"))
            }
            if reporter.hasReader {
                // A program that shows and stops this one; it must not leave it behind.
                group.addTask {
                    await ReaderWatch(output: STDOUT_FILENO).readerIsGone.wait()
                    return .signalled(SIGPIPE)
                }
            }
            if let wait = order.wait {
                group.addTask {
                    await isShared.wait()
                    try? await Task.sleep(for: wait)
                    return .over
                }
            }
            let first = await group.next() ?? .over
            group.cancelAll()
            return first
        }
    }
}
