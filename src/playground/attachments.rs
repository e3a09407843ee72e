//! Message attachments, completed and stripped as the server does it before it saves and shows them.

use serde_json::{Map, Value, json};

use super::wire::Props;

const TEXTS: [&str; 12] = [
    "fallback",
    "color",
    "pretext",
    "author_name",
    "author_link",
    "author_icon",
    "title",
    "title_link",
    "text",
    "image_url",
    "thumb_url",
    "footer",
];

/// Gives every attachment all its keys, and takes from its buttons what only the server may know.
pub(crate) fn normalise(props: &mut Props) {
    if let Some(Value::Array(attachments)) = props.get_mut("attachments") {
        for attachment in attachments {
            if let Value::Object(given) = attachment {
                *attachment = Value::Object(complete(given));
            }
        }
    }
}

fn complete(given: &Map<String, Value>) -> Map<String, Value> {
    let mut full = Map::new();
    full.insert(
        "id".to_owned(),
        given.get("id").cloned().unwrap_or(json!(0)),
    );
    for key in TEXTS.into_iter().chain(["footer_icon"]) {
        let text = given.get(key).filter(|value| value.is_string()).cloned();
        full.insert(key.to_owned(), text.unwrap_or_else(|| "".into()));
    }
    let fields = given.get("fields").and_then(Value::as_array);
    let fields = fields.map(|fields| fields.iter().map(complete_field).collect::<Vec<_>>());
    full.insert(
        "fields".to_owned(),
        fields.map_or(Value::Null, Value::Array),
    );
    full.insert(
        "ts".to_owned(),
        given.get("ts").cloned().unwrap_or(Value::Null),
    );
    if let Some(actions) = given.get("actions").and_then(Value::as_array) {
        full.insert(
            "actions".to_owned(),
            actions.iter().map(strip_action).collect(),
        );
    }
    full
}

fn complete_field(field: &Value) -> Value {
    let get = |key: &str| field.get(key).cloned().unwrap_or_else(|| "".into());
    json!({"title": get("title"), "value": get("value"), "short": field.get("short") == Some(&Value::Bool(true))})
}

fn strip_action(action: &Value) -> Value {
    let mut action = action.clone();
    if let Value::Object(action) = &mut action {
        action.remove("integration");
        let has_id = action
            .get("id")
            .and_then(Value::as_str)
            .is_some_and(|id| !id.is_empty());
        if !has_id {
            action.insert("id".to_owned(), crate::id::random_token().into());
        }
    }
    action
}
