//! The keys that say which server, which account and which team.

use std::net::Ipv6Addr;

use super::notes::{Text, shown_text};
use super::section::{Section, is_placeholder};

/// Where a server has its API, below its own path.
pub(super) const API_PATH: &str = "/api/v4";

/// A name, or an address without the brackets that an IPv6 address has in a URL.
pub(super) fn host(section: &mut Section<'_, '_>) -> String {
    let host = section.required_text("host", "the host name of your Mattermost server");
    let bare = host
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
        .unwrap_or(&host);
    if bare.parse::<Ipv6Addr>().is_ok() {
        return bare.to_owned();
    }
    let fits = |character: char| character.is_alphanumeric() || "-._".contains(character);
    let (message, help) = if host.contains("://") {
        (
            "contains a scheme",
            "write the name alone; http or https is the key `scheme`",
        )
    } else if host.contains('/') {
        (
            "contains a slash",
            "write the name alone; a path belongs into `basepath`, before /api/v4",
        )
    } else if host.contains(':') {
        (
            "contains a port",
            "write the name alone; the port is the key `port`",
        )
    } else if !host.chars().all(fits) {
        (
            "contains a character that no host name has",
            "write the name alone, such as chat.example.org",
        )
    } else {
        return host;
    };
    if !is_placeholder(&host) {
        section.error(
            "host",
            Text::new(format!("{message}: {}", shown_text(&host))).help(help),
        );
    }
    host
}

pub(super) fn basepath(section: &mut Section<'_, '_>) -> String {
    let Some(text) = section.text("basepath") else {
        return API_PATH.to_owned();
    };
    let path = text.trim_end_matches('/');
    if path.starts_with('/') && path.ends_with(API_PATH) && !path.contains(['?', '#', ' ']) {
        return path.to_owned();
    }
    let text = Text::new(format!(
        "expected a path that ends in {API_PATH}, got {}",
        shown_text(&text)
    ));
    section.error(
        "basepath",
        text.help("for a server below /chat write /chat/api/v4"),
    );
    API_PATH.to_owned()
}

pub(super) fn username(section: &mut Section<'_, '_>) -> Option<String> {
    let name = section
        .text("username")?
        .trim()
        .trim_start_matches('@')
        .to_owned();
    if is_placeholder(&name) {
        section.warning(
            "username",
            Text::new("is still the placeholder; the token alone says who the bot is"),
        );
        return None;
    }
    if name.eq_ignore_ascii_case("matterbot") {
        let text = Text::new("servers reserve the name `matterbot`: no account can have it");
        section.warning(
            "username",
            text.help("create the bot under another name, such as matter-bot"),
        );
    }
    (!name.is_empty()).then_some(name)
}

pub(super) fn teamname(section: &mut Section<'_, '_>) -> String {
    let name = section.required_text("teamname", "the team's name as in its URL");
    let fits = |character: char| character.is_ascii_alphanumeric() || "-_".contains(character);
    if !name.chars().all(fits) && !is_placeholder(&name) {
        let text = Text::new(format!("is not the name of a team: {}", shown_text(&name)));
        section.error(
            "teamname",
            text.help("write the name as in the team's URL, in lower case, not its title"),
        );
    }
    name
}
