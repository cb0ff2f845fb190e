import PushCore

extension Storage: ConversationStore {}
