//! One party of the three: see `mcmix-server --help`.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use base64ct::{Base64UrlUnpadded, Encoding as _};
use clap::{Args, Parser, Subcommand};
use mcmix_server::config::demo::{self, DemoOptions};
use mcmix_server::config::mistake::Mistakes;
use mcmix_server::config::{Assignment, Config, page_origin};
use mcmix_server::doctor;
use mcmix_server::keys::folder::{KeyFiles, Made};
use mcmix_server::log::{self, Log};
use mcmix_server::process::{self, Asked, Signals};
use mcmix_server::server::{Ready, Server};

/// One party of MCMix: takes shares from clients, computes rounds with its two peers, replies.
#[derive(Parser)]
#[command(version, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Runs this party until it is told to stop (Ctrl-C or SIGTERM).
    Run(ConfigArgs),
    /// Checks the configuration and the files that it names.
    CheckConfig(ConfigArgs),
    /// Makes this party's keys and prints what the other operators need; where they are there already,
    /// it prints that again.
    Keygen {
        /// Folder for the key files.
        #[arg(long, alias = "dir")]
        folder: PathBuf,
        /// Makes a new certificate and its key, and leaves the Noise key as it is.
        #[arg(long)]
        renew_tls: bool,
    },
    /// Looks at a deployment from outside, as a browser sees it, and says all that is wrong.
    Doctor(DoctorArgs),
    /// Writes a whole deployment for this machine: three configurations, keys, manifest.
    DemoConfig(DemoArgs),
}

#[derive(Args)]
struct ConfigArgs {
    /// The configuration file; mpc-server/config/party0.toml explains every key.
    #[arg(long)]
    config: PathBuf,
    /// Sets one key over file and environment, such as clients.listen=127.0.0.1:8000.
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
}

#[derive(Args)]
struct DoctorArgs {
    /// The manifest: a file, or the address of the page's deployment.json.
    #[arg(value_name = "MANIFEST_OR_URL")]
    manifest: String,
    /// Origin of the page: what the browser's address bar shows up to the first lone slash. Where it
    /// is left out, that of the manifest's address.
    #[arg(long, value_parser = page_origin)]
    origin: Option<String>,
}

