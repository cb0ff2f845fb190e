import PushGateClient
import Testing

extension GatewayStories {
    /// A tenant's service that is asked before messages are sent.
    @Suite struct BeforeSendStories {
        private struct Cast {
            let ann: GatewayAPI
            let bob: DeviceSession
            let receiver: WebhookReceiver

            init(_ story: Story) async throws {
                receiver = try await WebhookReceiver.start()
                ann = story.api(try await story.register("ann"))
                bob = try await story.register("bob")
                try await story.app.setWebhook(receiver, events: [], beforeSend: true)
            }

            @discardableResult
            func send(_ id: String, _ text: String = "hello") async throws -> SendReceipt {
                try await ann.send(OutgoingMessage(id: id, to: bob.account, text: text))
            }
        }

        @Test func `a service allows, denies, replaces and drops`() async throws {
            try await withStory { story in
                let cast = try await Cast(story)
                cast.receiver.set(.says(#"{"action":"allow"}"#))
                try await cast.send("m-1")
                let known = try await story.app.message("m-1")
                #expect(known["message"]?["content"]?["text"]?.string == "hello")

                cast.receiver.set(.says(#"{"action":"deny","code":"spam","reason":"No spam, please."}"#))
                let refused = try await refusal { try await cast.send("m-2") }
                #expect(refused.status == 403 && refused.code == "spam" && refused.detail == "No spam, please.")
                let missing = try await refusal { try await story.app.message("m-2") }
                #expect(missing.status == 404)

                cast.receiver.set(.says(#"{"action":"replace","content":{"text":"salut"}}"#))
                try await cast.send("m-2", "the id stayed free")
                let replaced = try await story.app.message("m-2")
                #expect(replaced["message"]?["content"]?["text"]?.string == "salut")

                // A repeat is told by what was sent, and nobody is asked again.
                let asked = cast.receiver.requests
                let again = try await cast.send("m-2", "the id stayed free")
                #expect(again.isDuplicate && cast.receiver.requests == asked)
                let conflict = try await refusal { try await cast.send("m-2", "salut") }
                #expect(conflict.code == "message_id_conflict")

                cast.receiver.set(.says(#"{"action":"drop"}"#))
                try await cast.send("m-3")
                let dropped = try await refusal { try await story.app.message("m-3") }
                #expect(dropped.status == 404)
                #expect(cast.receiver.badSignatures == 0)
                await cast.receiver.stop()
            }
        }

        @Test func `a service that hangs costs its senders two seconds at once, and then nothing`() async throws {
            try await withStory { story in
                let cast = try await Cast(story)
                cast.receiver.set(.hangs)
                let begun = ContinuousClock.now
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for number in 0..<40 { group.addTask { try await cast.send("slow-\(number)") } }
                    try await group.waitForAll()
                }
                // One after the other they would take 80 s.
                #expect(ContinuousClock.now - begun < .seconds(20))
                let asked = cast.receiver.requests
                for number in 0..<40 { try await cast.send("fast-\(number)") }
                #expect(cast.receiver.requests <= asked + 2, "a service that does not answer is still asked")
                let metrics = try await story.metrics()
                #expect(metrics.contains("pushgate_before_send_broken 1"))
                await cast.receiver.stop()
            }
        }
    }
}
