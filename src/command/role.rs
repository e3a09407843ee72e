//! The role check: the only maker of a [`Grant`].
//!
//! A built-in that acts takes a grant by value, so that one which forgot to ask does not compile:
//!
//! ```compile_fail,E0451
//! use matterbot::command::{Builtin, Grant};
//! let forged = Grant { builtin: Builtin::Restart };
//! ```
//!
//! ```
//! use matterbot::command::{Builtin, role};
//! assert!(role::for_everyone(Builtin::Status).is_ok());
//! assert!(role::for_everyone(Builtin::Restart).is_err());
//! ```

use super::table::{self, Builtin, Role};
use crate::mattermost::model::User;

/// The role word of guest accounts.
pub const GUEST: &str = "system_guest";

/// Role words that a server gives to everybody; listed as a role they would admit everybody, so they admit nobody.
pub const CATCH_ALL: [&str; 2] = ["system_user", GUEST];

/// Who holds which role: ids of users, or words of the server's `roles`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Policy {
    /// `botadmins`; they are operators too.
    pub admins: Vec<String>,
    /// `botoperators`.
    pub operators: Vec<String>,
}

/// Proof that a user may run one built-in; only this module can make it.
#[derive(Debug, PartialEq, Eq)]
#[must_use]
pub struct Grant {
    builtin: Builtin,
}

impl Grant {
    /// What it allows.
    #[must_use]
    pub fn builtin(&self) -> Builtin {
        self.builtin
    }
}

/// Why a command may not run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Denied {
    /// The account has none of the roles that the command asks for.
    NotPermitted,
    /// The account is deactivated; the server keeps the roles of such accounts.
    Deactivated,
    /// The account is a guest's.
    Guest,
    /// The account is a bot's.
    Bot,
    /// The account lives on another server.
    Remote,
    /// The server could not be asked who this is; made by whoever asked it.
    LookupFailed,
}

impl Denied {
    /// The word for the audit trail.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::NotPermitted => "not_permitted",
            Self::Deactivated => "deactivated",
            Self::Guest => "guest",
            Self::Bot => "bot",
            Self::Remote => "remote",
            Self::LookupFailed => "lookup_failed",
        }
    }
}

/// Whether `entry` of a role list stands for (nearly) everybody; the configuration refuses such an entry.
#[must_use]
pub fn is_catch_all(entry: &str) -> bool {
    CATCH_ALL
        .iter()
        .any(|word| entry.trim().eq_ignore_ascii_case(word))
}

/// Decides whether `user`, as the server described them just now, may run `builtin`, where at least `needed` is asked;
/// never less than the table asks.
///
/// # Errors
/// The reason why not. A command for everyone asks nothing, and is never denied.
pub fn authorize(
    policy: &Policy,
    user: &User,
    needed: Role,
    builtin: Builtin,
) -> Result<Grant, Denied> {
    let needed = needed.max(table::row(builtin).role);
    if needed > Role::Everyone {
        eligible(user)?;
        if role_of(policy, user) < needed {
            return Err(Denied::NotPermitted);
        }
    }
    Ok(Grant { builtin })
}

/// The grant for a command that is for everyone, without a look-up.
///
/// # Errors
/// [`Denied::NotPermitted`] if `builtin` needs a role.
pub fn for_everyone(builtin: Builtin) -> Result<Grant, Denied> {
    match table::row(builtin).role {
        Role::Everyone => Ok(Grant { builtin }),
        Role::Operator | Role::Admin => Err(Denied::NotPermitted),
    }
}

/// The greatest role of `user`; an account that can hold none is like everyone.
#[must_use]
pub fn role_of(policy: &Policy, user: &User) -> Role {
    if eligible(user).is_err() {
        Role::Everyone
    } else if lists(&policy.admins, user) {
        Role::Admin
    } else if lists(&policy.operators, user) {
        Role::Operator
    } else {
        Role::Everyone
    }
}

/// Refuses the accounts that can hold no role, whatever the lists say.
fn eligible(user: &User) -> Result<(), Denied> {
    if user.remote_id.is_some() {
        Err(Denied::Remote)
    } else if user.is_bot {
        Err(Denied::Bot)
    } else if user.delete_at.0 != 0 {
        Err(Denied::Deactivated)
    } else if user
        .roles
        .split_whitespace()
        .any(|word| word.eq_ignore_ascii_case(GUEST))
    {
        Err(Denied::Guest)
    } else {
        Ok(())
    }
}

/// Whether `entries` name the user: by the exact id, or by one whole word of the account's roles in any case.
fn lists(entries: &[String], user: &User) -> bool {
    entries.iter().any(|entry| {
        entry == user.id.as_str()
            || (!is_catch_all(entry)
                && user
                    .roles
                    .split_whitespace()
                    .any(|word| word.eq_ignore_ascii_case(entry)))
    })
}
