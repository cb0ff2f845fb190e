import PushCore

/// Every route of the gateway, readable from top to bottom. Who may call is part of the line: `open` checks for
/// itself, `operator` and `principal` are checked before the handler runs.
enum Routes {
    static func all(_ services: HTTPServices, callers: Callers) -> [Route] {
        let health = HealthRoutes(missing: services.missing)
        let keys = KeySetRoute(jwks: services.jwks, callers: callers)
        let oauth = TokenEndpoint(authenticator: services.authenticator, callers: callers, limits: services.limits)
        let admin = AdminRoutes(
            administration: services.administration, statistics: services.statistics,
            credentialChecks: services.credentialChecks, limits: services.limits)
        let metrics = MetricsRoutes(metrics: services.metrics)
        let pushTokens = PushTokenRoutes(quarantine: services.quarantine, limits: services.limits)
        let devices = DeviceRoutes(registry: services.registry, callers: callers, broker: services.broker)
        let messages = MessageRoutes(
            messaging: services.messaging, receipts: services.receipts, limits: services.limits)
        let imports = ImportRoutes(imports: services.imports)
        let changes = ChangeRoutes(changes: services.changes)
        let conversations = ConversationRoutes(conversations: services.conversations, limits: services.limits)
        let groups = GroupRoutes(groups: services.groups, limits: services.limits)
        let accounts = AccountRoutes(accounts: services.accounts)
        let tags = TagRoutes(tags: services.tags, limits: services.limits)
        let limitSettings = LimitSettingsRoutes(settings: services.limitSettings)
        let templates = TemplateSettingsRoutes(settings: services.templateSettings)
        let webhooks = WebhookRoutes(webhooks: services.webhooks, limits: services.limits)
        let broadcasts = BroadcastRoutes(broadcasts: services.broadcasts)
        let pushSettings = PushSettingsRoutes(
            settings: services.pushSettings, checks: services.credentialChecks)
        let vendorReceipts = ReceiptRoutes(receipts: services.vendorReceipts, callers: callers)
        let tencent = TencentDoor(
            authenticator: services.authenticator, callers: callers,
            commands: TencentMessageCommands.all(services) + TencentAccountCommands.all(services)
                + TencentPushCommands.all(services) + TencentGroupCommands.all(services),
            clock: services.clock, logger: services.logger)
        let document = DocumentRoutes(callers: callers)

        return [
            .open(.get, "/healthz", health.live),
            .open(.get, "/readyz", health.ready),
            .open(.get, "/metrics", metrics.read),
            .open(.get, "/openapi.yaml", document.document),
            .open(.get, "/docs", document.page),
            .open(.get, "/.well-known/jwks.json", keys.get),
            .open(.post, "/oauth/token", oauth.post),

            .open(.post, "/v1/receipts/{vendor}/{tenantNo}/{secret}", vendorReceipts.take),

            .open(.post, "/v4/{service}/{command}", tencent.post),

            .operator(.post, "/v1/admin/tenants", admin.createTenant),
            .operator(.get, "/v1/admin/tenants", admin.tenants),
            .operator(.patch, "/v1/admin/tenants/{tenantNo}", admin.updateTenant),
            .operator(.post, "/v1/admin/apps", admin.createApp),
            .operator(.get, "/v1/admin/apps", admin.apps),
            .operator(.patch, "/v1/admin/apps/{appId}", admin.updateApp),
            .operator(.post, "/v1/admin/apps/{appId}/rotate", admin.rotate),
            .operator(.post, "/v1/admin/push/check", admin.checkCredentials),
            .operator(.get, "/v1/admin/stats", admin.stats),
            .operator(.get, "/v1/admin/audit", admin.audit),
            .operator(.get, "/v1/admin/push-tokens", pushTokens.list),
            .operator(.post, "/v1/admin/push-tokens/restore", pushTokens.restore),

            .open(.post, "/v1/devices", devices.register),
            .principal(.get, "/v1/devices/me", devices.read),
            .principal(.patch, "/v1/devices/me", devices.update),
            .principal(.delete, "/v1/devices/me", devices.deregister),
            .principal(.post, "/v1/devices/me/credential", devices.newCredential),

            .principal(.post, "/v1/messages", messages.send),
            .principal(.post, "/v1/messages/batch", messages.sendBatch),
            .principal(.post, "/v1/messages/import", imports.run),
            .principal(.get, "/v1/messages/lookup", messages.lookUp),
            .principal(.get, "/v1/messages/sync", messages.sync),
            .principal(.post, "/v1/messages/ack", messages.acknowledge),
            .principal(.get, "/v1/messages/{id}", messages.read),
            .principal(.post, "/v1/messages/{id}/update", changes.update),
            .principal(.post, "/v1/messages/{id}/revoke", changes.revoke),
            .principal(.post, "/v1/messages/{id}/burn", changes.burn),

            .principal(.get, "/v1/messages/history", conversations.history),
            .principal(.get, "/v1/conversations", conversations.list),
            .principal(.post, "/v1/conversations/{peer}/read", conversations.read),
            .principal(.get, "/v1/unread", conversations.unread),

            .principal(.get, "/v1/broadcasts/{id}", broadcasts.read),
            .principal(.post, "/v1/broadcasts/{id}/cancel", broadcasts.cancel),
            .principal(.post, "/v1/broadcasts/{id}/pause", broadcasts.pause),
            .principal(.post, "/v1/broadcasts/{id}/resume", broadcasts.resume),

            .principal(.post, "/v1/groups", groups.create),
            .principal(.get, "/v1/groups", groups.list),
            .principal(.get, "/v1/groups/{id}", groups.read),
            .principal(.delete, "/v1/groups/{id}", groups.delete),
            .principal(.get, "/v1/groups/{id}/members", groups.members),
            .principal(.put, "/v1/groups/{id}/members", groups.addMembers),
            .principal(.delete, "/v1/groups/{id}/members", groups.removeMembers),

            .principal(.get, "/v1/tags", tags.list),
            .principal(.get, "/v1/tags/{tag}", tags.read),
            .principal(.put, "/v1/tags/{tag}/members", tags.addMembers),
            .principal(.delete, "/v1/tags/{tag}/members", tags.removeMembers),

            .principal(.get, "/v1/accounts/{userId}", accounts.read),
            .principal(.put, "/v1/accounts/{userId}", accounts.ensure),
            .principal(.delete, "/v1/accounts/{userId}", accounts.delete),
            .principal(.delete, "/v1/accounts/{userId}/devices/{deviceId}", accounts.endDevice),
            .principal(.post, "/v1/accounts/{userId}/kick", accounts.kick),
            .principal(.post, "/v1/accounts/import", accounts.importAccounts),
            // A user may be called that, too.
            .principal(.get, "/v1/accounts/import", accounts.read),
            .principal(.put, "/v1/accounts/import", accounts.ensure),
            .principal(.delete, "/v1/accounts/import", accounts.delete),
            .principal(.get, "/v1/presence", accounts.presence),

            .principal(.get, "/v1/settings/webhook", webhooks.read),
            .principal(.put, "/v1/settings/webhook", webhooks.put),
            .principal(.delete, "/v1/settings/webhook", webhooks.delete),
            .principal(.get, "/v1/events", webhooks.events),
            .principal(.post, "/v1/events/replay", webhooks.replay),
            .principal(.get, "/v1/events/requests", webhooks.requests),
            .principal(.get, "/v1/events/retries", webhooks.retries),

            .principal(.get, "/v1/settings/limits", limitSettings.read),
            .principal(.put, "/v1/settings/limits", limitSettings.put),
            .principal(.get, "/v1/settings/push/{vendor}", pushSettings.read),
            .principal(.put, "/v1/settings/push/{vendor}", pushSettings.put),
            .principal(.delete, "/v1/settings/push/{vendor}", pushSettings.delete),
            .principal(.get, "/v1/settings/templates/{type}", templates.read),
            .principal(.put, "/v1/settings/templates/{type}", templates.put),
            .principal(.delete, "/v1/settings/templates/{type}", templates.delete),
            .principal(.post, "/v1/settings/push/{vendor}/test", pushSettings.test),
            .principal(.get, "/v1/settings/push/{vendor}/usage", pushSettings.usage),
        ]
    }
}
