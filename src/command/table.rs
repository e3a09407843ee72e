//! The table of built-in commands: what dispatches is also what `@help` shows.

/// A command of the bot itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Builtin {
    /// What the asker may run here, or one command explained.
    Help,
    /// How the bot is doing.
    Status,
    /// Which modules are available here.
    Map,
    /// Goes away, comes back, and says so.
    Restart,
    /// Makes modules available in a channel.
    Bind,
    /// Takes modules out of a channel.
    Unbind,
    /// Modules and configuration without a restart.
    Reload,
    /// The last decisions about commands.
    Audit,
    /// Starts a companion.
    Start,
    /// Stops a companion.
    Stop,
    /// Closes the breaker of a companion.
    Reset,
}

impl Builtin {
    /// Whether it is about companions alone, which nobody keeps in this version: help is silent about it.
    #[must_use]
    pub const fn needs_ward(self) -> bool {
        matches!(self, Self::Start | Self::Stop | Self::Reset)
    }
}

/// What a command asks of the person who types it; a greater role may all that a lesser one may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Role {
    /// Anybody who can write to the bot, guests included; needs no look-up.
    Everyone,
    /// Listed in `botoperators` or `botadmins`.
    Operator,
    /// Listed in `botadmins`.
    Admin,
}

/// One built-in as it is dispatched and explained.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Row {
    /// Which command this row is about.
    pub builtin: Builtin,
    /// The word without its sigil, in lower case, unless the configuration renames it.
    pub name: &'static str,
    /// The arguments as `@help` writes them; empty if there are none.
    pub arguments: &'static str,
    /// Who may.
    pub role: Role,
    /// What it does, as a clause (no capital, no full stop) for a list.
    pub summary: &'static str,
    /// Changes what runs: never run from catch-up, and only after its ledger row and audit line are on disk.
    pub lifecycle: bool,
    /// Acts on the channel in which it is typed, and so runs in foreign channels too.
    pub local: bool,
}

/// All built-ins, in the order in which `@help` lists them.
pub const TABLE: [Row; 11] = [
    Row {
        builtin: Builtin::Help,
        name: "help",
        arguments: "[word]",
        role: Role::Everyone,
        summary: "what you may run here, or one command explained",
        lifecycle: false,
        local: false,
    },
    Row {
        builtin: Builtin::Status,
        name: "status",
        arguments: "[name]",
        role: Role::Everyone,
        summary: "how the bot is doing, since when, and what it missed",
        lifecycle: false,
        local: false,
    },
    Row {
        builtin: Builtin::Map,
        name: "map",
        arguments: "",
        role: Role::Everyone,
        summary: "the modules that you may call here",
        lifecycle: false,
        local: true,
    },
    Row {
        builtin: Builtin::Restart,
        name: "restart",
        arguments: "[bot]",
        role: Role::Operator,
        summary: "finish what runs, go away, come back and say so here",
        lifecycle: true,
        local: false,
    },
    Row {
        builtin: Builtin::Bind,
        name: "bind",
        arguments: "MODULE…|*",
        role: Role::Admin,
        summary: "make modules available in this channel",
        lifecycle: false,
        local: true,
    },
    Row {
        builtin: Builtin::Unbind,
        name: "unbind",
        arguments: "MODULE…|*",
        role: Role::Admin,
        summary: "take modules out of this channel",
        lifecycle: false,
        local: true,
    },
    Row {
        builtin: Builtin::Reload,
        name: "reload",
        arguments: "[--dry-run]",
        role: Role::Admin,
        summary: "take modules and configuration into service as they are now",
        lifecycle: true,
        local: false,
    },
    Row {
        builtin: Builtin::Audit,
        name: "audit",
        arguments: "[n]",
        role: Role::Admin,
        summary: "the last decisions: who, what, verdict and why, outcome",
        lifecycle: false,
        local: false,
    },
    of_companion(Builtin::Start, "start", "start a service that I look after"),
    of_companion(Builtin::Stop, "stop", "stop a service that I look after"),
    of_companion(
        Builtin::Reset,
        "reset",
        "let a service that crashed too often start again",
    ),
];

const fn of_companion(builtin: Builtin, name: &'static str, summary: &'static str) -> Row {
    Row {
        builtin,
        name,
        arguments: "NAME",
        role: Role::Operator,
        summary,
        lifecycle: true,
        local: false,
    }
}

// Each row stands where `row` looks for it; this is checked when the program is compiled.
const _: () = {
    let mut index = 0;
    while index < TABLE.len() {
        assert!(TABLE[index].builtin as usize == index);
        index += 1;
    }
};

/// The row of `builtin`; a new variant does not compile until it has one.
#[must_use]
pub const fn row(builtin: Builtin) -> &'static Row {
    const ROWS: &[Row; TABLE.len()] = &TABLE;
    match builtin {
        Builtin::Help => &ROWS[0],
        Builtin::Status => &ROWS[1],
        Builtin::Map => &ROWS[2],
        Builtin::Restart => &ROWS[3],
        Builtin::Bind => &ROWS[4],
        Builtin::Unbind => &ROWS[5],
        Builtin::Reload => &ROWS[6],
        Builtin::Audit => &ROWS[7],
        Builtin::Start => &ROWS[8],
        Builtin::Stop => &ROWS[9],
        Builtin::Reset => &ROWS[10],
    }
}

/// The built-in whose own name is `name`, in any case; renaming is the vocabulary's business.
#[must_use]
pub fn named(name: &str) -> Option<Builtin> {
    TABLE
        .iter()
        .find(|row| row.name.eq_ignore_ascii_case(name))
        .map(|row| row.builtin)
}
