"""A company's server that runs on Tencent Cloud IM, pointed at a gateway: host and key are all that changed."""

import argparse
import secrets
import sys
import time
from pathlib import Path

from tencentcloud_im.tcim_client import (BatchMessageObj, GroupMemObj, GroupMessageObj, GroupObj, MessageFile,
                                         MessageObj, MessageText, TCIMClient)
from world import make_tenant, start, stop

checks = 0


def ok(reply, **expected):
    """The answer of a call that was done, with these members."""
    body = answer(reply)
    assert (body["ActionStatus"], body["ErrorCode"]) == ("OK", 0), body
    for name, value in expected.items():
        assert body.get(name) == value, f"{name} is {body.get(name)!r}, expected {value!r}: {body}"
    return body


def refused(reply, code):
    body = answer(reply)
    assert body["ActionStatus"] == "FAIL" and body["ErrorCode"] == code, f"expected {code}: {body}"
    return body


def answer(reply):
    global checks
    checks += 1
    assert reply is not None, "the SDK could not call"
    assert reply.status_code == 200, f"HTTP {reply.status_code}: {reply.text}"
    return reply.json()


def people(sdk):
    ok(sdk.add_single_user("ann", "Ann", "https://pictures.example/ann.png"))
    ok(sdk.add_single_user("ann", "", ""))
    ok(sdk.batch_add_users(["bob", "carl", "dora"]), FailAccounts=[])
    found = ok(sdk.search_user(["ann", "nobody"]))["ResultItem"]
    assert [item["AccountStatus"] for item in found] == ["Imported", "NotImported"], found
    states = ok(sdk.check_user_online(["ann", "bob"]))["QueryResult"]
    assert {item["Status"] for item in states} == {"Offline"}, states


def conversation(sdk):
    hello = MessageObj("ann", "bob", [MessageText("你好")], extra_data="from the web")
    first = ok(sdk.send_message(hello))
    again = ok(sdk.send_message(hello), MsgKey=first["MsgKey"], MsgTime=first["MsgTime"])
    assert first["MsgKey"].count("_") == 2 and first["MsgId"] == again["MsgId"], (first, again)
    keys = [first["MsgKey"]]
    for number in range(1, 60):
        reply = MessageObj(
            "bob" if number % 3 else "ann", "ann" if number % 3 else "bob", [MessageText(f"number {number}")],
            [MessageFile("https://files.example/a", 1024, "a.txt")] if number % 5 == 0 else [])
        keys.append(ok(sdk.send_message(reply))["MsgKey"])
    refused(sdk.send_message(MessageObj("ann", "stranger", [MessageText("?")])), 20003)

    # Pages go back in time; inside a page the oldest is first.
    for page_size in (1, 7, 20, 100):
        found = [item["MsgKey"] for item in whole_history(sdk, "ann", "bob", page_size)]
        assert found == keys, f"{page_size} a page: {len(found)} of {len(keys)}"
    oldest = whole_history(sdk, "bob", "ann", 100)[0]
    assert oldest["MsgBody"] == hello.MsgBody and oldest["CloudCustomData"] == "from the web", oldest
    assert (oldest["From_Account"], oldest["To_Account"]) == ("ann", "bob"), oldest

    ok(sdk.get_unread_num("bob"), AllC2CUnreadMsgNum=sum(1 for number in range(60) if number % 3 == 0))
    ok(sdk.draw_message("ann", "bob", first["MsgKey"]))
    refused(sdk.draw_message("ann", "bob", first["MsgKey"]), 20023)
    refused(sdk.draw_message("ann", "bob", "1_2_3"), 20022)
    oldest = whole_history(sdk, "bob", "ann", 100)[0]
    assert oldest["MsgFlagBits"] == 8 and oldest["MsgBody"] == [], oldest
    numbers = ok(sdk.get_unread_num("bob", ["ann"]))["C2CUnreadMsgNumList"]
    assert numbers == [{"Peer_Account": "ann", "C2CUnreadMsgNum": 19}], numbers
    ok(sdk.set_user_message_read("bob", "ann"))
    ok(sdk.get_unread_num("bob"), AllC2CUnreadMsgNum=0)


def whole_history(sdk, reader, peer, page_size):
    """All pages of a conversation, oldest message first."""
    found, last_time, last_key = [], int(time.time()) + 1, ""
    for _ in range(200):
        page = ok(sdk.get_message_list(reader, peer, page_size, 0, last_time, last_key))
        found = page["MsgList"] + found
        assert page["MsgCnt"] == len(page["MsgList"]) <= page_size
        if page["Complete"] == 1:
            return found
        last_time, last_key = page["LastMsgTime"], page["LastMsgKey"]
    raise AssertionError("the pages do not end")


