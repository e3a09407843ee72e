//! A table for a terminal: columns as wide as their widest cell, as far as the line is wide enough for all of them.

/// What is done, one after the other, until a table fits: the column of this number is cut to so many characters; to none,
/// it is left out.
pub(super) type Cut = (usize, usize);

/// What stands below a table that was cut.
const WAS_CUT: &str = "Cut to the width of the line (…); --json has everything.";

/// The distance of two columns.
const GAP: usize = 2;

/// The rows below the head `titles`, in lines of `width` characters as far as `cuts` allow; what others wrote must have
/// been made harmless before.
pub(super) fn columns<const N: usize>(
    titles: [&str; N],
    rows: &[[String; N]],
    cuts: &[Cut],
    width: usize,
) -> String {
    let titles = titles.map(str::to_owned);
    let all = || std::iter::once(&titles).chain(rows);
    let widest = |index: usize| {
        let widths = all().map(|row| row.get(index).map_or(0, |cell| cell.chars().count()));
        widths.max().unwrap_or(0)
    };
    let mut widths: Vec<usize> = (0..N).map(widest).collect();
    let cut = fit(&mut widths, cuts, width);
    let line = |row: &[String; N]| {
        let cells = row.iter().zip(&widths).filter(|(_, width)| **width > 0);
        let padded: Vec<String> = cells
            .map(|(cell, &width)| format!("{:width$}", clipped(cell, width)))
            .collect();
        padded.join("  ").trim_end().to_owned()
    };
    let mut lines: Vec<String> = all().map(line).collect();
    if cut {
        lines.push(format!("\n{WAS_CUT}"));
    }
    lines.join("\n")
}

/// Cuts `widths` until their line fits; says whether that was needed.
fn fit(widths: &mut [usize], cuts: &[Cut], width: usize) -> bool {
    let total = |widths: &[usize]| {
        let shown = widths.iter().filter(|width| **width > 0);
        shown
            .map(|width| width + GAP)
            .sum::<usize>()
            .saturating_sub(GAP)
    };
    let mut cut = false;
    for &(index, least) in cuts {
        let excess = total(widths).saturating_sub(width);
        let Some(column) = widths.get_mut(index) else {
            continue;
        };
        if excess > 0 && *column > least {
            *column = match least {
                0 => 0,
                least => column.saturating_sub(excess).max(least),
            };
            cut = true;
        }
    }
    cut
}

/// `text` in at most `most` characters.
pub(super) fn clipped(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    let mut short: String = text.chars().take(most.saturating_sub(1)).collect();
    short.push('…');
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    const TITLES: [&str; 3] = ["1", "2", "3"];

    fn rows() -> [[String; 3]; 2] {
        [["a", "ä…", "x"], ["longer", "", ""]].map(|row| row.map(str::to_owned))
    }

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let table = columns(TITLES, &rows(), &[(0, 2)], 13);
        assert_eq!(table, "1       2   3\na       ä…  x\nlonger");
    }

    #[test]
    fn a_line_that_is_too_long_is_cut_in_the_order_that_is_named() {
        let cuts = [(0, 4), (2, 0), (1, 1)];
        let says = |width| columns(TITLES, &rows(), &cuts, width);
        assert_eq!(
            says(12),
            format!("1      2   3\na      ä…  x\nlong…\n\n{WAS_CUT}")
        );
        assert_eq!(says(9), format!("1     2\na     ä…\nlon…\n\n{WAS_CUT}"));
        assert_eq!(says(1), format!("1     2\na     …\nlon…\n\n{WAS_CUT}"));
    }

    #[test]
    fn what_is_clipped_shows_it() {
        assert_eq!(clipped("äöü", 3), "äöü");
        assert_eq!(clipped("äöüß", 3), "äö…");
    }
}
