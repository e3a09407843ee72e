"""The hooks; the command says what they did."""

seen = []


def on_join(driver, my_id, userid, chanid):
    user = driver.users.get_user(userid)
    channel = driver.channels.create_direct_message_channel(options=[my_id, user["id"]])
    driver.posts.create_post(options={"channel_id": channel["id"], "message": "Welcome to %s" % chanid})
    seen.append(user["username"])


def reconcile(driver, my_id):
    teams = getattr(driver.teams, "get_user_teams", None) or driver.teams.get_teams_for_user
    seen.extend(team["name"] for team in teams(my_id))
