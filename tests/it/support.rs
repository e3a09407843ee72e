//! What the tests share.

pub(crate) mod faults;
pub(crate) mod notify;
pub(crate) mod playground;
pub(crate) mod program;
