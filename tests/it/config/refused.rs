//! What is refused, and in which words.

use matterbot::config::Environment;

use super::{Folder, LEAST, diagnose, diagnose_added};

#[track_caller]
fn check(lines: &str, expected: &str) {
    assert_eq!(diagnose_added(lines), expected);
}

#[test]
fn a_number_out_of_its_range() {
    check(
        "  port: abc\n",
        "config.yaml:6:9: error: Matterbot.port: expected a whole number from 1 to 65535, got \"abc\"",
    );
    check(
        "  port: 65536\n",
        "config.yaml:6:9: error: Matterbot.port: expected a whole number from 1 to 65535, got 65536",
    );
    check(
        "  port: [1]\n  msglength: 199\n  command_workers: 0\n  command_timeout: 20s\n  user_concurrency: -1\n",
        "config.yaml:6:9: error: Matterbot.port: expected a whole number from 1 to 65535, got a list\n\
         config.yaml:7:14: error: Matterbot.msglength: expected a whole number from 200 to 1000000, got 199\n\
         config.yaml:8:20: error: Matterbot.command_workers: expected a whole number from 1 to 1024, got 0\n\
         config.yaml:9:20: error: Matterbot.command_timeout: expected a number of seconds from 0.1 to 86400, \
         without a unit, got \"20s\"\n\
         config.yaml:10:21: error: Matterbot.user_concurrency: expected a whole number from 1 to 1024, got -1",
    );
}

#[test]
fn a_time_without_a_unit_or_out_of_its_range() {
    check(
        "Lifecycle:\n  drain: 20\n",
        "config.yaml:7:10: error: Lifecycle.drain: expected a time from 0s to 10m, got 20 \
         (help: write the unit: 20s for seconds, 20m for minutes)",
    );
    check(
        "Lifecycle:\n  drain: 11m\n  catch_up: {max_age: soon, max_posts: 0}\n  budget: {count: 0, window: 0s}\n",
        "config.yaml:7:10: error: Lifecycle.drain: expected a time from 0s to 10m, got \"11m\"\n\
         config.yaml:8:23: error: Lifecycle.catch_up.max_age: expected a time from 1s to 1day, got \"soon\" \
         (help: write a number and its unit, such as 20s, 10m or 1h)\n\
         config.yaml:8:40: error: Lifecycle.catch_up.max_posts: expected a whole number from 1 to 100000, got 0\n\
         config.yaml:9:19: error: Lifecycle.budget.count: expected a whole number from 1 to 100, got 0\n\
         config.yaml:9:30: error: Lifecycle.budget.window: expected a time from 1s to 1day, got \"0s\"",
    );
}

#[test]
fn a_quoted_truth_value() {
    check(
        "  recursion: \"False\"\n  welcome: 2\n",
        "config.yaml:6:14: error: Matterbot.recursion: expected yes or no, got \"False\" (help: write it without quotes)\n\
         config.yaml:7:12: error: Matterbot.welcome: expected yes or no, got 2",
    );
}

#[test]
fn an_unknown_word() {
    check(
        "  scheme: ftp\n  service_manager: upstart\n  feedmode: [user]\n",
        "config.yaml:6:11: error: Matterbot.scheme: expected one of https, http, got \"ftp\"\n\
         config.yaml:7:20: error: Matterbot.service_manager: expected one of auto, systemd, s6, exit, none, got \"upstart\"\n\
         config.yaml:8:13: error: Matterbot.feedmode: expected one of admin, user, got a list",
    );
}

#[test]
fn a_text_where_a_role_list_belongs() {
    assert_eq!(
        diagnose(&LEAST.replace("[system_admin]", "4xp9fdt7pbgium38k0k6w0aj7y")),
        "config.yaml:5:14: error: Matterbot.botadmins: expected a list, got a text of 26 characters \
         (help: write `botadmins: [\"…\"]`, or each entry on a line of its own after `- `)",
    );
    check(
        "  botoperators: system_admin\n",
        "config.yaml:6:17: error: Matterbot.botoperators: expected a list, got \"system_admin\" \
         (help: write `botoperators: [\"…\"]`, or each entry on a line of its own after `- `)",
    );
}

