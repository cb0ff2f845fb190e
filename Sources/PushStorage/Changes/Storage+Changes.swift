import PushCore

extension Storage: MessageChangeStore {}
