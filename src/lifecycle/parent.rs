//! A process that is to end when the one that started it is gone, however that ends: SIGKILL leaves no time to tell.

use std::io;

use rustix::process::{Signal, getppid, set_parent_process_death_signal};

/// From now on the kernel sends us SIGTERM when the thread that started us ends (`PR_SET_PDEATHSIG` of prctl(2); an exec
/// keeps it). Says whether `parent` is still the process that started us: it may have ended before.
///
/// # Errors
/// The kernel refuses.
pub fn end_with(parent: u32) -> io::Result<bool> {
    set_parent_process_death_signal(Some(Signal::TERM))?;
    let now = getppid().map(|parent| parent.as_raw_nonzero().get());
    Ok(now.and_then(|now| u32::try_from(now).ok()) == Some(parent))
}
