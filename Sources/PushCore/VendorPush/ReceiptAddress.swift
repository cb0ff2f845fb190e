import Crypto
import Foundation
import PushCredentials

/// Where vendors report what became of pushes: `POST /v1/receipts/{vendor}/{tenantNo}/{secret}`. The secret is made
/// from the gateway's own key, so that it is the same for ever and stored nowhere.
public struct ReceiptAddress: Sendable {
    private let key: SymmetricKey
    /// `--public-url`; nil when it is not known where vendors would find the gateway.
    private let base: String?

    public init(key: [UInt8], publicURL: String?) {
        self.key = SymmetricKey(data: key)
        base = publicURL.map { $0.hasSuffix("/") ? String($0.dropLast()) : $0 }
    }

    /// 22 characters: vendors bound the whole address to 128.
    public func secret(_ vendor: Vendor, tenantNo: String) -> String {
        let code = HMAC<SHA256>.authenticationCode(for: Data("\(vendor.rawValue)/\(tenantNo)".utf8), using: key)
        return Base64URL.encode(Array(code.prefix(16)))
    }

    public func path(_ vendor: Vendor, tenantNo: String) -> String {
        "/v1/receipts/\(vendor.rawValue)/\(tenantNo)/\(secret(vendor, tenantNo: tenantNo))"
    }

    public func url(_ vendor: Vendor, tenantNo: String) -> String? {
        base.map { $0 + path(vendor, tenantNo: tenantNo) }
    }
}
