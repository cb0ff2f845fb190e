import PushCore

/// `admin_set_msg_read` and `get_c2c_unread_msg_num` (document 1047-38996). The app has no inbox, so nothing is unread
/// in it.
struct TencentReading: Sendable {
    let conversations: Conversations

    private static let peersMax = 10

    @Sendable func setRead(_ call: TencentCall) async throws -> TencentFields {
        let readerName = try call.requiredString("Report_Account", orThrow: 90008)
        let peerName = try call.requiredString("Peer_Account", orThrow: 90003)
        let seconds = try call.integer("MsgReadTime", in: TencentOutgoing.seconds)
        let sides = TencentSides(call: call, conversations: conversations)
        let reader = try await sides.required("Report_Account", readerName, orThrow: 90008)
        let peer = try await sides.required("Peer_Account", peerName, orThrow: 90003)
        if let account = reader.peer.account {
            // What was archived in that second is meant, too.
            let before = seconds.flatMap { $0 > 0 ? ($0 + 1) * 1000 : nil }
            try await conversations.read(peer.peer, before: before, of: account, as: call.principal)
        }
        return TencentCommand.nothing
    }

    @Sendable func unread(_ call: TencentCall) async throws -> TencentFields {
        let name = try call.requiredString("To_Account", orThrow: 90003)
        let peers = try call.strings("Peer_Account", max: Self.peersMax)
        let sides = TencentSides(call: call, conversations: conversations)
        let reader = try await sides.required("To_Account", name, orThrow: 90003)
        var counts: [Peer: Int] = [:]
        if let account = reader.peer.account {
            counts = try await conversations.unreadCounts(of: account, as: call.principal)
        }
        guard let peers else {
            let total = counts.reduce(0) { total, count in
                if case .group = count.key.name { total } else { total + count.value }
            }
            return { $0.member("AllC2CUnreadMsgNum", total) }
        }
        var known: [(name: String, count: Int)] = []
        var unknown: [(name: String, code: Int)] = []
        for name in peers {
            if let side = try await sides.side(named: name) {
                known.append((name, counts[side.peer.peer] ?? 0))
            } else {
                unknown.append((name, TencentError.accountNotThere.code))
            }
        }
        return { [known, unknown] writer in
            writer.array("C2CUnreadMsgNumList") { writer in
                for peer in known {
                    writer.object { writer in
                        writer.member("Peer_Account", peer.name)
                        writer.member("C2CUnreadMsgNum", peer.count)
                    }
                }
            }
            if !unknown.isEmpty { writer.tencentErrors(unknown, named: "Peer_Account") }
        }
    }
}
