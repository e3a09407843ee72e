//! `matterbot module new`: a module that works, to be changed into the one that is wanted.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow};

use crate::command::table;
use crate::config::{self, Environment};
use crate::lifecycle::ExitStatus;
use crate::lifecycle::terminal::print;
use crate::text::shell_word;

/// The arguments of `matterbot module`.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Write a small module that works, to start from
    New(New),
}

/// The arguments of `matterbot module new`.
#[derive(Debug, clap::Args)]
struct New {
    /// The module's name: small letters, digits and `_`, a letter first
    #[arg(value_parser = name)]
    name: String,
    /// The language that it is written in
    #[arg(long, value_enum, default_value = "python")]
    lang: Language,
    /// The folder of the modules [default: Modules.commanddir of the configuration]
    #[arg(long, value_name = "FOLDER")]
    folder: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Language {
    /// Python, in the shape of upstream's modules
    Python,
    /// POSIX shell, as an example of any other language; needs jq
    Sh,
}

/// A file of a new module.
struct File {
    name: &'static str,
    text: &'static str,
    mode: u32,
}

impl Language {
    fn files(self) -> &'static [File] {
        match self {
            Self::Python => &[
                File {
                    name: "command.py",
                    text: include_str!("scaffold/command.py"),
                    mode: 0o644,
                },
                File {
                    name: "defaults.py",
                    text: include_str!("scaffold/defaults.py"),
                    mode: 0o644,
                },
            ],
            Self::Sh => &[File {
                name: "command",
                text: include_str!("scaffold/command.sh"),
                mode: 0o755,
            }],
        }
    }
}

/// Does what `arguments` say.
///
/// # Errors
/// There is a module of this name, or the folder cannot be written.
pub fn run(options: &config::Options, arguments: &Arguments) -> anyhow::Result<ExitStatus> {
    let Command::New(new) = &arguments.command;
    let folder = match &new.folder {
        Some(folder) => folder.clone(),
        None => configured(options)?,
    };
    let module = folder.join(&new.name);
    refuse_existing(&folder, &new.name)?;
    fs::create_dir_all(&module).with_context(|| format!("making {}", module.display()))?;
    for file in new.lang.files() {
        let path = module.join(file.name);
        write(&path, &file.text.replace("NAME", &new.name), file.mode)
            .with_context(|| format!("writing {}", path.display()))?;
        print(format_args!("wrote {}", path.display()));
    }
    let name = &new.name;
    let place = match &new.folder {
        Some(folder) => format!(" --folder {}", shell_word(&folder.to_string_lossy())),
        None => String::new(),
    };
    print(format_args!(
        "\nTry it:            matterbot try{place} '@{name} hello'\n\
         Put into service:  @reload (in the chat, as an admin)\n\
         Make available:    @bind {name} (in each channel that is to have it)"
    ));
    Ok(ExitStatus::Success)
}

/// Words that are the bot's beside those of its table: MatterBot's own about feeds.
const RESERVED: [&str; 5] = ["subscribe", "sub", "unsubscribe", "unsub", "feeds"];

/// A name that is a folder, a package of Python and a word in the chat.
fn name(text: &str) -> Result<String, String> {
    let fits = text.starts_with(|first: char| first.is_ascii_lowercase())
        && text.len() <= 40
        && text
            .chars()
            .all(|each| each.is_ascii_lowercase() || each.is_ascii_digit() || each == '_');
    if table::named(text).is_some() || RESERVED.contains(&text) {
        Err(format!(
            "@{text} is a word of the bot itself, so nobody could call the module by it"
        ))
    } else if fits {
        Ok(text.to_owned())
    } else {
        Err("a name has small letters, digits and `_`, starts with a letter, and is at most 40 long".to_owned())
    }
}

/// Two folders that differ in case only would be one module, and a folder hides a file of Python that has its name.
fn refuse_existing(folder: &Path, name: &str) -> anyhow::Result<()> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let same = entries.map(|entry| entry.path()).find(|path| {
        let is_python = path.extension().is_some_and(|ending| ending == "py");
        let known = path.file_name();
        let known = known.filter(|_| !is_python).or(path.file_stem());
        known.is_some_and(|known| known.eq_ignore_ascii_case(name))
    });
    match same {
        Some(path) => Err(anyhow!(
            "{} is there already: choose another name, or remove it; nothing has been written",
            path.display()
        )),
        None => Ok(()),
    }
}

/// The folder that the configuration names, whatever else is wrong with it.
fn configured(options: &config::Options) -> anyhow::Result<PathBuf> {
    let path = config::find(options.path.as_deref()).context(
        "name the folder of the modules with --folder, or a configuration that tells it",
    )?;
    let (modules, _) = config::modules(&path, &Environment::of_process())?;
    Ok(modules.commanddir)
}

fn write(path: &Path, text: &str, mode: u32) -> std::io::Result<()> {
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(mode)
        .open(path)?;
    file.write_all(text.as_bytes())
}
