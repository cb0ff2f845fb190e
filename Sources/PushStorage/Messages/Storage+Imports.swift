import PushCore

extension Storage: ImportStore {}
