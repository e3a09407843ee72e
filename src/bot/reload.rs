//! `@reload` and SIGHUP: everything is read and checked beside what is in force, and then swapped in one instant.
//!
//! ```text
//!  configuration read ─▶ valid? ─▶ modules loaded beside those that run ─▶ swapped ─▶ report
//!                          │ no                                              │ dry run: given up ─▶ report
//!                          ▼
//!                       refused: nothing has changed
//! ```

use std::sync::Arc;

use crate::config::difference::{self, Changed};
use crate::config::{self, Diagnostic, Environment, Invalid};

use super::causes::causes;
use super::context::Context;
use super::event::Event;
use super::modules::changes::Changes;
use super::modules::reloading::{Found, adopt, are_wanted, leave, log_failures, no_folder, reread};
use super::settings::Settings;

/// What a reload has changed, or would change.
#[derive(Debug)]
pub struct Report {
    /// Nothing was swapped.
    pub dry_run: bool,
    /// The keys of the configuration whose values are others.
    pub changed: Vec<Changed>,
    /// What is odd about the configuration.
    pub warnings: Vec<Diagnostic>,
    /// Why the new token is not in use, if it is not.
    pub token_trouble: Option<String>,
    /// What it means for the modules.
    pub modules: Changes,
    /// There is a folder of modules now, and there was none before.
    pub new_folder: bool,
    /// That there is no folder of modules, as half a sentence, if there should be one.
    pub no_folder: Option<String>,
    /// Why no host could load the modules, as half a sentence, if none could.
    pub no_host: Option<String>,
}

impl Report {
    /// Whether there is nothing to tell.
    #[must_use]
    pub fn is_silent(&self) -> bool {
        self.changed.is_empty()
            && self.modules.is_silent()
            && !self.new_folder
            && self.no_folder.is_none()
            && self.no_host.is_none()
    }
}

/// Why nothing was reloaded.
#[derive(Debug)]
pub enum Unchanged {
    /// The configuration has errors.
    Invalid(Invalid),
    /// The modules could not be loaded, as half a sentence says.
    Modules(String),
}

/// Reads everything again, and swaps it in one instant; with `dry_run` nothing is swapped. One reload at a time.
///
/// # Errors
/// The configuration has errors, or the modules cannot be loaded; nothing has changed.
pub async fn reload(context: &Arc<Context>, dry_run: bool) -> Result<Report, Unchanged> {
    let _turn = context.reloading.lock().await;
    let old = context.settings();
    let environment = Environment::of_process();
    let loaded = config::load(&old.config.file, &environment, context.strict);
    let loaded = loaded.map_err(Unchanged::Invalid)?;
    let changed = difference::changed(&old.config, &loaded.config);
    let found = context.modules.load(&loaded.config).await;
    let found = found.map_err(Unchanged::Modules)?;
    let mut report = Report {
        dry_run,
        changed,
        warnings: loaded.warnings,
        token_trouble: None,
        modules: Changes::default(),
        new_folder: matches!(found, Found::Folder),
        no_folder: (matches!(found, Found::Nothing) && are_wanted(context, &loaded.config.modules))
            .then(|| no_folder(&loaded.config.modules)),
        no_host: match &found {
            Found::NoHost(reason) => Some(reason.clone()),
            _ => None,
        },
    };
    if dry_run {
        if let Found::Loaded(plan) = found {
            context.modules.give_up();
            report.modules = plan.changes;
            log_failures(&mut report.modules);
        }
        return Ok(report);
    }
    if let Err(error) = context.api.change_token(&loaded.config.matterbot.token) {
        report.token_trouble = Some(causes(&error).to_string());
    }
    let settings = Settings::new(difference::adopt(&old.config, loaded.config));
    let settings = Arc::new(settings);
    context.settings.send_replace(Arc::clone(&settings));
    context.tell(Event::Reloaded(settings));
    report.modules = swap(context, found, &report.changed).await;
    Ok(report)
}

/// Takes what was loaded into service, unless it is what is served already.
async fn swap(context: &Arc<Context>, found: Found, changed: &[Changed]) -> Changes {
    match found {
        Found::Nothing | Found::Folder | Found::NoHost(_) => {
            if matches!(found, Found::Folder) {
                context.modules.wake();
            }
            Changes {
                binds: reread(context).await,
                ..Changes::default()
            }
        }
        Found::Loaded(plan) => {
            // The processes of the modules have these from their start.
            let anew = |changed: &Changed| {
                changed.key.starts_with("Modules.") || changed.key == "Matterbot.command_workers"
            };
            if plan.changes.is_nothing() && !changed.iter().any(anew) {
                leave(context, *plan).await
            } else {
                adopt(context, *plan).await
            }
        }
    }
}
