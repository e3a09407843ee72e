//! The table of built-in commands: who may what.

use matterbot::command::{Role, table};

#[test]
fn the_table_says_who_may_what() {
    let listed: Vec<(&str, Role, bool)> = table::TABLE
        .iter()
        .map(|row| (row.name, row.role, row.lifecycle))
        .collect();
    assert_eq!(
        listed,
        [
            ("help", Role::Everyone, false),
            ("status", Role::Everyone, false),
            ("map", Role::Everyone, false),
            ("restart", Role::Operator, true),
            ("bind", Role::Admin, false),
            ("unbind", Role::Admin, false),
            ("reload", Role::Admin, true),
            ("audit", Role::Admin, false),
        ]
    );
    assert!(Role::Everyone < Role::Operator && Role::Operator < Role::Admin);
    for row in &table::TABLE {
        assert_eq!(table::row(row.builtin), row);
        assert_eq!(table::named(&row.name.to_uppercase()), Some(row.builtin));
    }
}
