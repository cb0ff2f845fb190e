import PushCore

/// The commands of `openim`: one-to-one messages and online state.
enum TencentMessageCommands {
    static func all(_ services: HTTPServices) -> [TencentCommand] {
        let conversations = services.conversations
        let sending = TencentSending(messaging: services.messaging, conversations: conversations)
        let importing = TencentImporting(
            imports: services.imports, messaging: services.messaging, conversations: conversations)
        let history = TencentHistory(conversations: conversations)
        let withdrawal = TencentWithdrawal(changes: services.changes, conversations: conversations)
        let reading = TencentReading(conversations: conversations)
        let presence = TencentPresence(accounts: services.accounts)
        return [
            TencentCommand(.messages, "sendmsg", run: sending.send),
            TencentCommand(.messages, "batchsendmsg", run: sending.sendBatch),
            TencentCommand(.messages, "importmsg", run: importing.run),
            TencentCommand(.messages, "admin_getroammsg", run: history.page),
            TencentCommand(.messages, "admin_msgwithdraw", run: withdrawal.run),
            TencentCommand(.messages, "admin_set_msg_read", run: reading.setRead),
            TencentCommand(.messages, "get_c2c_unread_msg_num", run: reading.unread),
            TencentCommand(.messages, "query_online_status", "querystate", run: presence.states),
        ]
    }
}