def batches_and_imports(sdk):
    batch = BatchMessageObj("ann", ["bob", "carl", "nobody"], [MessageText("to all of you")])
    body = ok(sdk.batch_send_message(batch))
    assert body["ErrorList"] == [{"To_Account": "nobody", "ErrorCode": 70107}], body
    for reader in ("bob", "carl"):
        newest = ok(sdk.get_message_list(reader, "ann", 1, 0, int(time.time()) + 1))["MsgList"]
        assert newest[0]["MsgKey"] == body["MsgKey"], (reader, newest)
    old = MessageObj("carl", "dora", [MessageText("long ago")])
    ok(sdk.import_message_to_im(old, 1_600_000_000, sync_from_old=2))
    ok(sdk.import_message_to_im(old, 1_600_000_000, sync_from_old=2))
    history = ok(sdk.get_message_list("dora", "carl", 10, 0, int(time.time()) + 1))["MsgList"]
    assert [item["MsgTimeStamp"] for item in history] == [1_600_000_000], history
    ok(sdk.get_unread_num("dora"), AllC2CUnreadMsgNum=0)


def groups(sdk):
    group = GroupObj("ann", "Public", "Climbers", "We climb.", mem_list=[GroupMemObj("bob", "Admin")])
    group_id = ok(sdk.create_group(group))["GroupId"]
    added = ok(sdk.add_group_member(group_id, [GroupMemObj("carl"), GroupMemObj("bob")]))["MemberList"]
    assert [item["Result"] for item in added] == [1, 2], added
    info = ok(sdk.get_group_detail([group_id, "none"]))["GroupInfo"]
    assert info[0]["Owner_Account"] == "ann" and info[0]["MemberNum"] == 3 and info[0]["Name"] == "Climbers", info
    assert info[1]["ErrorCode"] in (10010, 10015), info
    joined = ok(sdk.get_joined_groups("carl"))
    assert [item["GroupId"] for item in joined["GroupIdList"]] == [group_id], joined
    for number in range(1, 46):
        ok(sdk.send_group_message(group_id, [MessageText(f"step {number}")], from_account="bob"), MsgSeq=number)
    refused(sdk.send_group_message(group_id, [MessageText("?")], from_account="dora"), 10007)

    # Newest first; a page ends where the next one begins.
    found, next_seq, rounds = [], 0, 0
    while True:
        page = ok(sdk.get_msg_in_group(group_id, 20, msg_seq=next_seq))
        found += [item["MsgSeq"] for item in page["RspMsgList"]]
        rounds += 1
        assert rounds < 20, "the pages do not end"
        if page["IsFinished"] == 1 and len(page["RspMsgList"]) < 20 or found[-1] == 1:
            break
        next_seq = found[-1] - 1
    assert found == list(range(45, 0, -1)), found

    recalled = ok(sdk.recall_group_message(group_id, [45, 999]))
    assert [item["RetCode"] for item in recalled["RecallRetList"]] == [0, 10030], recalled
    newest = ok(sdk.get_msg_in_group(group_id, 1))["RspMsgList"][0]
    assert newest["IsPlaceMsg"] == 2, newest
    ok(sdk.send_system_message_in_group(group_id, "The hall is closed."))
    ok(sdk.delete_group_mem(group_id, ["carl"]))
    ok(sdk.import_message_to_group(group_id, messages=[GroupMessageObj("bob", 1_600_000_000, [MessageText("old")])]))
    ok(sdk.delete_group(group_id))
    assert ok(sdk.get_joined_groups("bob"))["TotalCount"] == 0


def goodbye(sdk, app, gateway_url):
    ok(sdk.abolition_user_sig("dora"))
    assert ok(sdk.del_user(["dora"]))["ResultItem"][0]["ResultCode"] == 0
    assert ok(sdk.search_user(["dora"]))["ResultItem"][0]["AccountStatus"] == "NotImported"
    wrong_key = TCIMClient(app["sdkAppId"], "0" * 64, "administrator", gateway_url + "/v4")
    refused(wrong_key.search_user(["ann"]), 70009)
    no_admin = TCIMClient(app["sdkAppId"], app["signingKey"], "ann", gateway_url + "/v4")
    refused(no_admin.search_user(["ann"]), 70403)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--gateway", required=True)
    parser.add_argument("--folder", type=Path, required=True)
    arguments = parser.parse_args()
    token = "check-" + secrets.token_hex(24)
    process, gateway = start(arguments.gateway, arguments.folder, token)
    try:
        app = make_tenant(gateway, token, "shop")
        sdk = TCIMClient(app["sdkAppId"], app["signingKey"], "administrator", gateway.url + "/v4")
        for chapter in (people, conversation, batches_and_imports, groups):
            chapter(sdk)
            print(f"  {chapter.__name__.replace('_', ' ')}: as expected", flush=True)
        goodbye(sdk, app, gateway.url)
    finally:
        if not stop(process):
            sys.exit("The gateway did not stop within 20 s.")
    print(f"The SDK's story went as expected: {checks} calls.")


main()
