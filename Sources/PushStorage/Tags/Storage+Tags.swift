import PushCore

extension Storage: TagStore {}
