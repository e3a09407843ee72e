//! A date as HTTP writes it, for a server whose clock is wrong.

/// `milliseconds` since 1970 as the `Date` header has it (RFC 9110, IMF-fixdate).
pub(crate) fn http_date(milliseconds: i64) -> String {
    const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
    const MONTHS: [&str; 12] = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ];
    let seconds = u64::try_from(milliseconds / 1000).unwrap_or(0);
    let time = std::time::UNIX_EPOCH + std::time::Duration::from_secs(seconds);
    // RFC 3339 has the parts: 2026-11-21T10:21:45Z.
    let rfc3339 = humantime::format_rfc3339_seconds(time).to_string();
    let mut parts = rfc3339.split(['-', 'T', 'Z']);
    let mut next = || parts.next().unwrap_or_default().to_owned();
    let (year, month, day, clock) = (next(), next(), next(), next());
    let month = month.parse::<usize>().unwrap_or(1).saturating_sub(1);
    let weekday = DAYS[usize::try_from(seconds / 86_400 % 7).unwrap_or(0)];
    format!(
        "{weekday}, {day} {} {year} {clock} GMT",
        MONTHS.get(month).unwrap_or(&"Jan")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_is_written_as_http_has_it() {
        assert_eq!(http_date(0), "Thu, 01 Jan 1970 00:00:00 GMT");
        assert_eq!(
            http_date(1_795_256_505_896),
            "Sat, 21 Nov 2026 10:21:45 GMT"
        );
    }
}
