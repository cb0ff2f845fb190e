public enum SchemaMigrations {}
