//! What upstream's code demands of the files that it shares with us, stated without a word of ours.

use serde_json::Value;

/// A bind map as upstream takes it; gives its content.
///
/// It loads the file as JSON, walks the entries as a dict, and takes the three keys of each without asking whether they
/// are there. It lower-cases binds, compares channels, appends to and removes from both lists, sorts binds, and looks a
/// type up in what a module accepts, if that is anything.
pub(crate) fn bind_map(json: &[u8]) -> Value {
    let map: Value = serde_json::from_slice(json).expect("it is JSON, and all of it");
    for (module, entry) in map.as_object().expect("it is a dict") {
        for key in ["binds", "chans"] {
            assert!(is_list_of_texts(&entry[key]), "{key} of {module}: {entry}");
        }
        let accepts = entry.get("accepts");
        let accepts = accepts.unwrap_or_else(|| panic!("{module} has no accepts: {entry}"));
        let is_nothing_or_types = accepts.is_null() || is_list_of_texts(accepts);
        assert!(is_nothing_or_types, "accepts of {module}: {entry}");
    }
    map
}

fn is_list_of_texts(value: &Value) -> bool {
    let items = value.as_array();
    items.is_some_and(|items| items.iter().all(Value::is_string))
}
