//! The section `Feeds`: native feeds. Only the feed process reads it, which is no part of this version.

use super::diagnostic::Severity;
use super::notes::Text;
use super::section::Section;
use super::tree::Tree;

/// Takes any section without looking into it, and says that nothing comes of it.
pub(super) fn read(root: &mut Section<'_, '_>) {
    match root.take("Feeds") {
        None => {}
        Some(Tree::Section(feeds)) if feeds.is_empty() => {}
        Some(Tree::Section(_)) => {
            let text =
                Text::new("the feed process that reads this section is no part of this version");
            root.notes
                .key(Severity::Warning, &["Feeds".to_owned()], text);
        }
        Some(_) => root.error(
            "Feeds",
            Text::new("expected a section with a key for each feed"),
        ),
    }
}