#[test]
fn a_role_that_everybody_has() {
    check(
        "  botoperators:\n    - system_admin\n    - System_User\n    - \"system_guest,system_admin\"\n",
        "config.yaml:8:7: error: Matterbot.botoperators.[1]: everybody has the role system_user: \
         the whole server would be admitted (help: name user ids, or a role such as system_admin)\n\
         config.yaml:9:7: error: Matterbot.botoperators.[2]: every guest has the role system_guest, \
         and no guest is ever admitted (help: name user ids, or a role such as system_admin)"
            .replace(".[", "[")
            .as_str(),
    );
}

#[test]
fn a_list_with_something_else_in_it() {
    check(
        "  botoperators: [~, [], \"\", {a: b}]\n",
        "config.yaml:6:18: error: Matterbot.botoperators[0]: expected a text, got nothing\n\
         config.yaml:6:21: error: Matterbot.botoperators[1]: expected a text, got a list\n\
         config.yaml:6:25: error: Matterbot.botoperators[2]: expected a text, got \"\"\n\
         config.yaml:6:29: error: Matterbot.botoperators[3]: expected a text, got a section",
    );
}

#[test]
fn a_host_that_is_more_than_a_name() {
    let host = |host: &str| diagnose(&LEAST.replace("chat.example.org", host));
    for (written, expected) in [
        (
            "https://chat.example.org",
            "contains a scheme: \"https://chat.example.org\" \
             (help: write the name alone; http or https is the key `scheme`)",
        ),
        (
            "chat.example.org/chat",
            "contains a slash: \"chat.example.org/chat\" \
             (help: write the name alone; a path belongs into `basepath`, before /api/v4)",
        ),
        (
            "chat.example.org:8065",
            "contains a port: \"chat.example.org:8065\" (help: write the name alone; the port is the key `port`)",
        ),
        (
            "\"\"",
            "is empty (help: write the host name of your Mattermost server here)",
        ),
        (
            "\"[::1\"",
            "contains a port: \"[::1\" (help: write the name alone; the port is the key `port`)",
        ),
        (
            "bot@chat",
            "contains a character that no host name has: \"bot@chat\" \
             (help: write the name alone, such as chat.example.org)",
        ),
        (
            "\"<your-mattermost-host>\"",
            "is still the placeholder (help: write the host name of your Mattermost server here)",
        ),
    ] {
        assert_eq!(
            host(written),
            format!("config.yaml:2:9: error: Matterbot.host: {expected}")
        );
    }
}

#[test]
fn a_team_or_channel_by_its_title() {
    assert_eq!(
        diagnose(&LEAST.replace("teamname: team", "teamname: Our Team")),
        "config.yaml:4:13: error: Matterbot.teamname: is not the name of a team: \"Our Team\" \
         (help: write the name as in the team's URL, in lower case, not its title)",
    );
    check(
        "Lifecycle:\n  channels: [town-square, \"Town Square\"]\n",
        "config.yaml:7:27: error: Lifecycle.channels[1]: is neither the name nor the id of a channel: \"Town Square\" \
         (help: write the name as in the channel's URL, in lower case and without ~, not its title)",
    );
    check(
        "Lifecycle:\n  channels: ops\n",
        "config.yaml:7:13: error: Lifecycle.channels: expected a list, got \"ops\" \
         (help: write `channels: [\"…\"]`, or each entry on a line of its own after `- `)",
    );
}

#[test]
fn a_path_of_another_api() {
    check(
        "  basepath: /api/v3\n",
        "config.yaml:6:13: error: Matterbot.basepath: expected a path that ends in /api/v4, got \"/api/v3\" \
         (help: for a server below /chat write /chat/api/v4)",
    );
}

#[test]
fn a_name_that_is_no_lifecycle_command() {
    check(
        "  lifecyclecmds: [\"!restart\", \"@@restart\", \"@update\", \"reload\", \"@\"]\n",
        "config.yaml:6:31: error: Matterbot.lifecyclecmds[1]: expected one sign and a name, got \"@@restart\" \
         (help: write it in quotes as \"@restart\" or \"!restart\")\n\
         config.yaml:6:44: error: Matterbot.lifecyclecmds[2]: \"@update\" ends with the name of no lifecycle command \
         (help: end it with restart, reload, start, stop or reset, such as \"@bot-restart\")\n\
         config.yaml:6:55: error: Matterbot.lifecyclecmds[3]: expected one sign and a name, got \"reload\" \
         (help: write it in quotes as \"@restart\" or \"!restart\")\n\
         config.yaml:6:65: error: Matterbot.lifecyclecmds[4]: expected one sign and a name, got \"@\" \
         (help: write it in quotes as \"@restart\" or \"!restart\")",
    );
}

