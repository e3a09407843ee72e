//! Text for posts: splitting at the server's limit, and making foreign text harmless.

mod cut;
mod fence;
mod foreign;
mod shell;
mod split;
mod table;

pub use foreign::{inline_code, is_invisible, neutralise, one_line, without_channel_mentions};
pub use shell::shell_word;
pub use split::{LEAST_LIMIT, MOST_PARTS, Rendered, render, split, unattached};
