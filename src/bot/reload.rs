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
}

/// Reads everything again, and swaps it in one instant; with `dry_run` nothing is swapped. One reload at a time.
///
/// # Errors
/// The configuration has errors; nothing has changed.
pub async fn reload(context: &Arc<Context>, dry_run: bool) -> Result<Report, Invalid> {
    let _turn = context.reloading.lock().await;
    let old = context.settings();
    let environment = Environment::of_process();
    let loaded = config::load(&old.config.file, &environment, context.strict)?;
    let mut report = Report {
        dry_run,
        changed: difference::changed(&old.config, &loaded.config),
        warnings: loaded.warnings,
        token_trouble: None,
    };
    if dry_run {
        return Ok(report);
    }
    if let Err(error) = context.api.change_token(&loaded.config.matterbot.token) {
        report.token_trouble = Some(causes(&error).to_string());
    }
    let settings = Settings::new(difference::adopt(&old.config, loaded.config));
    let settings = Arc::new(settings);
    context.settings.send_replace(Arc::clone(&settings));
    context.tell(Event::Reloaded(settings));
    Ok(report)
}
