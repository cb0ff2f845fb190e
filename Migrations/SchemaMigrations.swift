/// The schema's history, oldest first. A migration that has shipped is never edited: a change is a new file at the end.
public enum SchemaMigrations {
    /// For SQLite. The order is written out, not taken from the file names.
    public static let sqlite: [(name: String, sql: [UInt8])] = [
        ("v001_create_access", PackageResources.v001_create_access_sql),
        ("v002_create_registry", PackageResources.v002_create_registry_sql),
        ("v003_create_groups", PackageResources.v003_create_groups_sql),
        ("v004_create_archive", PackageResources.v004_create_archive_sql),
        ("v005_create_delivery", PackageResources.v005_create_delivery_sql),
        ("v006_create_conversations", PackageResources.v006_create_conversations_sql),
        ("v007_create_broadcasts", PackageResources.v007_create_broadcasts_sql),
        ("v008_replace_pushes", PackageResources.v008_replace_pushes_sql),
        ("v009_extend_vendor_push", PackageResources.v009_extend_vendor_push_sql),
        ("v010_open_to_services", PackageResources.v010_open_to_services_sql),
    ]
}