#[derive(Args)]
struct DemoArgs {
    /// Folder to write into. Keys that are there already stay.
    #[arg(long, alias = "dir")]
    folder: PathBuf,
    /// What people call the deployment.
    #[arg(long, default_value = "Demo")]
    name: String,
    /// Ports for clients, P0's first; 0 takes a free one.
    #[arg(long, value_delimiter = ',', default_values_t = [8000, 8001, 8002])]
    client_ports: Vec<u16>,
    /// Ports for peers.
    #[arg(long, value_delimiter = ',', default_values_t = [8100, 8101, 8102])]
    peer_ports: Vec<u16>,
    /// Ports for operators.
    #[arg(long, value_delimiter = ',', default_values_t = [8200, 8201, 8202])]
    admin_ports: Vec<u16>,
    /// Rows that a client hands in for every conversation round, 3 to 16.
    #[arg(long, default_value_t = 3)]
    slots: u8,
    /// Bytes of a message.
    #[arg(long, default_value_t = 256)]
    message_bytes: u16,
    /// Milliseconds from one conversation round to the next.
    #[arg(long, default_value_t = 1000)]
    conversation_period_ms: u32,
    /// Milliseconds from one dialing round to the next.
    #[arg(long, default_value_t = 2000)]
    dialing_period_ms: u32,
    /// Folder of the built page, which P0 serves.
    #[arg(long)]
    page: Option<PathBuf>,
    /// Milliseconds added to every message between parties.
    #[arg(long, default_value_t = 0)]
    delay_ms: u64,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    match run(cli.command) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("mcmix-server: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> Result<ExitCode, Box<dyn Error>> {
    match command {
        Command::Run(args) => {
            let ready = examine(&args)?;
            let said = ready.log().clone();
            let log = log::start(said.level.or_environment()?, said.format);
            process::run(run_party(ready, &args, &log))?
        }
        Command::CheckConfig(args) => {
            let ready = examine(&args)?;
            println!("{}: ready to run", args.config.display());
            let (room, limit) = (ready.room().clients(), ready.room().limit());
            println!("room for {room} clients at a time; the system allows {limit} open files");
            let first = Base64UrlUnpadded::encode_string(&ready.deployment().realm().deployment);
            println!("`first` of later manifests: {first}");
            Ok(ExitCode::SUCCESS)
        }
        Command::Keygen { folder, renew_tls } => {
            keygen(&folder, renew_tls).map(|()| ExitCode::SUCCESS)
        }
        Command::Doctor(args) => process::run(doctor(args))?,
        Command::DemoConfig(args) => demo_config(args).map(|()| ExitCode::SUCCESS),
    }
}

/// Runs a party to its end, of which the log tells: the standard error stream may take nothing.
async fn run_party(ready: Ready, args: &ConfigArgs, log: &Log) -> Result<ExitCode, Box<dyn Error>> {
    let mut signals = Signals::listen()?;
    let server = Server::start(ready).await?;
    loop {
        tokio::select! {
            asked = signals.next() => match asked {
                Asked::Reread => reread(args, log),
                Asked::Stop => {
                    server.stop().await;
                    return Ok(ExitCode::SUCCESS);
                }
            },
            () = server.failed() => {
                server.stop().await;
                tracing::error!("stopped on a fault");
                return Ok(ExitCode::FAILURE);
            }
        }
    }
}

async fn doctor(args: DoctorArgs) -> Result<ExitCode, Box<dyn Error>> {
    let deployment = doctor::manifest(&args.manifest).await?;
    let origin = args.origin.or_else(|| doctor::origin_of(&args.manifest));
    if origin.is_none() {
        println!("no origin: whether the page may connect is not looked at; --origin names it");
    }
    let most = doctor::patience(&deployment).as_secs();
    println!("looking; a round is waited for, up to {most} s");
    let report = doctor::examine(&deployment, origin.as_deref()).await;
    println!("{report}");
    Ok(match report.findings().next() {
        None => ExitCode::SUCCESS,
        Some(_) => ExitCode::FAILURE,
    })
}

/// Reads how much is logged anew.
fn reread(args: &ConfigArgs, log: &Log) {
    let levels = Config::load(&args.config, environment(), &args.set)
        .map_err(|mistakes| mistakes.to_string())
        .and_then(|config| {
            config
                .log
                .level
                .or_environment()
                .map_err(|error| error.to_string())
        });
    match levels {
        Ok(levels) => {
            log.set(levels);
            tracing::info!("SIGHUP: log.level was read anew; all else is read at start");
        }
        Err(error) => tracing::warn!("SIGHUP: nothing was read anew: {error}"),
    }
}

fn examine(args: &ConfigArgs) -> Result<Ready, Mistakes> {
    Ready::examine(&args.config, environment(), &args.set)
}

fn environment() -> impl Iterator<Item = Assignment> {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
}

fn keygen(folder: &Path, renew: bool) -> Result<(), Box<dyn Error>> {
    let files = KeyFiles::in_folder(folder);
    if renew {
        let fingerprint = files.renew_tls()?;
        println!(
            "a new certificate is in {}, the one before beside it as tls.crt.old and tls.key.old",
            folder.display()
        );
        println!("for the peers ({{next,prev}}_fingerprint):  {fingerprint}");
        println!(
            "there are no rounds from your restart until both peers have it and restarted, too"
        );
        return Ok(());
    }
    let public = match files.make()? {
        Made::New(public) => {
            println!("keys written to {}", folder.display());
            public
        }
        Made::There(public) => {
            println!(
                "the keys in {} were there; nothing was written",
                folder.display()
            );
            public
        }
    };
    let (noise, fingerprint) = (public.noise.to_text(), public.fingerprint);
    println!("for the manifest (servers[…].key):        {noise}");
    println!("for the peers ({{next,prev}}_fingerprint):  {fingerprint}");
    Ok(())
}

fn demo_config(args: DemoArgs) -> Result<(), Box<dyn Error>> {
    let ports = |ports: Vec<u16>| <[u16; 3]>::try_from(ports).map_err(|_| "expected three ports");
    let options = DemoOptions {
        name: args.name,
        slots: args.slots,
        message_bytes: args.message_bytes,
        conversation_period_ms: args.conversation_period_ms,
        dialing_period_ms: args.dialing_period_ms,
        client_ports: ports(args.client_ports)?,
        peer_ports: ports(args.peer_ports)?,
        admin_ports: ports(args.admin_ports)?,
        page: args.page.map(std::path::absolute).transpose()?,
        delay_ms: args.delay_ms,
    };
    let demo = demo::write(&args.folder, &options)?;
    for config in &demo.configs {
        println!("{}", config.display());
    }
    println!("page: {}", demo.page_url);
    Ok(())
}
