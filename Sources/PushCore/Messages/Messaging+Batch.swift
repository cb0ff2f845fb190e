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
        let archived = parsed.compactMap { try? $0.get() }.filter { !$0.isEphemeral }
        var acceptances = try await archive.accept(archived, from: principal)[...]
        for case .success(let acceptance) in acceptances { noteAccepted(acceptance) }

        var results: [BatchAnswer.Result] = []
        results.reserveCapacity(bodies.count)
        for (body, message) in zip(bodies, parsed) {
            switch message {
            case .failure(let error):
                results.append(.init(id: body.object?["id"]?.string, outcome: .failure(error)))
            case .success(let message) where message.isEphemeral:
                results.append(.init(id: message.id, outcome: await ephemeralOutcome(message, as: principal)))
            case .success(let message):
                let missing = GatewayError(.internalError, "The gateway failed; send the message again.")
                results.append(.init(id: message.id, outcome: acceptances.popFirst() ?? .failure(missing)))
            }
        }
        return BatchAnswer(results: results)
    }

    private func ephemeralOutcome(
        _ message: Message, as principal: Principal
    ) async -> Result<Acceptance, GatewayError> {
        do {
            return .success(try await sendEphemeral(message, as: principal))
        } catch let error as GatewayError {
            return .failure(error)
        } catch {
            // The others are archived: the batch has an answer whatever becomes of this one.
            return .failure(GatewayError(.internalError, "The gateway failed; send the message again."))
        }
    }
}
