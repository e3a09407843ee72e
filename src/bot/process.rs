//! The bot as a process: configuration, logging, a runtime, and a start again in the same process.

use std::panic::resume_unwind;
use std::sync::Arc;
use std::time::Duration;

use crate::config::{self, Config, Environment};
use crate::lifecycle::reexec::Origin;
use crate::lifecycle::{ExitStatus, Outcome};
use crate::logging::{self, Logging};
use crate::tasks::{self, Tasks};

use super::supervision::Launch;
use super::{Bot, Ended, StartFailure};

/// How long the last lines of the log may hold the end.
const LAST_LINES: Duration = Duration::from_millis(500);
/// How long a file operation that does not return may hold the end.
const LAST_FILES: Duration = Duration::from_millis(500);

/// Serves, and starts anew as often as it is asked to.
///
/// # Errors
/// What keeps the bot from starting, with the exit status for it.
pub fn serve(options: &config::Options, origin: &Origin) -> Result<ExitStatus, StartFailure> {
    let environment = Environment::of_process();
    let mut logging: Option<Arc<Logging>> = None;
    let mut mishap = None;
    loop {
        let path = config::find(options.path.as_deref()).map_err(StartFailure::configuration)?;
        let loaded = config::load(&path, &environment, options.strict)
            .map_err(StartFailure::configuration)?;
        let config = loaded.config;
        let debug = options.debug || config.debug;
        let logging = match &logging {
            Some(logging) => Arc::clone(logging),
            None => Arc::clone(logging.insert(Arc::new(logging::start(
                &config.matterbot.logfile,
                debug,
                environment.journal_stream.as_deref(),
            )?))),
        };
        for warning in &loaded.warnings {
            tracing::warn!("{warning}");
        }
        let launch = Launch {
            origin: origin.clone(),
            strict: options.strict,
            mishap: mishap.take(),
        };
        let last_words = Arc::clone(&logging);
        // The runtime is gone before anything is executed in its place.
        let outcome = run(live(config, logging, launch))
            .map_err(|failure| failure.naming(options).logged(&last_words));
        last_words.flush(LAST_LINES);
        match outcome? {
            Outcome::Exit(status) => return Ok(status),
            Outcome::Reexec => {
                let Err(error) = origin.exec();
                tracing::error!(
                    "{} could not be executed, so this process starts again: {error}",
                    origin.program().display()
                );
                mishap = Some(error.to_string());
            }
        }
    }
}

/// Serves until the process is to end; a bot that had no room for its ledger is followed by one that has.
async fn live(
    config: Config,
    logging: Arc<Logging>,
    launch: Launch,
) -> Result<Outcome, StartFailure> {
    let mut resumption = None;
    loop {
        let (config, logging, launch) = (config.clone(), Arc::clone(&logging), launch.clone());
        let Some(bot) = Bot::start(config, logging, launch, resumption.take()).await? else {
            return Ok(Outcome::Exit(ExitStatus::Success));
        };
        match bot.run().await {
            Ended::Process(outcome) => return Ok(outcome),
            Ended::StartOver(next) => resumption = Some(next),
        }
    }
}

/// Runs `bot` as a task of a runtime of its own. The future of `block_on` itself would be woken through the kernel, by a
/// write and another poll for each event.
fn run(
    bot: impl Future<Output = Result<Outcome, StartFailure>> + Send + 'static,
) -> Result<Outcome, StartFailure> {
    let runtime = tasks::runtime()?;
    let ended = runtime.block_on(async { Tasks::new().spawn(bot).await });
    runtime.shutdown_timeout(LAST_FILES);
    // Nobody cancels it, so that it can only have panicked, which the process is to end with.
    ended.unwrap_or_else(|panic| resume_unwind(panic.into_panic()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_operation_that_does_not_return_does_not_hold_the_end() {
        let (release, released) = std::sync::mpsc::channel::<()>();
        let (tell, ended) = std::sync::mpsc::channel();
        let process = std::thread::spawn(move || {
            let outcome = run(async {
                drop(tokio::task::spawn_blocking(move || released.recv()));
                Ok(Outcome::Exit(ExitStatus::Success))
            });
            tell.send(outcome.unwrap()).unwrap();
        });
        let outcome = ended.recv_timeout(Duration::from_secs(20));
        drop(release);
        assert_eq!(outcome, Ok(Outcome::Exit(ExitStatus::Success)));
        process.join().unwrap();
    }
}
