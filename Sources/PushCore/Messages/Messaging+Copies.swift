/// What became of a message that was sent to many people as one message each.
public struct CopiesOutcome: Sendable {
    /// In the order of the receivers.
    public let results: [Result<Acceptance, GatewayError>]
    /// The alias that names all of them; nil where none was sent.
    public let aliases: MessageAliases?
}

extension Messaging {
    /// Sends one message to each of several people, all with the same numbers, so that one alias names them all and the
    /// alias with a receiver's name one of them. Nobody is asked before. Each is accepted or refused on its own.
    ///
    /// The first that is accepted decides the numbers of the others: where it is the repeat of an earlier one, they
    /// continue what that call began.
    ///
    /// - Parameters:
    ///   - body: a message without `to` and `id`.
    ///   - names: whom it goes to, accounts or `user:{userId}`; a name that is there twice gets it once.
    ///   - numbers: what its sender chose.
    public func sendCopies(
        of body: RawJSON, to names: [String], as principal: Principal, numbers: SendOptions.Numbers
    ) async throws -> CopiesOutcome {
        try checkMaySend(principal)
        var options = SendOptions()
        (options.numbers, options.asksBeforeSend, options.isReported) = (numbers, false, false)
        guard let some = names.first else { return CopiesOutcome(results: [], aliases: nil) }
        let draft = try parse(Self.addressed(body, to: some), as: principal, options: options)
        var results: [Result<Acceptance, GatewayError>] = []
        var rest = names[...]
        var first: Acceptance?
        while first == nil, let name = rest.popFirst() {
            do {
                let copy = try draft.copy(to: name, id: ids.message(at: clock.now), options: options)
                first = try await accept(copy, from: principal)
                results += first.map { [.success($0)] } ?? []
            } catch let error as GatewayError where Self.isOfOne(error) {
                results.append(.failure(error))
            }
        }
        if let chosen = first?.numbers {
            // Whether another one is a repeat is still told by what was sent.
            options.numbers?.reserved = chosen.sequence
            options.numbers?.seconds = chosen.seconds
        }
        results += try await copies(of: draft, to: Array(rest), as: principal, options: options)
        return CopiesOutcome(results: results, aliases: first?.aliases)
    }

    private func copies(
        of draft: Message, to names: [String], as principal: Principal, options: SendOptions
    ) async throws -> [Result<Acceptance, GatewayError>] {
        let copies = names.map { name -> Result<Message, GatewayError> in
            do throws(GatewayError) {
                return .success(try draft.copy(to: name, id: ids.message(at: clock.now), options: options))
            } catch {
                return .failure(error)
            }
        }
        let messages = copies.compactMap { try? $0.get() }
        var accepted: ArraySlice<Result<Acceptance, GatewayError>> = []
        if draft.isEphemeral {
            for message in messages { accepted.append(await ephemeralOutcome(message, as: principal)) }
        } else if !messages.isEmpty {
            accepted = try await archive.accept(messages, from: principal)[...]
        }
        return copies.map { copy in
            switch copy {
            case .failure(let error): .failure(error)
            case .success: accepted.popFirst() ?? .failure(Self.failed)
            }
        }
    }

    private func accept(_ message: Message, from principal: Principal) async throws -> Acceptance {
        message.isEphemeral
            ? try await sendEphemeral(message, as: principal) : try await archive.accept(message, from: principal)
    }

    /// Whether a refusal is about the receiver, so that others may still get the message.
    private static func isOfOne(_ error: GatewayError) -> Bool {
        error.errors.first.map { $0.pointer == "/to" } ?? false
    }

    private static func addressed(_ body: RawJSON, to name: String) -> RawJSON {
        .object { writer in
            for member in body.object?.members ?? [] { writer.member(member.key, member.value) }
            // Checked by each copy.
            writer.member("to", Message.isName(name) ? name : "nobody")
        }
    }
}
