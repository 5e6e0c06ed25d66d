//! Sends all that strangers try to three servers on this machine: `./mcmix misuse` starts it.
//!
//! First it prints what each server is to be started with, P0's on the first line, with tabs
//! between; then it reads the numbers of the servers' processes from a line of standard input.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::process::ExitCode;
use std::{env, fs, io};

use anyhow::{Context as _, Result, bail};
use mcmix_native::misuse::{Addresses, Answer, Manner, Row, Stage, run};
use mcmix_shared::manifest::Deployment;
use mcmix_shared::party::PartyId;

#[tokio::main]
async fn main() -> Result<ExitCode> {
    let words: Vec<String> = env::args().skip(1).collect();
    let [folder, clients, peers, admin, names @ ..] = words.as_slice() else {
        bail!("expected: misuse FOLDER CLIENT_PORTS PEER_PORTS ADMIN_PORTS [NAME..]");
    };
    let folder = PathBuf::from(folder);
    let (clients, peers, admin) = (ports(clients)?, ports(peers)?, ports(admin)?);
    let stage = Stage::set(&folder, peers).await?;
    for party in PartyId::ALL {
        println!("{}", stage.settings(party).join("\t"));
    }
    let mut line = String::new();
    io::stdin().read_line(&mut line)?;
    let processes = three(line.split_whitespace().map(str::parse))?;
    let json = fs::read_to_string(folder.join("deployment.json"))?;
    let addresses = clients.into_iter().zip(peers).zip(admin);
    let addresses = addresses.map(|((clients, peers), admin)| {
        Ok::<_, anyhow::Error>(Addresses {
            clients,
            peers,
            admin,
        })
    });
    let target = stage.open(Deployment::from_json(&json)?, three(addresses)?, processes);

    let (mut all, mut good) = (0, 0);
    println!("| name | what it does | answer | seen | others | ms |\n|---|---|---|---|---|---|");
    run(&target, names, Manner::OneByOne, |row| {
        all += 1;
        good += u32::from(row.is_good());
        println!("{}", shown(&row));
    })
    .await?;
    println!("\n{good} of {all} are answered as they should be, with nobody else the worse for it");
    Ok(if good == all {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn shown(row: &Row) -> String {
    let Row {
        class,
        seen,
        others,
        took,
    } = row;
    let seen = match seen {
        Ok(seen) if *seen == class.expected => "as it should be".to_owned(),
        Ok(seen) => format!("**{seen}**"),
        Err(error) => format!("**{error:#}**"),
    };
    let others = match others {
        Ok(()) => "unharmed".to_owned(),
        Err(harm) => format!("**{harm}**"),
    };
    let expected: &Answer = &class.expected;
    format!(
        "| {} | {} | {expected} | {seen} | {others} | {} |",
        class.name,
        class.does,
        took.as_millis()
    )
}

fn ports(text: &str) -> Result<[SocketAddr; 3]> {
    let address = |port: &str| {
        let port = port.parse::<u16>();
        port.map(|port| SocketAddr::from((Ipv4Addr::LOCALHOST, port)))
    };
    three(text.split(',').map(address))
}

fn three<T, E>(parts: impl Iterator<Item = Result<T, E>>) -> Result<[T; 3]>
where
    E: Into<anyhow::Error>,
{
    let parts: Vec<T> = parts.collect::<Result<_, E>>().map_err(Into::into)?;
    <[T; 3]>::try_from(parts).ok().context("expected three")
}
