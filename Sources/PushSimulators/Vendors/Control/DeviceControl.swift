/// Makes the push tokens that only a device can make, on the control page: `POST /subscriptions`
/// `{"applicationServerKey"?, "plainHTTP"?}` answers a browser's PushSubscription, `POST /channels` `{"otherApp"?}` a
/// Windows channel `{"uri"}`.
struct DeviceControl: Sendable {
    let subscriptions: PushSubscriptions
    let channels: WNSChannels

    func subscribe(_ request: SimulatorRequest) -> SimulatorResponse {
        answer(request) { body in
            try subscriptions.subscribe(
                applicationServerKey: body["applicationServerKey"]?.string,
                plainHTTP: body["plainHTTP"]?.bool ?? false
            ).token
        }
    }

    func openChannel(_ request: SimulatorRequest) -> SimulatorResponse {
        answer(request) { body in
            let uri = channels.open(otherApp: body["otherApp"]?.bool ?? false, base: nil)
            return JSONValue.object(["uri": .string(uri)]).text
        }
    }

    /// An absent body counts as an empty object.
    private func answer(
        _ request: SimulatorRequest, _ make: (JSONValue) throws -> String
    ) -> SimulatorResponse {
        do {
            let body = request.body.readableBytes == 0 ? [:] : try JSONParser.parse(request.body)
            return .json(201, try make(body))
        } catch VendorSimulatorError.invalid(let reason) {
            return .json(400, JSONValue.object(["error": .string(reason)]).text)
        } catch {
            return .json(400, #"{"error":"the body is no JSON"}"#)
        }
    }
}
