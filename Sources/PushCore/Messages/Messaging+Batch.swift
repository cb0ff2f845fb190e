extension Messaging {
    /// Sends up to ``Limits/batchMessagesMax`` messages, each accepted or refused on its own, in their order.
    ///
    /// Throws for the batch as a whole only when none was accepted: `invalid_request` and `too_large` for what is no
    /// list of messages, `overloaded` when the store takes nothing now.
    public func sendBatch(_ body: RawJSON, as principal: Principal) async throws -> BatchAnswer {
        try checkMaySend(principal)
        var reader = try BodyReader(parsing: body)
        let bodies = try MessageList.read(from: &reader, limits: limits.effective(for: principal.tenant))
        let parsed = bodies.map { body -> Result<Message, GatewayError> in
            do throws(GatewayError) { return .success(try parse(body, as: principal)) } catch { return .failure(error) }
        }
        let lasting = parsed.compactMap { try? $0.get() }.filter { !$0.isEphemeral }
        var acceptances = try await acceptances(of: lasting, from: principal)[...]

        var results: [BatchAnswer.Result] = []
        results.reserveCapacity(bodies.count)
        for (body, message) in zip(bodies, parsed) {
            switch message {
            case .failure(let error):
                results.append(.init(id: body.object?["id"]?.string, outcome: .failure(error)))
            case .success(let message) where message.isEphemeral:
                results.append(.init(id: message.id, outcome: await ephemeralOutcome(message, as: principal)))
            case .success(let message):
                results.append(.init(id: message.id, outcome: acceptances.popFirst() ?? .failure(Self.failed)))
            }
        }
        return BatchAnswer(results: results)
    }

    /// Asks about messages where the tenant wants that, archives those that may go, and gives an outcome for each.
    private func acceptances(
        of messages: [Message], from principal: Principal
    ) async throws -> [Result<Acceptance, GatewayError>] {
        let questioned = try await questioned(messages, from: principal)
        let allowed = questioned.compactMap { outcome -> Message? in
            if case .success(.message(let message)) = outcome { message } else { nil }
        }
        var accepted = allowed.isEmpty ? [] : try await archive.accept(allowed, from: principal)[...]
        for case .success(let acceptance) in accepted { noteAccepted(acceptance) }
        return questioned.map { outcome in
            switch outcome {
            case .failure(let error): .failure(error)
            case .success(.answered(let acceptance)): .success(acceptance)
            case .success(.message): accepted.popFirst() ?? .failure(Self.failed)
            }
        }
    }

    static let failed = GatewayError(.internalError, "The gateway failed; send the message again.")

    func ephemeralOutcome(
        _ message: Message, as principal: Principal
    ) async -> Result<Acceptance, GatewayError> {
        do {
            return .success(try await sendEphemeral(message, as: principal))
        } catch let error as GatewayError {
            return .failure(error)
        } catch {
            // The others are archived: the batch has an answer whatever becomes of this one.
            return .failure(Self.failed)
        }
    }
}
