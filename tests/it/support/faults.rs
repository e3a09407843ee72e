//! The playground's fault switches, as an administrator turns them on.

use serde_json::Value;

use super::playground::{DEADLINE, Person, Server, client};

/// Turns a switch on.
pub(crate) async fn fault(server: &Server, admin: &Person, switch: Value) {
    let request = client()
        .post(url(server))
        .bearer_auth(&admin.token)
        .body(switch.to_string());
    let response = request.send().await.unwrap();
    assert!(response.status().is_success(), "{switch}");
}

/// Waits until some switch has hit.
pub(crate) async fn hit(server: &Server, admin: &Person) {
    let hit = async {
        loop {
            let request = client().get(url(server)).bearer_auth(&admin.token);
            let text = request.send().await.unwrap().text().await.unwrap();
            let answer: Value = serde_json::from_str(&text).unwrap();
            let faults = answer["faults"].as_array().unwrap();
            if faults.iter().any(|fault| fault["hits"].as_u64() > Some(0)) {
                return;
            }
        }
    };
    tokio::time::timeout(DEADLINE, hit)
        .await
        .expect("the switch hits");
}

fn url(server: &Server) -> String {
    format!("{}/playground/faults", server.playground.base_url())
}
