/// What a person reads of one push, in the device's language.
struct NotificationText: Sendable, Equatable {
    var title: String
    var subtitle: String?
    var body: String

    /// The sender's own texts, else the tenant's template for type and language, else the built-in one.
    init(of subject: PushSubject) {
        let languages = subject.languages
        let words = BuiltInWords.words(in: languages)
        let options = subject.message.push.raw.object
        let template = subject.tenant.templates.template(for: subject.message.type, in: languages)
        let values = TemplateVariables(subject: subject, words: words)
        title = options?["title"]?.string ?? template?.title?.render(values) ?? subject.knownName
        subtitle = options?["subtitle"]?.string
        if let body = options?["body"]?.string ?? template?.body?.render(values) {
            self.body = body
        } else {
            body = words.body(of: subject.message)
            // The title names the group; who wrote in it stands below.
            if subtitle == nil, subject.message.form == .group, subject.names.user != title {
                subtitle = subject.names.user
            }
        }
    }

    /// Nothing of the message: for tenants that hide previews.
    init(concealing subject: PushSubject) {
        title = subject.tenant.name
        body = BuiltInWords.words(in: subject.languages).neutral
    }
}

extension PushSubject {
    /// Where to look for words, best first.
    var languages: [String] {
        LanguageTag.lookup(device: device.languageTag, default: tenant.settings.language)
    }

    /// The group's, app's or user's name, else the tenant's.
    var knownName: String { senderName ?? tenant.name }
}
