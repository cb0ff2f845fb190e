import PushCore

extension Storage: BroadcastStore {}
