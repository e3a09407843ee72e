//! Indicators of compromise: what kind a parameter is, and which modules take it.
//!
//! Kinds and their order of detection are upstream's (`cmdutils.classify`), so that a word asks the same modules as it
//! does there.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::catalogue::Module;

/// What kind an indicator is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// An IPv4 address.
    Ip,
    /// An IPv6 address.
    Ipv6,
    /// A range of addresses.
    Cidr,
    /// A host or domain name with a dot.
    Domain,
    /// An `http` or `https` address.
    Url,
    /// A hash of 32 hexadecimal digits.
    Md5,
    /// A hash of 40 hexadecimal digits.
    Sha1,
    /// A hash of 64 hexadecimal digits.
    Sha256,
}

impl Kind {
    /// All kinds.
    pub const ALL: [Self; 8] = [
        Self::Ip,
        Self::Ipv6,
        Self::Cidr,
        Self::Domain,
        Self::Url,
        Self::Md5,
        Self::Sha1,
        Self::Sha256,
    ];

    /// The word by which modules name it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Ip => "ip",
            Self::Ipv6 => "ipv6",
            Self::Cidr => "cidr",
            Self::Domain => "domain",
            Self::Url => "url",
            Self::Md5 => "md5",
            Self::Sha1 => "sha1",
            Self::Sha256 => "sha256",
        }
    }
}

/// Whether `module` takes an indicator of this kind as its first parameter; a parameter of no kind is taken by those only
/// that take anything. Words that name no kind do not count: a module with none but such takes anything.
#[must_use]
pub fn takes(module: &Module, kind: Option<Kind>) -> bool {
    let words = module.accepts.iter().flatten();
    let mut known = words
        .filter(|word| Kind::ALL.iter().any(|kind| kind.word() == word.as_str()))
        .peekable();
    known.peek().is_none() || known.any(|word| kind.is_some_and(|kind| kind.word() == word))
}

/// What kind `parameter` is, defanged or not; `None` if it is no indicator.
#[must_use]
pub fn classify(parameter: &str) -> Option<Kind> {
    let raw = parameter.trim();
    if !raw.is_empty() && raw.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        match raw.len() {
            64 => return Some(Kind::Sha256),
            40 => return Some(Kind::Sha1),
            32 => return Some(Kind::Md5),
            _ => {}
        }
    }
    let value = refang(raw);
    if has_scheme(&value, "http") {
        return Some(Kind::Url);
    }
    match address(&value) {
        Some(IpAddr::V4(_)) => return Some(Kind::Ip),
        Some(IpAddr::V6(_)) => return Some(Kind::Ipv6),
        None => {}
    }
    if is_network(&value) {
        return Some(Kind::Cidr);
    }
    is_hostname(&value).then_some(Kind::Domain)
}

/// `value` without the usual means that keep an indicator from being clicked on.
fn refang(value: &str) -> String {
    let mut refanged = value.to_owned();
    for (defanged, sign) in [
        ("[.]", "."),
        ("(.)", "."),
        ("{.}", "."),
        ("[:]", ":"),
        ("[@]", "@"),
        ("(@)", "@"),
    ] {
        refanged = refanged.replace(defanged, sign);
    }
    if has_scheme(&refanged, "hxxp")
        && let Some(rest) = refanged.get("hxxp".len()..)
    {
        refanged = format!("http{rest}");
    }
    refanged
}

/// Whether `value` begins with `scheme`, or that with an `s`, and `://`; in any case.
fn has_scheme(value: &str, scheme: &str) -> bool {
    let Some((found, _)) = value.split_once("://") else {
        return false;
    };
    let found = found.to_ascii_lowercase();
    found.strip_suffix('s').unwrap_or(&found) == scheme
}

/// An address; one of IPv6 may name its zone.
fn address(value: &str) -> Option<IpAddr> {
    let bare = match value.split_once('%') {
        Some((bare, zone)) if !zone.is_empty() && !zone.contains('%') => bare,
        Some(_) => return None,
        None => return value.parse().ok(),
    };
    bare.parse::<Ipv6Addr>().ok().map(IpAddr::V6)
}

