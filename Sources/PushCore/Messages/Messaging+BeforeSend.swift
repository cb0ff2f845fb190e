extension Messaging {
    /// What is left to do with a message after the tenant's service was asked about it.
    enum Questioned: Sendable {
        /// To be archived, perhaps with other content.
        case message(Message)
        /// Dropped: its sender is answered as if it had been accepted.
        case answered(Acceptance)
    }

    /// Asks the tenant's service, if it wants to be asked about this message. Throws what archiving it would, and
    /// `denied`.
    func questioned(_ message: Message, from principal: Principal) async throws -> Questioned {
        let tenant = principal.tenant
        guard let beforeSend, message.options.asksBeforeSend, beforeSend.isWanted(by: tenant) else {
            return .message(message)
        }
        let asked = message.fixingNumbers(ids, at: clock.now)
        guard let question = try await archive.question(about: asked, from: principal) else { return .message(asked) }
        switch try await beforeSend.ask(question, from: tenant) {
        case .allow: return .message(asked)
        case .deny(let denial, let reason): throw GatewayError(.denied, reason, denial: denial)
        case .drop:
            let aliases = question.message.numbers.map { _ in MessageAliases(of: question.message) }
            return .answered(
                Acceptance(
                    id: message.id, serverTime: question.message.serverTime, recipients: 0, isDuplicate: false,
                    ownSeq: nil, numbers: question.message.numbers, aliases: aliases))
        case .replace(let type, let content):
            return .message(asked.replacing(type: type, content: content))
        }
    }

    /// The same for the messages of a batch, many at a time: their senders wait together. In their order.
    func questioned(
        _ messages: [Message], from principal: Principal
    ) async throws -> [Result<Questioned, GatewayError>] {
        guard let beforeSend, beforeSend.isWanted(by: principal.tenant) else {
            return messages.map { .success(.message($0)) }
        }
        return try await withThrowingTaskGroup(of: (Int, Result<Questioned, GatewayError>).self) { group in
            var outcomes = [Result<Questioned, GatewayError>?](repeating: nil, count: messages.count)
            var next = 0
            func ask() {
                let index = next
                let message = messages[index]
                next += 1
                group.addTask {
                    do {
                        return (index, .success(try await questioned(message, from: principal)))
                    } catch let error as GatewayError {
                        return (index, .failure(error))
                    }
                }
            }
            while next < min(messages.count, Self.askedAtOnce) { ask() }
            while let (index, outcome) = try await group.next() {
                outcomes[index] = outcome
                if next < messages.count { ask() }
            }
            return outcomes.compactMap(\.self)
        }
    }

    private static let askedAtOnce = 64
}
