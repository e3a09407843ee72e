//! Who asks and how: which posts are a person's wish, and whom the role check lets through.

use matterbot::command::author::{Author, Why, author};
use matterbot::command::role::{self, authorize, is_catch_all, role_of};
use matterbot::command::{Builtin, Denied, Grant, Policy, Role, Target, Vocabulary};
use matterbot::id::{ChannelId, PostId, UserId};
use matterbot::mattermost::model::{Post, User};
use serde_json::{Value, json};

const ADMIN: &str = "adm1n7xqnd3fyw8mgqj5s9e6ro";
const OPERATOR: &str = "oper47xqnd3fyw8mgqj5s9e6ro";
const BOT: &str = "bot1h7xqnd3fyw8mgqj5s9e6ro";

/// A post of the admin as the server sends it, with `changes` made to it.
fn post(changes: Value) -> Post {
    let mut post = json!({
        "id": PostId::random(), "create_at": 1_700_000_000_000_i64, "update_at": 1_700_000_000_000_i64,
        "edit_at": 0, "delete_at": 0, "is_pinned": false, "user_id": ADMIN, "channel_id": ChannelId::random(),
        "root_id": "", "original_id": "", "message": "@restart", "type": "", "props": {},
        "hashtags": "", "pending_post_id": "", "remote_id": "",
    });
    merge(&mut post, changes);
    serde_json::from_value(post).unwrap()
}

fn user(id: &str, changes: Value) -> User {
    let mut user = json!({ "id": id, "username": "sam", "roles": "system_user", "delete_at": 0 });
    merge(&mut user, changes);
    serde_json::from_value(user).unwrap()
}

fn merge(value: &mut Value, changes: Value) {
    if let (Value::Object(value), Value::Object(changes)) = (value, changes) {
        value.extend(changes);
    }
}

fn policy() -> Policy {
    Policy {
        admins: vec![ADMIN.to_owned(), "System_Admin".to_owned()],
        operators: vec![
            OPERATOR.to_owned(),
            "ops".to_owned(),
            "system_user".to_owned(),
            String::new(),
        ],
    }
}

#[test]
fn only_a_plain_post_of_a_person_is_a_wish() {
    let me: UserId = BOT.parse().unwrap();
    for (what, changes, expected) in [
        ("plain", json!({}), Author::Human),
        (
            "null props, as old servers write",
            json!({"props": null}),
            Author::Human,
        ),
        (
            "in a thread",
            json!({"root_id": PostId::random()}),
            Author::Human,
        ),
        (
            "pinned",
            json!({"is_pinned": true, "update_at": 1_800_000_000_000_i64}),
            Author::Human,
        ),
        (
            "harmless props",
            json!({"props": {"disable_group_highlight": true}}),
            Author::Human,
        ),
        (
            "webhook made by an admin",
            json!({"props": {"from_webhook": "true"}}),
            Author::Ignored(Why::Integration),
        ),
        (
            "mark with another value",
            json!({"props": {"from_webhook": false}}),
            Author::Ignored(Why::Integration),
        ),
        (
            "mark without a value",
            json!({"props": {"from_bot": null}}),
            Author::Ignored(Why::Integration),
        ),
        (
            "bot",
            json!({"props": {"from_bot": "true"}}),
            Author::Ignored(Why::Integration),
        ),
        (
            "plugin",
            json!({"props": {"from_plugin": "true"}}),
            Author::Ignored(Why::Integration),
        ),
        (
            "OAuth application",
            json!({"props": {"from_oauth_app": "true"}}),
            Author::Ignored(Why::Integration),
        ),
        (
            "joined",
            json!({"type": "system_join_channel"}),
            Author::Ignored(Why::Typed),
        ),
        ("/me", json!({"type": "me"}), Author::Ignored(Why::Typed)),
        (
            "forged type",
            json!({"type": "custom_matterbot"}),
            Author::Ignored(Why::Typed),
        ),
        (
            "another server",
            json!({"remote_id": "k1h7xqnd3fyw8mgqj5s9e6ro4a"}),
            Author::Ignored(Why::Remote),
        ),
        (
            "our own",
            json!({"user_id": BOT}),
            Author::Ignored(Why::OwnPost),
        ),
        (
            "our own, edited",
            json!({"user_id": BOT, "edit_at": 1}),
            Author::Ignored(Why::OwnPost),
        ),
        (
            "deleted",
            json!({"delete_at": 1_700_000_000_001_i64}),
            Author::Ignored(Why::Deleted),
        ),
        (
            "deleted after an edit",
            json!({"delete_at": 2, "edit_at": 1}),
            Author::Ignored(Why::Deleted),
        ),
        (
            "kept before an edit",
            json!({"original_id": PostId::random()}),
            Author::Ignored(Why::OldRevision),
        ),
        (
            "edited",
            json!({"edit_at": 1_700_000_000_001_i64}),
            Author::Edited,
        ),
        (
            "edited webhook",
            json!({"edit_at": 1, "props": {"from_webhook": "true"}}),
            Author::Ignored(Why::Integration),
        ),
    ] {
        assert_eq!(author(&post(changes), me), expected, "{what}");
    }
}

