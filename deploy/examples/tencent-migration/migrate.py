#!/usr/bin/env python3
"""Moves an app from Tencent Cloud IM: its SDKAppID and key, its accounts, its history. Each step may be repeated.

    migrate.py app      --gateway URL --tenant TENANT_NO --sdkappid N --key KEY       (PUSHGATE_ADMIN_TOKEN in the environment)
    migrate.py accounts --gateway URL --sdkappid N --key KEY FILE     one UserID a line
    migrate.py history  --gateway URL --sdkappid N --key KEY FILE     one message a line, as JSON

A message is an element of MsgList as admin_getroammsg gives it (From_Account, To_Account, MsgSeq, MsgRandom,
MsgTimeStamp, MsgBody, CloudCustomData), or with GroupId in place of To_Account one as group_msg_get_simple gives it (the
group has to be there). The messages of a group get their places in the order of their lines. What was refused is printed with its line and its code; the exit code then is 1.
"""

import argparse
import json
import os
import sys
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import pushgate

CALLS_AT_ONCE = 16


def make_app(arguments):
    operator = pushgate.Gateway(arguments.gateway, bearer=os.environ["PUSHGATE_ADMIN_TOKEN"])
    try:
        operator.call("POST", "/v1/admin/tenants", {"tenantNo": arguments.tenant})
    except pushgate.Refused as error:
        if error.code != "conflict":
            raise
    try:
        app = operator.call("POST", "/v1/admin/apps", {
            "tenantNo": arguments.tenant, "name": f"from {arguments.sdkappid}", "sdkAppId": arguments.sdkappid,
            "signingKey": arguments.key})
    except pushgate.Refused as error:
        if error.code != "conflict":
            raise
        print(f"there is an app with SDKAppID {arguments.sdkappid}")
        return 0
    print(f"appId      {app['appId']}\nappSecret  {app['appSecret']}   (shown once)\nsdkAppId   {app['sdkAppId']}")
    return 0


def import_accounts(arguments):
    api = pushgate.TencentAPI(arguments.gateway, arguments.sdkappid, arguments.key)
    users = [line.strip() for line in arguments.file.read_text().splitlines() if line.strip()]
    failed = []
    pages = [users[start:start + 100] for start in range(0, len(users), 100)]
    with ThreadPoolExecutor(CALLS_AT_ONCE) as pool:
        for answer in pool.map(lambda page: api.call(
                "im_open_login_svc/multiaccount_import", {"Accounts": page}), pages):
            failed += answer["FailAccounts"]
    for user in failed:
        print(f"refused: {user}")
    print(f"{len(users) - len(failed)} accounts are there, {len(failed)} were refused")
    return 1 if failed else 0


def import_history(arguments):
    api = pushgate.TencentAPI(arguments.gateway, arguments.sdkappid, arguments.key)

    def one(number, message):
        try:
            if "GroupId" in message:
                import_into_group(api, message)
            else:
                api.call("openim/importmsg", {
                    "SyncFromOldSystem": 2,
                    **{name: message[name] for name in (
                        "From_Account", "To_Account", "MsgSeq", "MsgRandom", "MsgTimeStamp", "MsgBody",
                        "CloudCustomData") if name in message}})
        except (KeyError, TypeError, ValueError) as error:
            return f"line {number}: it is no such message ({error!r})"
        except pushgate.Refused as error:
            return f"line {number}: {error}"

    lines = [(number, line) for number, line in enumerate(arguments.file.read_text().splitlines(), 1) if line.strip()]
    conversations, refused = in_conversations(lines)
    with ThreadPoolExecutor(CALLS_AT_ONCE) as pool:
        # One after the other within a conversation: a place in it is given when a message arrives.
        for faults in pool.map(
                lambda messages: [(number, one(number, message)) for number, message in messages], conversations):
            refused += [(number, fault) for number, fault in faults if fault]
    for _, fault in sorted(refused):
        print(fault)
    print(f"{len(lines) - len(refused)} messages are there, {len(refused)} were refused")
    return 1 if refused else 0


def in_conversations(lines):
    """The messages of each conversation in the order in which they are imported, and the lines that hold none."""
    groups, pairs, refused = defaultdict(list), defaultdict(list), []
    for number, line in lines:
        try:
            message = json.loads(line)
            if "GroupId" in message:
                groups[message["GroupId"]].append((number, message))
            else:
                order = (int(message["MsgTimeStamp"]), int(message.get("MsgSeq") or 0))
                sides = tuple(sorted((message["From_Account"], message["To_Account"])))
                pairs[sides].append((order, number, message))
        except (KeyError, TypeError, ValueError) as error:
            refused.append((number, f"line {number}: it is no such message ({error!r})"))
    in_order = [
        [(number, message) for _, number, message in sorted(messages, key=lambda found: found[0])]
        for messages in pairs.values()]
    return list(groups.values()) + in_order, refused


def import_into_group(api, message):
    answer = api.call("group_open_http_svc/import_group_msg", {
        "GroupId": message["GroupId"], "MsgList": [{
            "From_Account": message["From_Account"], "SendTime": message["MsgTimeStamp"],
            "Random": message["MsgRandom"], "MsgBody": message["MsgBody"]}]})
    result = answer["ImportMsgResult"][0]["Result"]
    if result != 0:
        raise pushgate.Refused(200, result, "import_group_msg")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    steps = parser.add_subparsers(required=True, dest="step")
    for name, run in (("app", make_app), ("accounts", import_accounts), ("history", import_history)):
        step = steps.add_parser(name)
        step.set_defaults(run=run)
        step.add_argument("--gateway", required=True)
        step.add_argument("--sdkappid", required=True, type=int)
        step.add_argument("--key", required=True)
        if name == "app":
            step.add_argument("--tenant", required=True)
        else:
            step.add_argument("file", type=Path)
    arguments = parser.parse_args()
    sys.exit(arguments.run(arguments))


if __name__ == "__main__":
    main()
