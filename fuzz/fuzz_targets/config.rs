//! An operator's configuration, as a file and as flags: read, or said what is wrong.
#![no_main]

use std::fs;
use std::path::PathBuf;
use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use mcmix_server::config::Config;

const EXAMPLE: &str = include_str!("../../mpc-server/config/party0.toml");

static FILE: LazyLock<PathBuf> =
    LazyLock::new(|| std::env::temp_dir().join(format!("mcmix-fuzz-{}.toml", std::process::id())));

fuzz_target!(|input: (bool, Vec<String>, &str)| {
    let (good, flags, text) = input;
    let text = if good { EXAMPLE } else { text };
    fs::write(&*FILE, text).expect("a temporary file");
    let read = Config::load(&FILE, [], &flags);
    if good && flags.is_empty() {
        read.expect("the example is right");
    }
    let _ = fs::remove_file(&*FILE);
});
