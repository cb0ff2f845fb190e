import Foundation
import PushGateClient

extension SendWorkload {
    private static func message(_ id: String, to receiver: String, text: String) -> String {
        #"{"id":"\#(id)","to":"\#(receiver)","type":0,"content":{"text":"\#(text)"}}"#
    }

    private static func text(_ sizes: BenchSizes) -> String { String(repeating: "x", count: sizes.bytes) }

    /// One message a request, into the archive alone.
    static func accept(_ sizes: BenchSizes) -> SendWorkload {
        var workload = single(sizes, name: "accept")
        workload.isDelivered = false
        workload.measuresHalfRate = false
        return workload
    }

    /// One message a request, each to one device.
    static func single(_ sizes: BenchSizes, name: String = "single") -> SendWorkload {
        let text = text(sizes)
        var workload = SendWorkload(name: name, path: "/v1/messages") { ids, receivers in
            Array(message(ids[0], to: receivers[0], text: text).utf8)
        }
        workload.measuresHalfRate = true
        return workload
    }

    /// A hundred messages a request, each to one device.
    static func batch(_ sizes: BenchSizes) -> SendWorkload {
        let text = text(sizes)
        var workload = SendWorkload(name: "batch", path: "/v1/messages/batch") { ids, receivers in
            let messages = zip(ids, receivers).map { message($0, to: $1, text: text) }
            return Array(#"{"messages":[\#(messages.joined(separator: ","))]}"#.utf8)
        }
        workload.messagesPerRequest = 100
        return workload
    }

    static let group = "bench-group"

    /// One message a request to a group whose members are all online.
    static func group(_ sizes: BenchSizes) -> SendWorkload {
        let text = text(sizes)
        var workload = SendWorkload(name: "group", path: "/v1/messages") { ids, _ in
            Array(message(ids[0], to: group, text: text).utf8)
        }
        workload.isToAll = true
        return workload
    }
}
