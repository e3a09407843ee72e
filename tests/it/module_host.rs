//! The module host as a process, with modules that are programs.

mod calls;
mod ends;
mod generations;
mod output;
mod python;
mod rig;
mod staging;
mod trial;
mod upstream;
