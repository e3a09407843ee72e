//! Tests of `config`: a file in, diagnostics out.

use matterbot::config::{self, Environment};

#[test]
fn scratch() {
    let report = config::check(
        std::path::Path::new("config.example.yaml"),
        &Environment::default(),
        false,
    );
    println!("{report}");
    println!("{:#?}", config::keys());
    panic!();
}
