//! Lays out the site: `mcmix-site <app.wasm> <www> <out>` (www/README.md says what goes where).

mod bindings;
mod compress;
mod hash;
mod layout;
mod page;

use std::env;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, Result, bail};

fn main() -> ExitCode {
    let arguments: Vec<PathBuf> = env::args_os().skip(1).map(PathBuf::from).collect();
    match lay_out(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("mcmix-site: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn lay_out(arguments: &[PathBuf]) -> Result<()> {
    let [app, www, out] = arguments else {
        bail!("usage: mcmix-site <app.wasm> <www> <out>");
    };
    let mut files = layout::read(www).with_context(|| format!("{}", www.display()))?;
    files.extend(bindings::generate(app)?);
    let site = page::link(files)?;
    layout::write(&site, out).with_context(|| format!("{}", out.display()))
}
