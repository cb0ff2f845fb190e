import HTTPTypes
import NIOCore
import PushCore

/// `GET /openapi.yaml`, the whole API as an OpenAPI 3.1 document, and `GET /docs`, the same as a page to read.
struct DocumentRoutes: Sendable {
    let callers: Callers

    func document(_ call: Call) async throws -> Answer {
        try callers.admitAnonymous(call)
        return Answer(
            status: .ok, fields: FieldSets.yaml, body: ByteBuffer(bytes: PackageResources.openapi_yaml))
    }

    func page(_ call: Call) async throws -> Answer {
        try callers.admitAnonymous(call)
        let page = try Self.rendered.get()
        var fields = FieldSets.page
        fields[.contentSecurityPolicy] = page.contentSecurityPolicy
        return Answer(status: .ok, fields: fields, body: ByteBuffer(string: page.html))
    }

    /// Made once, when it is first asked for: the document never changes while the gateway runs.
    private static let rendered = Result {
        DocsPage(of: try OpenAPIDocument(yaml: PackageResources.openapi_yaml), style: PackageResources.docs_css)
    }
}
