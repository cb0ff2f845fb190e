"""Commands of Tencent's IM that a gateway with some users can do."""

import time


def _message(chance, **more):
    element = {"MsgType": "TIMTextElem", "MsgContent": {"Text": "…"}}
    return {"MsgRandom": chance.randrange(2**32), "MsgBody": [element]} | more


def _messages(chance, one, other, users):
    yield "sendmsg", _message(chance, From_Account=one, To_Account=other)
    yield "batchsendmsg", _message(chance, To_Account=users)
    yield "importmsg", _message(
        chance, SyncFromOldSystem=2, From_Account=one, To_Account=other, MsgTimeStamp=int(time.time()) - 1000)
    yield "admin_getroammsg", {
        "Operator_Account": one, "Peer_Account": other, "MaxCnt": 20, "MinTime": 0, "MaxTime": int(time.time())}
    yield "admin_msgwithdraw", {"From_Account": one, "To_Account": other, "MsgKey": "1_2_3"}
    yield "admin_set_msg_read", {"Report_Account": one, "Peer_Account": other}
    yield "get_c2c_unread_msg_num", {"To_Account": one, "Peer_Account": [other]}
    yield "query_online_status", {"To_Account": users, "IsNeedDetail": 1}


def command(chance, users):
    """Service, command and body of one of them."""
    one, other = chance.sample(users, 2)
    name, body = chance.choice(list(_messages(chance, one, other, users)))
    return "openim", name, body
