//! The script that imports, forks and calls Python modules, in a real `python3` and without the module host.

mod answers;
mod conduct;
mod importing;
pub(crate) mod interpreter;
mod lives;
mod oddities;
mod requests;