#[test]
fn a_path_that_means_nothing_here() {
    check(
        "  bindmap: ~bob/bindmap.json\n  feedmap: ~/feedmap.json\n  welcome_file: \"\"\n",
        "config.yaml:6:12: error: Matterbot.bindmap: only ~/ at the start of a path is understood \
         (help: write the whole path)\n\
         config.yaml:7:12: error: Matterbot.feedmap: starts with ~/, but HOME is not set (help: write the whole path)\n\
         config.yaml:8:17: error: Matterbot.welcome_file: expected a path (help: write the whole path)",
    );
}

#[test]
fn two_feed_maps() {
    let yaml = format!("{LEAST}  feedmap: one.json\nModules:\n  feedmap: ./two.json\n");
    let folder = Folder::with(&yaml);
    let diagnose = || folder.diagnose(&Environment::default(), false);
    let at = "config.yaml:8:12:";
    assert_eq!(
        diagnose(),
        format!(
            "{at} warning: Modules.feedmap: is not read: Matterbot.feedmap names one.json (help: remove this key)"
        ),
    );
    std::fs::write(folder.path("two.json"), "{}").unwrap();
    assert_eq!(
        diagnose(),
        format!(
            "{at} error: Modules.feedmap: two.json exists and is not the file of Matterbot.feedmap, one.json \
             (help: both hold subscriptions: keep one of the files, and name it in Matterbot.feedmap alone)"
        ),
    );
    std::os::unix::fs::symlink("two.json", folder.path("one.json")).unwrap();
    assert_eq!(diagnose(), "");
}

#[test]
fn what_is_missing() {
    assert_eq!(
        diagnose("debug: no\n"),
        "config.yaml:1:1: error: Matterbot: this section is missing (help: copy it from config.example.yaml)",
    );
    assert_eq!(
        diagnose("Matterbot: {botadmins: [system_admin], host: ~}\n"),
        "config.yaml:1:1: error: Matterbot.password: is missing, and neither a credential nor MATTERBOT_TOKEN gives \
         the token (help: create an access token for the bot in Integrations > Bot Accounts, and put it here)\n\
         config.yaml:1:1: error: Matterbot.host: is missing: the host name of your Mattermost server\n\
         config.yaml:1:1: error: Matterbot.teamname: is missing: the team's name as in its URL",
    );
    assert_eq!(
        diagnose("Matterbot: yes\nLifecycle: []\n"),
        "config.yaml:1:12: error: Matterbot: expected a section with keys of its own, got \"yes\"\n\
         config.yaml:2:12: error: Lifecycle: expected a section with keys of its own, got a list",
    );
    let empty = "config.yaml:1:1: error: this file is empty (help: copy config.example.yaml and fill it in)";
    assert_eq!(diagnose(""), empty);
    assert_eq!(diagnose("# nothing but a remark\n"), empty);
    assert_eq!(
        diagnose("- a\n- b\n"),
        "config.yaml:1:1: error: this file holds no sections (help: copy config.example.yaml and fill it in)",
    );
}

#[test]
fn an_unknown_key_in_strict_mode_only() {
    let yaml = format!(
        "{LEAST}  botoperator: []\n  wellcome: no\n  port: 1\n  port: 2\n  bogus: 1\nlogfile: x\n"
    );
    let folder = Folder::with(&yaml);
    let expected = "\
        config.yaml:6:3: error: Matterbot.botoperator: nothing reads this key (help: did you mean `botoperators`?)\n\
        config.yaml:7:3: error: Matterbot.wellcome: nothing reads this key (help: did you mean `welcome`?)\n\
        config.yaml:9:3: error: Matterbot.port: this key stands here a second time, first in line 8; \
        the last one counts (help: remove one of the two)\n\
        config.yaml:10:3: error: Matterbot.bogus: nothing reads this key\n\
        config.yaml:11:1: error: logfile: nothing reads this key (help: did you mean `Matterbot.logfile`?)";
    let environment = Environment::default();
    assert_eq!(folder.diagnose(&environment, true), expected);
    assert_eq!(
        folder.diagnose(&environment, false),
        expected.replace(": error:", ": warning:")
    );
    let loaded = folder.load(&environment, false).unwrap();
    assert_eq!(loaded.config.matterbot.port, 2);
}
