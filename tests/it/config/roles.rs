//! Lists of admins and operators that admit nobody, or not whom they seem to.

use super::{LEAST, diagnose, diagnose_added};

/// What is said of these operators.
fn operators(entry: &str) -> String {
    diagnose_added(&format!("  botoperators: [{entry}]\n"))
}

/// What is said of these admins.
fn admins(list: &str) -> String {
    diagnose(&LEAST.replace("[system_admin]", list))
}

#[test]
fn ids_and_roles_are_taken_in_any_case() {
    for good in [
        "k1h7xqnd3fyw8mgqj5s9e6ro4a",
        "System_Admin",
        "system_manager",
        "system_post_all",
    ] {
        assert_eq!(operators(good), "");
    }
}

#[test]
fn a_slip_in_a_role_is_told_with_what_was_meant() {
    for (slip, meant) in [
        ("system_adm1n", "system_admin"),
        ("system-admin", "system_admin"),
        ("sysadmin", "system_admin"),
        ("system_managr", "system_manager"),
        ("system_user_managers", "system_user_manager"),
    ] {
        let text = operators(slip);
        assert!(
            text.contains("warning: Matterbot.botoperators[0]"),
            "{text}"
        );
        assert!(text.contains("so it admits nobody"), "{text}");
        assert!(
            text.ends_with(&format!("(help: did you mean `{meant}`?)")),
            "{text}"
        );
    }
}

#[test]
fn a_name_is_told_that_an_id_is_wanted() {
    for name in ["olga", "\"@olga\"", "K1H7XQND3FYW8MGQJ5S9E6RO4A"] {
        let text = operators(name);
        assert!(text.contains("a user name does not work here"), "{text}");
    }
}

#[test]
fn whoever_is_locked_out_by_the_lists_is_told() {
    let nobody = "there are no admins and no operators: nobody may restart the bot";
    for list in ["[]", "[olga]", "~"] {
        assert!(admins(list).contains(nobody), "{list}: {}", admins(list));
    }
    let id = "[k1h7xqnd3fyw8mgqj5s9e6ro4a]";
    let operators = LEAST.replace("botadmins: [system_admin]", &format!("botoperators: {id}"));
    let text = diagnose(&operators);
    assert!(
        text.contains("there are no admins: nobody may read the audit trail"),
        "{text}"
    );
}
