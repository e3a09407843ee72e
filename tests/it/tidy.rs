//! The rules of the sources that no compiler checks: floors, headers, sizes.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// The page whose table tells the floor of each module of the library; it may use only modules of lower floors.
const PAGE: &str = "docs/architecture.md";

/// The most lines of a file.
const LONGEST_FILE: usize = 400;

/// The most lines that nine of ten functions have.
const LONG_FUNCTION: usize = 40;

struct Source {
    path: PathBuf,
    text: String,
}

impl Source {
    /// The module of the library that the file belongs to; none for `lib.rs` and the programs.
    fn module(&self) -> Option<String> {
        let inside = self.path.strip_prefix("src").ok()?;
        let first = inside.components().next()?.as_os_str().to_str()?;
        let module = first.strip_suffix(".rs").unwrap_or(first);
        (!matches!(module, "lib" | "bin")).then(|| module.to_owned())
    }

    /// The modules of the library that the code names, with the number of the line.
    fn uses(&self) -> Vec<(usize, String)> {
        let mut used = Vec::new();
        for (index, line) in self.text.lines().enumerate() {
            if line.trim_start().starts_with("//") {
                continue;
            }
            for rest in line.split("crate::").skip(1) {
                let names = match rest.strip_prefix('{') {
                    Some(group) => group.split('}').next().unwrap_or_default(),
                    None => rest,
                };
                let group = if rest.starts_with('{') {
                    names.split(',').collect()
                } else {
                    vec![names]
                };
                for name in group {
                    let name = name
                        .trim()
                        .split(|each: char| !each.is_alphanumeric() && each != '_')
                        .next();
                    used.push((index + 1, name.unwrap_or_default().to_owned()));
                }
            }
        }
        used
    }

    /// The lengths of its functions in lines, from `fn` to the brace in the same column.
    fn functions(&self) -> Vec<usize> {
        let lines: Vec<&str> = self.text.lines().collect();
        let mut lengths = Vec::new();
        for (start, line) in lines.iter().enumerate() {
            let code = line.trim_start();
            let head = code.split('(').next().unwrap_or_default();
            if code.starts_with("//") || !head.split_whitespace().any(|word| word == "fn") {
                continue;
            }
            let end = format!("{}}}", " ".repeat(line.len() - code.len()));
            let rest = lines.iter().skip(start);
            let length = if line.ends_with(['}', ';']) {
                1
            } else {
                rest.take_while(|line| **line != end).count() + 1
            };
            lengths.push(length);
        }
        lengths
    }
}

/// The floor of each module, as the page's table has it: rows `| floor 1 | what | `one` `another` |`.
struct Floors(BTreeMap<String, usize>);

impl Floors {
    fn read() -> Self {
        let page = fs::read_to_string(PAGE).unwrap_or_else(|error| panic!("{PAGE}: {error}"));
        Self::of_page(&page)
    }

    fn of_page(page: &str) -> Self {
        let mut floors = BTreeMap::new();
        for row in page
            .lines()
            .filter_map(|line| line.strip_prefix("| floor "))
        {
            let cells: Vec<&str> = row.split('|').map(str::trim).collect();
            let [floor, _, modules, ""] = cells[..] else {
                panic!("{PAGE}: a row of the table has not three cells: {row}");
            };
            let floor = floor.parse().expect("a floor has a number");
            let names = modules.split('`').skip(1).step_by(2);
            for module in names {
                let before = floors.insert(module.to_owned(), floor);
                assert_eq!(before, None, "{PAGE}: {module} stands on two floors");
            }
        }
        assert!(!floors.is_empty(), "{PAGE} has no table of floors");
        Self(floors)
    }

    fn of(&self, module: &str) -> Option<usize> {
        self.0.get(module).copied()
    }
}

/// All Rust files under `folder`.
fn sources(folder: &str) -> Vec<Source> {
    let mut sources = Vec::new();
    let mut folders = vec![PathBuf::from(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(&path).unwrap();
                sources.push(Source { path, text });
            }
        }
    }
    assert!(!sources.is_empty(), "no sources under {folder}");
    sources
}

