//! A process that is to end when the one that started it is gone, however that ends: SIGKILL leaves no time to tell.

use std::io;

use rustix::process::{Signal, getppid, set_parent_process_death_signal};

/// From now on the kernel sends us SIGTERM when the thread that started us ends (`PR_SET_PDEATHSIG` of prctl(2); an exec
/// keeps it).
///
/// # Errors
/// The kernel refuses; or `parent` is not the process that started us, or not any more: it may have ended before.
pub fn end_with(parent: u32) -> io::Result<()> {
    set_parent_process_death_signal(Some(Signal::TERM))?;
    let now = getppid().map(|parent| parent.as_raw_nonzero().get());
    if now.and_then(|now| u32::try_from(now).ok()) == Some(parent) {
        return Ok(());
    }
    let text = format!(
        "process {parent}, without which this one is to end, has not started it or is gone"
    );
    Err(io::Error::other(text))
}
