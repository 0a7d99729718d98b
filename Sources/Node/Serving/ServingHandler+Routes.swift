import MinionCore
import NIOCore
import NIOHTTP1
import Wire

extension ServingHandler {
    func answer(_ head: HTTPRequestHead) {
        version = head.version.major == 1 && head.version.minor >= 1 ? .http1_1 : .http1_0
        keepsAlive = head.isKeepAlive && !core.connections.isDraining
        guard head.method == .GET || head.method == .HEAD else {
            send(.error(.methodNotAllowed, "only GET and HEAD are answered here", [("Allow", "GET, HEAD")]))
            return
        }
        let mark = head.uri.utf8.firstIndex(of: UInt8(ascii: "?"))
        let path = head.uri[..<(mark ?? head.uri.endIndex)]
        let query = mark.map { head.uri[head.uri.utf8.index(after: $0)...] } ?? ""
        let isHead = head.method == .HEAD
        switch path {
        case "/": answerOld(head, query)
        case "/healthz": send(.json(["status": "ok"]), isHead: isHead)
        default:
            switch TaskPath(path) {
            case .tasks:
                let listed = core.shelf.tasks.filter { !$0.resource.isEmpty }
                send(.json(listed.map(ServedTaskSummary.init)), isHead: isHead)
            case .task(let id):
                send(core.shelf.find(id).map { .json(ServedTaskSummary($0)) } ?? .unknownTask, isHead: isHead)
            case .content(let id):
                guard let task = core.shelf.find(id) else { return send(.unknownTask, isHead: isHead) }
                perform(ContentRequest.answer(head, for: task), isHead: isHead)
            case .news(let id):
                guard let task = core.shelf.find(id) else { return send(.unknownTask, isHead: isHead) }
                guard !isHead else { return send(.newsOnlyByGET, isHead: true) }
                // Without chunks, only the end of the connection marks the end of the stream.
                if version == .http1_0 { keepsAlive = false }
                startNews(head, of: task)
            case .peer, .peers, nil: send(.error(.notFound, "there is nothing under this path"), isHead: isHead)
            }
        }
    }

    private func answerOld(_ head: HTTPRequestHead, _ query: Substring) {
        let isHead = head.method == .HEAD
        guard let request = OldRequest(query: query) else {
            return send(.error(.notFound, "there is nothing under this path"), isHead: isHead)
        }
        guard let task = core.shelf.find(resource: request.resource) else { return send(.unknownTask, isHead: isHead) }
        perform(request.answer(head, for: task, isOverloaded: core.gate.isOverloaded(for: task)), isHead: isHead)
    }

    private func perform(_ answer: ServingAnswer, isHead: Bool) {
        switch answer {
        case .reply(let reply): send(reply, isHead: isHead)
        case .body(let order): startBody(order)
        }
    }
}

/// What people are told about a task.
struct ServedTaskSummary: Encodable {
    let id: TaskID
    let resource: String
    let name: String
    let size: Int64
    let pieceSize: Int64
    let pieces: Int
    let piecesOffered: Int
    let bytesSent: Int64

    init(_ task: ServedTask) {
        id = task.id
        resource = task.resource
        name = task.name
        size = task.layout.size
        pieceSize = task.layout.pieceSize
        pieces = task.layout.count
        piecesOffered = task.offered.count
        bytesSent = task.bytesSent
    }
}
