//! What newcomers are told.

/// Newcomers are greeted; none if nobody is to be greeted, or there is nothing to say.
#[must_use]
pub fn welcome(names: &[String], banner: &str, file: &str) -> Option<String> {
    let text = format!("{banner}\n{file}");
    let text = text.trim_end();
    if names.is_empty() || text.trim().is_empty() {
        return None;
    }
    let names: Vec<String> = names.iter().map(|name| format!("@{name}")).collect();
    Some(format!("{}: {text}", names.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn newcomers_are_named_and_nobody_is_told_nothing() {
        let names = ["ann", "bob"].map(str::to_owned);
        assert_eq!(welcome(&names, "Hi!", "").unwrap(), "@ann, @bob: Hi!");
        assert_eq!(
            welcome(&names, "Hi!", "Rules\n").unwrap(),
            "@ann, @bob: Hi!\nRules"
        );
        assert_eq!(welcome(&names, "", " \n"), None);
        assert_eq!(welcome(&[], "Hi!", ""), None);
    }
}
