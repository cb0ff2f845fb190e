/// One metric with its samples, in no format yet.
public struct MetricFamily: Sendable {
    public enum Kind: String, Sendable { case counter, gauge, histogram }

    public struct Sample: Sendable, Equatable {
        /// In the order in which they are written.
        public let labels: [Label]
        public let value: Int64
        /// What follows the family's name (`_bucket`, `_sum` and `_count` of a histogram).
        public let suffix: String

        public init(_ labels: [Label] = [], _ value: Int64, suffix: String = "") {
            self.labels = labels
            self.value = value
            self.suffix = suffix
        }
    }

    public struct Label: Sendable, Equatable {
        public let name: String
        public let value: String

        public init(_ name: String, _ value: String) {
            self.name = name
            self.value = value
        }
    }

    public let name: String
    public let help: String
    public let kind: Kind
    public let samples: [Sample]

    public init(_ name: String, _ kind: Kind, _ help: String, _ samples: [Sample]) {
        self.name = name
        self.kind = kind
        self.help = help
        self.samples = samples
    }

    /// A metric with one sample and no labels.
    public init(_ name: String, _ kind: Kind, _ help: String, value: some BinaryInteger) {
        self.init(name, kind, help, [Sample([], Int64(clamping: value))])
    }
}
