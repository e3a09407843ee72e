//! The roles of users, and who is a guest.

use serde::Deserialize;

use super::users::admin;
use crate::playground::call::{Answer, Call, Reply, valid};
use crate::playground::error::{ApiError, invalid_body, user_not_found};

#[derive(Deserialize, Default)]
#[serde(default)]
struct Roles {
    roles: String,
}

/// The roles that need a licence (`model.NewSystemRoleIDs`).
const LICENSED_ROLES: [&str; 3] = [
    "system_manager",
    "system_user_manager",
    "system_read_only_admin",
];

pub(super) fn set(call: &mut Call<'_>, id: &str) -> Answer {
    let id = call.subject(id)?;
    let body: Roles = call.asked.body("roles")?;
    // By itself the role would lock its owner out (`model.IsValidUserRoles`).
    let is_role = |role: &str| {
        let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        role.len() <= 64 && role.chars().all(fits)
    };
    if !body.roles.split_whitespace().all(is_role) || body.roles.trim() == "system_admin" {
        return Err(invalid_body("roles"));
    }
    let wants = |role: &&str| body.roles.split_whitespace().any(|word| word == *role);
    if !call.state.licensed && LICENSED_ROLES.iter().any(wants) {
        return Err(ApiError::new(
            400,
            "api.user.update_user_roles.license.app_error",
            "Custom Permission Schemes not supported by current license",
        ));
    }
    admin(call)?;
    const KNOWN: [&str; 9] = [
        "system_user",
        "system_admin",
        "system_guest",
        "system_post_all",
        "system_post_all_public",
        "system_user_access_token",
        "system_manager",
        "system_user_manager",
        "system_read_only_admin",
    ];
    if body
        .roles
        .split_whitespace()
        .any(|role| !KNOWN.contains(&role))
    {
        return Err(ApiError::new(
            400,
            "app.role.check_roles_exist.role_not_found",
            "The provided role does not exist",
        ));
    }
    if !call.state.accounts.contains_key(&id) {
        return Err(user_not_found());
    }
    call.state.set_roles(&id, &body.roles)?;
    Ok(Reply::done())
}

pub(super) fn set_guest(call: &mut Call<'_>, id: &str, is_guest: bool) -> Answer {
    let id = valid(id, "user_id")?;
    call.user()?;
    let refused = |id: &'static str, message: &'static str| Err(ApiError::new(501, id, message));
    // The licence comes before everything else; back from being a guest one gets without.
    if is_guest && !call.state.licensed {
        return refused(
            "api.team.demote_user_to_guest.license.error",
            "Your license does not support guest accounts",
        );
    }
    admin(call)?;
    let account = call.state.accounts.get(&id).ok_or_else(user_not_found)?;
    match (is_guest, account.is_guest()) {
        (true, true) => {
            return refused(
                "api.user.demote_user_to_guest.already_guest.app_error",
                "Unable to convert the user to guest because is already a guest.",
            );
        }
        (false, false) => {
            return refused(
                "api.user.promote_guest_to_user.no_guest.app_error",
                "Unable to convert the guest to regular user because is not a guest.",
            );
        }
        _ => {}
    }
    call.state.set_guest(&id, is_guest);
    Ok(Reply::done())
}
