//! Who is mentioned in a message.

use std::collections::BTreeSet;

use super::State;
use super::channels::Channel;

/// The words after an `@`, lower case, outside of code; without what ends a sentence.
fn at_words(message: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut in_code = false;
    let mut previous = ' ';
    let mut characters = message.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '`' => {
                while characters.next_if_eq(&'`').is_some() {}
                in_code = !in_code;
            }
            '@' if !in_code && !previous.is_alphanumeric() => {
                let mut word = String::new();
                while let Some(part) =
                    characters.next_if(|c| c.is_ascii_alphanumeric() || "._-".contains(*c))
                {
                    word.push(part.to_ascii_lowercase());
                }
                if !word.is_empty() {
                    words.push(word);
                }
            }
            _ => {}
        }
        previous = character;
    }
    words
}

impl State {
    /// Those who find themselves in `mentions` of the post's event; never its author.
    pub(crate) fn mentioned(
        &self,
        channel: &Channel,
        author: &str,
        message: &str,
    ) -> BTreeSet<String> {
        let mut mentioned = BTreeSet::new();
        let others = || channel.members.keys().filter(|id| id.as_str() != author);
        let active = |id: &&String| {
            self.accounts
                .get(*id)
                .is_some_and(|account| account.delete_at == 0)
        };
        if matches!(channel.kind.as_str(), "D" | "G") {
            mentioned.extend(others().cloned());
        }
        for word in at_words(message) {
            let trimmed = word.trim_end_matches(['.', '-', '_']);
            match trimmed {
                "all" | "channel" => mentioned.extend(others().filter(active).cloned()),
                "here" => mentioned.extend(
                    others()
                        .filter(active)
                        .filter(|id| self.is_online(id))
                        .cloned(),
                ),
                _ => {
                    let named = self
                        .account_by_name(&word)
                        .or_else(|| self.account_by_name(trimmed));
                    let named = named.filter(|account| account.id != author);
                    let member = named.filter(|account| channel.members.contains_key(&account.id));
                    mentioned.extend(member.map(|account| account.id.clone()));
                }
            }
        }
        mentioned
    }

    fn is_online(&self, id: &str) -> bool {
        self.accounts
            .get(id)
            .is_some_and(|account| account.status == "online")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_outside_of_code_and_addresses() {
        assert_eq!(at_words("@Olga: hi @matter-bot."), ["olga", "matter-bot."]);
        assert_eq!(
            at_words("mail a@b.c, `@olga`, ```\n@olga\n``` @pat"),
            ["pat"]
        );
        assert!(at_words("matter-bot without at, @ alone").is_empty());
    }
}
