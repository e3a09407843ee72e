//! `@roman`: writes numbers as the Romans did. The protocol of docs/modules.md in Rust.

use std::io::{self, BufRead as _, Write as _};

use serde::{Deserialize, Serialize};

/// What the bot's module host says; what later versions say besides is passed over.
#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Said {
    Call {
        id: String,
        parameters: Vec<String>,
    },
    #[serde(other)]
    Other,
}

/// What we say.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Say {
    Hello {
        protocol: u32,
        binds: [&'static str; 1],
        channels: [&'static str; 1],
        help: serde_json::Value,
        risk: &'static str,
    },
    Result {
        call: String,
        messages: [Message; 1],
    },
}

#[derive(Serialize)]
struct Message {
    text: String,
}

const NUMERALS: [(u32, &str); 13] = [
    (1000, "M"),
    (900, "CM"),
    (500, "D"),
    (400, "CD"),
    (100, "C"),
    (90, "XC"),
    (50, "L"),
    (40, "XL"),
    (10, "X"),
    (9, "IX"),
    (5, "V"),
    (4, "IV"),
    (1, "I"),
];

fn roman(mut number: u32) -> String {
    let mut text = String::new();
    for (value, numeral) in NUMERALS {
        while number >= value {
            text.push_str(numeral);
            number -= value;
        }
    }
    text
}

fn answer(parameters: &[String]) -> String {
    match parameters.first().and_then(|word| word.parse().ok()) {
        Some(number @ 1..=3999) => format!("{number} is {}", roman(number)),
        _ => "`@roman 1984`; the Romans had numbers from 1 to 3999".to_owned(),
    }
}

fn say(line: &Say) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    serde_json::to_writer(&mut stdout, line)?;
    stdout.write_all(b"\n")?;
    stdout.flush()
}

fn main() -> io::Result<()> {
    say(&Say::Hello {
        protocol: 1,
        binds: ["@roman"],
        channels: ["any"],
        help: serde_json::json!({ "": { "description": "writes a number as the Romans did", "arguments": "<number>" } }),
        risk: "read",
    })?;
    for line in io::stdin().lock().lines() {
        if let Said::Call { id, parameters } = serde_json::from_str(&line?)? {
            let text = answer(&parameters);
            say(&Say::Result { call: id, messages: [Message { text }] })?;
        }
    }
    Ok(())
}
