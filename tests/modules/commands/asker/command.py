"""Calls the driver in the ways that modules of a checkout do."""


def process(command, channel, username, params, files, conn):
    what = params[0]
    if what == "file":
        found = conn.files.get_file(files[0]["id"])
        text = "%d %s" % (found.status_code, found.content)
    elif what == "members":
        members = conn.channels.get_channel_members("c1", params={"page": 0, "per_page": 60})
        text = " ".join(each["user_id"] for each in members)
    elif what == "direct":
        text = conn.channels.create_direct_message_channel(["u1", conn.users.get_user_by_username("olga")["id"]])["id"]
    elif what == "unknown":
        conn.channels.delete_channel("c1")
    elif what == "foreign":
        conn.client.make_request("get", "/users")
    elif what == "object":
        conn.posts.create_post(options={"message": object()})
    else:
        text = conn.users.get_user(what)["username"]
    return {"messages": [{"text": text}]}