/// Fails with all of `wrong`, a line each.
fn check(wrong: &[String]) {
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn a_module_uses_only_lower_floors() {
    let floors = Floors::read();
    let mut wrong = Vec::new();
    for source in sources("src") {
        let Some(module) = source.module() else {
            continue;
        };
        let path = source.path.display();
        let Some(own) = floors.of(&module) else {
            wrong.push(format!("{path}: the module {module} stands on no floor"));
            continue;
        };
        for (line, used) in source.uses() {
            match floors.of(&used) {
                Some(other) if other >= own && used != module => wrong.push(format!(
                    "{path}:{line}: {module} (floor {own}) uses {used} (floor {other}), which does not lie below it"
                )),
                Some(_) => {}
                None => wrong.push(format!("{path}:{line}: {module} uses {used}, which stands on no floor")),
            }
        }
    }
    check(&wrong);
}

#[test]
fn every_floor_is_in_the_sources() {
    for module in Floors::read().0.keys() {
        assert!(
            Path::new("src").join(module).with_extension("rs").exists(),
            "src/{module}.rs is gone"
        );
    }
}

/// Were the server that we test against made of the client's types, both would share every error.
#[test]
fn the_playground_has_types_of_its_own() {
    let is_client = |used: &str| matches!(used, "mattermost" | "bot" | "ledger");
    let mut wrong = Vec::new();
    for source in sources("src")
        .iter()
        .filter(|source| source.module().as_deref() == Some("playground"))
    {
        for (line, used) in source.uses().iter().filter(|(_, used)| is_client(used)) {
            wrong.push(format!(
                "{}:{line}: the playground uses {used}",
                source.path.display()
            ));
        }
    }
    check(&wrong);
}

#[test]
fn files_have_a_header_and_one_subject() {
    let to_do = [concat!("TO", "DO"), concat!("FIX", "ME")];
    let mut wrong = Vec::new();
    for source in sources("src").into_iter().chain(sources("tests")) {
        let path = source.path.display();
        if !source.text.starts_with("//! ") {
            wrong.push(format!(
                "{path}: the first line does not say what the file is (`//! `)"
            ));
        }
        let length = source.text.lines().count();
        if length > LONGEST_FILE {
            wrong.push(format!(
                "{path}: {length} lines, more than {LONGEST_FILE}: split it by subject"
            ));
        }
        if source.path.ends_with("mod.rs") {
            wrong.push(format!("{path}: a module is foo.rs beside foo/"));
        }
        for (index, line) in source.text.lines().enumerate() {
            if to_do.iter().any(|word| line.contains(word)) {
                wrong.push(format!(
                    "{path}:{}: leave no work behind in comments",
                    index + 1
                ));
            }
        }
    }
    check(&wrong);
}

#[test]
fn nine_of_ten_functions_are_short() {
    let mut lengths: Vec<usize> = sources("src").iter().flat_map(Source::functions).collect();
    lengths.sort_unstable();
    let ninth = lengths.get(lengths.len() * 9 / 10).copied().unwrap_or(0);
    assert!(
        ninth <= LONG_FUNCTION,
        "one of ten functions has {ninth} lines or more"
    );
}

#[test]
#[should_panic(expected = "has no table of floors")]
fn a_page_without_floors_is_none() {
    Floors::of_page("# Architecture\n\n| | what | modules |\n|-|-|-|\n");
}

#[test]
fn the_measures_measure() {
    let source = Source {
        path: PathBuf::from("src/ledger/call.rs"),
        text: "// crate::bot\nuse crate::{id, text::split};\nfn one() {\n    crate::bot::run();\n}\nfn two() {}\n".to_owned(),
    };
    assert_eq!(source.module().as_deref(), Some("ledger"));
    let used: Vec<(usize, &str)> = vec![(2, "id"), (2, "text"), (4, "bot")];
    assert_eq!(
        source.uses(),
        used.into_iter()
            .map(|(line, name)| (line, name.to_owned()))
            .collect::<Vec<_>>()
    );
    assert_eq!(source.functions(), [3, 1]);
    let floors =
        Floors::of_page("| floor 4 | on top | `bot` |\n| floor 0 | values | `id` `text` |\n");
    let known = ["bot", "id", "text", "ledger"].map(|module| floors.of(module));
    assert_eq!(known, [Some(4), Some(0), Some(0), None]);
}
