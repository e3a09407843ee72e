//! What a client of the real server meets when it makes accounts, teams, channels and bots: refusals, above all.

use serde_json::{Value, json};

use crate::support::playground::{Person, Server};

async fn refused(who: &Person, method: &str, path: &str, body: Value, error: (u16, &str)) {
    let answer = who.ask(method, path, Some(body.clone())).await;
    assert_eq!(
        (answer.status, answer.error()),
        error,
        "{method} {path} {body}"
    );
}

#[tokio::test]
async fn a_team_needs_a_name_that_is_no_path_of_the_web_client() {
    let server = Server::start().await;
    let pat = server.log_in("pat").await;
    let team = |name: &str, display_name: &str, kind: &str| json!({"name": name, "display_name": display_name, "type": kind});
    for (body, error) in [
        (team("Crew", "Crew", "O"), "characters"),
        (team("c", "Crew", "O"), "characters"),
        (team("-crew", "Crew", "O"), "characters"),
        (team("helpdesk", "Help", "O"), "reserved"),
        (team("crew", "", "O"), "name"),
        (team(&"c".repeat(65), "Crew", "O"), "url"),
        (team("crew", "Crew", ""), "type"),
        (team("ops", "Ops again", "O"), ""),
    ] {
        let id = match error {
            "" => "app.team.save.existing.app_error".to_owned(),
            error => format!("model.team.is_valid.{error}.app_error"),
        };
        refused(&pat, "POST", "/teams", body, (400, &id)).await;
    }
    let made = pat
        .post("/teams", team("crew-2", "Crew", "I"))
        .await
        .expect(201);
    assert_eq!(made["type"], "I");
}

#[tokio::test]
async fn an_account_needs_an_address_of_its_own_and_a_password() {
    let server = Server::start().await;
    let admin = server.log_in("admin").await;
    let account = |name: &str, email: &str, password: &str| json!({"username": name, "email": email, "password": password});
    let (good, long) = ("Correct-horse-1", "x".repeat(73));
    for (body, error) in [
        (
            account("new", "new", good),
            "model.user.is_valid.email.app_error",
        ),
        (
            account("new", "New <new@example.test>", good),
            "model.user.is_valid.email.app_error",
        ),
        (
            account("new", "new@example.test", "short"),
            "model.user.is_valid.pwd_min_length.app_error",
        ),
        (
            account("new", "new@example.test", &long),
            "model.user.is_valid.password_limit.app_error",
        ),
        (
            account("n w", "new@example.test", good),
            "model.user.is_valid.username.app_error",
        ),
        (
            account("pat", "new@example.test", good),
            "app.user.save.username_exists.app_error",
        ),
    ] {
        refused(&admin, "POST", "/users", body, (400, error)).await;
    }
    let made = account("new", "New@Example.test", good);
    let made = admin.post("/users", made).await.expect(201);
    assert_eq!(made["email"], "new@example.test");
    let again = account("newer", "NEW@example.test", good);
    let error = "app.user.save.email_exists.app_error";
    refused(&admin, "POST", "/users", again, (400, error)).await;
    let path = format!("/users/{}/password", made["id"].as_str().unwrap());
    let error = "model.user.is_valid.pwd_min_length.app_error";
    refused(
        &admin,
        "PUT",
        &path,
        json!({"new_password": "short"}),
        (400, error),
    )
    .await;
}

#[tokio::test]
async fn roles_are_names_that_exist_and_never_that_of_the_admin_alone() {
    let server = Server::start().await;
    let (admin, pat) = (server.log_in("admin").await, server.log_in("pat").await);
    let path = format!("/users/{}/roles", pat.id);
    let roles = |roles: &str| json!({ "roles": roles });
    let invalid = (400, "api.context.invalid_body_param.app_error");
    for body in [roles("system_admin"), roles("system_user Operator")] {
        refused(&admin, "PUT", &path, body, invalid).await;
    }
    let missing = (400, "app.role.check_roles_exist.role_not_found");
    refused(&admin, "PUT", &path, roles("system_user operator"), missing).await;
    let forbidden = (403, "api.context.permissions.app_error");
    refused(
        &pat,
        "PUT",
        &path,
        roles("system_user system_admin"),
        forbidden,
    )
    .await;
    admin
        .put(&path, roles("system_user system_admin"))
        .await
        .expect(200);
}

#[tokio::test]
async fn nobody_deactivates_himself() {
    let server = Server::start().await;
    let (admin, pat) = (server.log_in("admin").await, server.log_in("pat").await);
    let disabled = (401, "api.user.update_active.not_enable.app_error");
    for who in [&admin, &pat] {
        let path = format!("/users/{}/active", who.id);
        refused(who, "PUT", &path, json!({"active": false}), disabled).await;
    }
    refused(
        &pat,
        "DELETE",
        &format!("/users/{}", pat.id),
        Value::Null,
        disabled,
    )
    .await;
    let forbidden = (403, "api.context.permissions.app_error");
    let path = format!("/users/{}/active", admin.id);
    refused(&pat, "PUT", &path, json!({"active": false}), forbidden).await;
    let path = format!("/users/{}/active", pat.id);
    admin.put(&path, json!({"active": false})).await.expect(200);
    assert_eq!(pat.get("/users/me").await.status, 401);
}

#[tokio::test]
async fn channels_and_bots_have_short_names_and_descriptions() {
    let server = Server::start().await;
    let admin = server.log_in("admin").await;
    let team = admin.team().await;
    for (key, length) in [("display_name", 65), ("header", 1_025), ("purpose", 251)] {
        let mut channel =
            json!({"team_id": team, "name": "room", "display_name": "Room", "type": "O"});
        channel[key] = "x".repeat(length).into();
        let error = format!("model.channel.is_valid.{key}.app_error");
        refused(&admin, "POST", "/channels", channel, (400, &error)).await;
    }
    for (key, length, error) in [
        ("display_name", 65, "user_id"),
        ("description", 1_025, "description"),
    ] {
        let mut bot = json!({"username": "robot"});
        bot[key] = "x".repeat(length).into();
        let error = format!("model.bot.is_valid.{error}.app_error");
        refused(&admin, "POST", "/bots", bot, (400, &error)).await;
    }
}