#[test]
fn roles_come_from_the_id_or_a_whole_role_word() {
    for (what, id, changes, expected) in [
        ("listed admin", ADMIN, json!({}), Role::Admin),
        ("listed operator", OPERATOR, json!({}), Role::Operator),
        (
            "role word",
            BOT,
            json!({"roles": "system_user system_admin"}),
            Role::Admin,
        ),
        (
            "first account of a server",
            BOT,
            json!({"roles": "system_admin system_user"}),
            Role::Admin,
        ),
        (
            "role word in another case",
            BOT,
            json!({"roles": "system_user\tOPS"}),
            Role::Operator,
        ),
        (
            "both",
            OPERATOR,
            json!({"roles": "system_admin"}),
            Role::Admin,
        ),
        (
            "catch-all role",
            BOT,
            json!({"roles": "system_user"}),
            Role::Everyone,
        ),
        (
            "part of a role word",
            BOT,
            json!({"roles": "system_admins devops"}),
            Role::Everyone,
        ),
        ("no roles", BOT, json!({"roles": ""}), Role::Everyone),
        (
            "id in another case",
            "ADM1N7XQND3FYW8MGQJ5S9E6RO",
            json!({}),
            Role::Everyone,
        ),
        (
            "an id as a name",
            BOT,
            json!({"username": ADMIN}),
            Role::Everyone,
        ),
        (
            "deactivated admin",
            ADMIN,
            json!({"delete_at": 1, "roles": "system_admin"}),
            Role::Everyone,
        ),
        (
            "guest",
            ADMIN,
            json!({"roles": "system_guest"}),
            Role::Everyone,
        ),
        (
            "bot with a role",
            ADMIN,
            json!({"is_bot": true, "roles": "system_admin"}),
            Role::Everyone,
        ),
        (
            "remote",
            ADMIN,
            json!({"remote_id": "k1h7xqnd3fyw8mgqj5s9e6ro4a"}),
            Role::Everyone,
        ),
    ] {
        assert_eq!(role_of(&policy(), &user(id, changes)), expected, "{what}");
    }
}

#[test]
fn a_denial_says_why() {
    for (what, changes, expected) in [
        ("nobody", json!({"id": BOT}), Denied::NotPermitted),
        (
            "deactivated",
            json!({"delete_at": 1_700_000_000_000_i64}),
            Denied::Deactivated,
        ),
        (
            "guest",
            json!({"roles": "system_user system_guest"}),
            Denied::Guest,
        ),
        ("bot", json!({"is_bot": true}), Denied::Bot),
        (
            "remote",
            json!({"remote_id": "k1h7xqnd3fyw8mgqj5s9e6ro4a"}),
            Denied::Remote,
        ),
    ] {
        let user = user(ADMIN, changes);
        assert_eq!(
            authorize(&policy(), &user, Role::Operator, Builtin::Restart),
            Err(expected),
            "{what}"
        );
        assert!(
            authorize(&policy(), &user, Role::Everyone, Builtin::Status).is_ok(),
            "{what}"
        );
    }
}

#[test]
fn admins_are_operators_and_not_the_reverse() {
    let (admin, operator) = (user(ADMIN, json!({})), user(OPERATOR, json!({})));
    let may = |user: &User, role, builtin| authorize(&policy(), user, role, builtin).is_ok();
    assert!(
        may(&admin, Role::Admin, Builtin::Audit) && may(&admin, Role::Operator, Builtin::Restart)
    );
    assert!(may(&operator, Role::Operator, Builtin::Restart));
    assert!(!may(&operator, Role::Admin, Builtin::Audit));
    assert!(
        !may(&operator, Role::Operator, Builtin::Audit),
        "the table asks for more than the caller"
    );
    assert!(
        !may(&operator, Role::Admin, Builtin::Status),
        "the caller asks for more than the table"
    );
}

#[test]
fn an_empty_policy_admits_nobody() {
    let admin = user(ADMIN, json!({"roles": "system_admin system_user"}));
    assert_eq!(role_of(&Policy::default(), &admin), Role::Everyone);
    for entry in ["", " ", "system_user", "System_User", "system_guest"] {
        let policy = Policy {
            admins: vec![entry.to_owned()],
            operators: Vec::new(),
        };
        let anybody = user(BOT, json!({"roles": "system_user"}));
        assert_eq!(role_of(&policy, &anybody), Role::Everyone, "{entry:?}");
    }
    assert!(
        is_catch_all(" SYSTEM_USER ")
            && is_catch_all("system_guest")
            && !is_catch_all("system_admin")
    );
}

#[test]
fn a_grant_says_for_what_it_is() {
    let grant: Grant = authorize(
        &policy(),
        &user(ADMIN, json!({})),
        Role::Operator,
        Builtin::Restart,
    )
    .unwrap();
    assert_eq!(grant.builtin(), Builtin::Restart);
    let grant = role::for_everyone(Builtin::Help).unwrap();
    assert_eq!(grant.builtin(), Builtin::Help);
    for builtin in [Builtin::Restart, Builtin::Audit] {
        assert_eq!(role::for_everyone(builtin), Err(Denied::NotPermitted));
    }
}

/// From the post to the grant: what an admin's name is worth in each shape of a message.
#[test]
fn only_an_admins_own_words_restart_the_bot() {
    let me: UserId = BOT.parse().unwrap();
    let vocabulary = Vocabulary::new(&["@help".to_owned()], &[]);
    let admin = user(ADMIN, json!({}));
    let runs = |post: &Post| {
        author(post, me) == Author::Human
            && vocabulary
                .parse(&post.message, |_| false)
                .iter()
                .any(|invocation| {
                    invocation.target == Target::Builtin(Builtin::Restart)
                        && authorize(&policy(), &admin, Role::Operator, Builtin::Restart).is_ok()
                })
    };
    assert!(runs(&post(json!({}))));
    for message in [
        "```\n@restart\n```",
        "> @restart",
        "    @restart",
        "hey @restart",
        "`@restart`",
        "@@restart",
    ] {
        assert!(!runs(&post(json!({"message": message}))), "{message:?}");
    }
    for changes in [
        json!({"edit_at": 1}),
        json!({"type": "system_generic"}),
        json!({"props": {"from_webhook": ""}}),
    ] {
        assert!(!runs(&post(changes.clone())), "{changes}");
    }
}
