import NIOCore
import PushCore

/// `GET /metrics`, for a monitoring system. Like `/healthz` it asks for no credential and is never limited: it names
/// nobody, and what it reads from the store is kept for some seconds.
struct MetricsRoutes: Sendable {
    let metrics: GatewayMetrics

    func read(_ call: Call) async throws -> Answer {
        let text = PrometheusText.text(try await metrics.read())
        var fields = FieldSets.empty
        fields[.contentType] = PrometheusText.contentType
        return Answer(status: .ok, fields: fields, body: ByteBuffer(string: text))
    }
}
