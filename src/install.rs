//! `matterbot install` and `matterbot uninstall`: the bot as a service of this host, or of one user.
//!
//! ```text
//!  host ──▶ facts ──▶ plan ──▶ each step printed ──▶ and performed, unless it is a dry run
//!                      └─────▶ refused, with what to do instead
//! ```

pub mod facts;
pub mod folders;
pub mod layout;
pub mod plan;
pub mod step;

use facts::Facts;
use layout::{Layout, Scope};
use plan::Plan;

use crate::lifecycle::ExitStatus;
use crate::lifecycle::terminal::print;

/// The arguments of `matterbot install`.
#[derive(Debug, clap::Args)]
pub struct InstallArguments {
    /// Print what would be done, and change nothing
    #[arg(long)]
    dry_run: bool,
    /// For the user manager of this user, without root; ends at logout unless lingering is enabled
    #[arg(long)]
    user: bool,
}

/// The arguments of `matterbot uninstall`.
#[derive(Debug, clap::Args)]
pub struct UninstallArguments {
    /// Print what would be done, and change nothing
    #[arg(long)]
    dry_run: bool,
    /// From the user manager of this user
    #[arg(long)]
    user: bool,
    /// Remove the configuration, the token and the state too
    #[arg(long)]
    purge: bool,
}

/// Makes the program that runs a service; each thing done is said.
///
/// # Errors
/// Where a unit of this name is somebody else's, with the commands to move over; where a step fails.
pub fn install(arguments: &InstallArguments) -> anyhow::Result<ExitStatus> {
    let facts = Facts::gather(layout(arguments.user)?)?;
    if !arguments.dry_run {
        facts.require_permission("install")?;
    }
    carry_out(&plan::install(&facts)?, arguments.dry_run)
}

/// Takes the service away; state and configuration stay, unless they are to be removed too.
///
/// # Errors
/// Where the unit is somebody else's; where a step fails.
pub fn uninstall(arguments: &UninstallArguments) -> anyhow::Result<ExitStatus> {
    let facts = Facts::gather(layout(arguments.user)?)?;
    if !arguments.dry_run {
        facts.require_permission("uninstall")?;
    }
    carry_out(
        &plan::uninstall(&facts, arguments.purge)?,
        arguments.dry_run,
    )
}

fn layout(user: bool) -> anyhow::Result<Layout> {
    Layout::new(if user { Scope::User } else { Scope::System })
}

fn carry_out(plan: &Plan, dry_run: bool) -> anyhow::Result<ExitStatus> {
    for step in &plan.steps {
        print(step);
        if !dry_run {
            step.perform()?;
        }
    }
    if dry_run {
        print(
            "\nThis was a dry run: nothing has been changed. What would be said after the steps above are done:",
        );
    }
    for advice in &plan.advice {
        print(format_args!("\n{advice}"));
    }
    Ok(ExitStatus::Success)
}