/// An address with a length of its prefix, or with a mask or host mask in IPv4; bits of the host may be set.
fn is_network(value: &str) -> bool {
    let Some((start, mask)) = value.split_once('/') else {
        return false;
    };
    let is_number = !mask.is_empty() && mask.bytes().all(|byte| byte.is_ascii_digit());
    let length = mask.parse::<u32>().ok().filter(|_| is_number);
    match address(start) {
        Some(IpAddr::V6(_)) => length.is_some_and(|length| length <= 128),
        Some(IpAddr::V4(_)) => match length {
            Some(length) => length <= 32,
            None => mask.parse::<Ipv4Addr>().is_ok_and(is_mask),
        },
        None => false,
    }
}

/// Whether the bits that are set stand together at one end.
fn is_mask(mask: Ipv4Addr) -> bool {
    let bits = u32::from(mask);
    bits.leading_ones() + bits.trailing_zeros() >= 32
        || bits.leading_zeros() + bits.trailing_ones() >= 32
}

/// Labels with a dot between them, the last one of letters only.
fn is_hostname(value: &str) -> bool {
    let Some((labels, top)) = value.rsplit_once('.') else {
        return false;
    };
    value.len() <= 253
        && (2..=63).contains(&top.len())
        && top.bytes().all(|byte| byte.is_ascii_alphabetic())
        && labels.split('.').all(is_label)
}

fn is_label(label: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    (1..=63).contains(&label.len())
        && label.bytes().all(allowed)
        && !label.starts_with('-')
        && !label.ends_with('-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn indicators_are_of_upstreams_kinds() {
        let hash = |digits: usize| "aB3".repeat(22).chars().take(digits).collect::<String>();
        let (md5, sha1, sha256) = (hash(32), hash(40), hash(64));
        for (parameter, kind) in [
            ("8.8.8.8", Some(Kind::Ip)),
            (" 8[.]8(.)8{.}8 ", Some(Kind::Ip)),
            ("08.8.8.8", None),
            ("2001:db8::1", Some(Kind::Ipv6)),
            ("2001[:]db8::1", Some(Kind::Ipv6)),
            ("fe80::1%eth0", Some(Kind::Ipv6)),
            ("8.8.8.8/24", Some(Kind::Cidr)),
            ("8.8.8.0/255.255.255.0", Some(Kind::Cidr)),
            ("8.8.8.0/0.0.0.255", Some(Kind::Cidr)),
            ("8.8.8.0/255.0.255.0", None),
            ("8.8.8.8/33", None),
            ("8.8.8.8/", None),
            ("8.8.8.8/+8", None),
            ("2001:db8::/32", Some(Kind::Cidr)),
            ("2001:db8::/129", None),
            ("Example.ORG", Some(Kind::Domain)),
            ("example[.]org", Some(Kind::Domain)),
            ("example.org.", None),
            ("-a.example", None),
            ("localhost", None),
            ("example.c0m", None),
            ("someone@example.org", None),
            ("https://example.org/x", Some(Kind::Url)),
            ("hXXps://example[.]org/x", Some(Kind::Url)),
            ("HTTP://8.8.8.8", Some(Kind::Url)),
            ("ftp://example.org", None),
            (md5.as_str(), Some(Kind::Md5)),
            (sha1.as_str(), Some(Kind::Sha1)),
            (sha256.as_str(), Some(Kind::Sha256)),
            ("abc", None),
            ("", None),
        ] {
            assert_eq!(classify(parameter), kind, "{parameter:?}");
        }
    }

    #[test]
    fn a_module_takes_what_it_says_and_anything_if_it_says_nothing_known() {
        let module = |accepts: Option<&[&str]>| Module {
            accepts: accepts.map(|words| words.iter().map(|word| (*word).to_owned()).collect()),
            ..Module::default()
        };
        assert!(takes(&module(Some(&["ip", "url"])), Some(Kind::Url)));
        assert!(!takes(&module(Some(&["ip"])), Some(Kind::Ipv6)));
        assert!(!takes(&module(Some(&["ip"])), None));
        for anything in [None, Some(&[][..]), Some(&["ipv4"][..])] {
            assert!(takes(&module(anything), None));
            assert!(takes(&module(anything), Some(Kind::Md5)));
        }
    }
}
