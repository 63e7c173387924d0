//! The command line: one file per family of commands.
//!
//! [`run`] normalizes the arguments, parses them into a [`Command`], and hands it a [`Session`](session::Session).
//! A command gives its exit code or a [`Failure`]; how either is shown is decided here.

mod agent;
mod argv;
mod audit;
mod auth;
mod auth_test;
mod completion;
mod data;
mod database;
mod debug;
mod delete;
mod events;
mod failure;
mod flags;
mod globals;
mod kv;
mod later;
mod lease;
mod list;
mod login;
mod monitor;
mod mounts;
mod namespace;
mod operator;
mod path_help;
mod plugin;
mod policy;
mod print;
mod proxy;
mod read;
mod rehearsal;
mod run;
mod secrets;
mod server;
mod session;
mod status;
mod token;
mod token_helper;
mod unwrap;
mod up;
mod version;
mod version_history;
mod write;

use std::future::Future;
use std::path::Path;

use clap::error::ErrorKind;
use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};

use failure::{DONE, Failure, LOCAL, Outcome};
use globals::Globals;
use later::Later;
use session::Session;

use crate::host::Host;
use crate::term::{Format, wrap};

/// Widest help text.
const COLUMNS: usize = 100;

/// How groups of commands explain themselves: without the flags, which every command of the group has.
const GROUP: &str = "{about}\n\n{usage-heading} {usage}\n\nCommands:\n{subcommands}{after-help}";

const AFTER_HELP: &str = "\
A command shows its flags with -help. Flags may be written with one dash or two, and stand anywhere:
-format=json, --format json. Settings come from the environment too, for instance the address of
the server from ARCA_ADDR, BAO_ADDR or VAULT_ADDR, whichever is set first in this order; flags win.";

/// Keep secrets, issue short-lived ones, and record every access
#[derive(Parser)]
#[command(
    name = "arca",
    disable_version_flag = true,
    disable_help_flag = true,
    args_override_self = true,
    arg_required_else_help = true,
    help_template = GROUP,
    after_help = AFTER_HELP,
    max_term_width = COLUMNS
)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,

    #[command(flatten)]
    globals: Globals,

    /// Say how to turn on completion in the shell
    #[arg(long, hide = true)]
    autocomplete_install: bool,
}

#[derive(Subcommand)]
enum Command {
    /// Read data and secrets
    Read(Later<read::Read>),
    /// Write data, configuration and secrets
    Write(Later<write::Write>),
    /// Delete secrets and configuration
    Delete(Later<delete::Delete>),
    /// List names in a folder
    List(Later<list::List>),
    /// List names at any depth below a folder
    Scan(Later<list::Scan>),
    /// Change parts of what is at a path
    Patch(Later<write::Patch>),
    /// Get a token
    Login(Later<login::Login>),
    /// Start a server on this machine: durable, with TLS, audited
    Up(Later<up::Up>),
    /// Start a server with a configuration, or a development server
    Server(Later<server::Server>),
    /// Keep a token fresh on this machine, and pass requests of programs on
    #[command(disable_help_subcommand = true)]
    Agent(Later<agent::Agent>),
    /// Pass requests of programs on to the server
    Proxy(Later<proxy::Proxy>),
    /// Run a program with secrets in its environment
    Run(Later<run::Run>),
    /// Show whether the server is sealed, and which node is active
    Status(Later<status::Status>),
    /// Open a wrapped answer
    Unwrap(Later<unwrap::Unwrap>),
    /// Work with key/value secrets
    #[command(subcommand, disable_help_subcommand = true, help_template = GROUP)]
    Kv(Later<kv::Kv>),
    /// Work with secret engines
    #[command(subcommand, disable_help_subcommand = true, help_template = GROUP)]
    Secrets(Later<secrets::Secrets>),
    /// Work with auth methods
    #[command(subcommand, disable_help_subcommand = true, help_template = GROUP)]
    Auth(Later<auth::Auth>),
    /// Work with tokens
    #[command(subcommand, disable_help_subcommand = true, help_template = GROUP)]
    Token(Later<token::Token>),
    /// Work with policies
    #[command(subcommand, disable_help_subcommand = true, help_template = GROUP)]
    Policy(Later<policy::Policy>),
    /// Work with databases and the users made in them
    #[command(subcommand, disable_help_subcommand = true, help_template = GROUP)]
    Database(Later<database::Database>),
    /// Work with leases
    #[command(subcommand, disable_help_subcommand = true, help_template = GROUP)]
    Lease(Later<lease::Lease>),
    /// Follow what happens on the server
    #[command(subcommand, disable_help_subcommand = true, help_template = GROUP)]
    Events(Later<events::Events>),
    /// Follow the log of the server
    Monitor(Later<monitor::Monitor>),
    /// Work with audit devices
    #[command(subcommand, disable_help_subcommand = true, help_template = GROUP)]
    Audit(Later<audit::Audit>),
    /// Operate the server: initialize, unseal, seal, rotate
    #[command(subcommand, disable_help_subcommand = true, help_template = GROUP)]
    Operator(Later<operator::Operator>),
    /// Work with the plugins of the server
    #[command(subcommand, disable_help_subcommand = true, help_template = GROUP)]
    Plugin(Later<plugin::Plugin>),
    /// Make, look at and delete namespaces
    #[command(subcommand, disable_help_subcommand = true, help_template = GROUP)]
    Namespace(Later<namespace::Namespace>),
    /// Show what a path is for
    PathHelp(Later<path_help::PathHelp>),
    /// Collect what the server says of itself over time, in a folder
    Debug(Later<debug::Debug>),
    /// Print what this side knows
    #[command(subcommand, disable_help_subcommand = true, help_template = GROUP)]
    Print(Later<print::Print>),
    /// Print the script that completes commands in a shell
    Completion(Later<completion::Completion>),
    /// Print the version of this program
    Version(Later<version::Version>),
    /// Show which versions of the server have run on its store
    VersionHistory(Later<version_history::VersionHistory>),
}

/// Runs the command and gives its exit code: 0 when it did what it was asked, 1 for a mistake on this side, 2 for an
/// error of the server or for nothing found.
#[must_use]
pub fn run(mut host: Host) -> u8 {
    let program = program_name(&host);
    let arguments = std::mem::take(&mut host.arguments);
    let columns = host.columns;
    let mut session = Session::new(host, program);
    let exit = match parse(arguments, columns) {
        Ok(cli) => conclude(execute(cli, &mut session), &mut session),
        Err(error) => explain(&error, &mut session),
    };
    if session.screen.close() { exit } else { LOCAL }
}

/// The name the program was called by, if it is one it answers to.
fn program_name(host: &Host) -> String {
    let called = host.arguments.first().map(Path::new).and_then(Path::file_stem);
    match called.and_then(|name| name.to_str()) {
        Some(name @ ("vault" | "bao")) => name.to_owned(),
        _ => "arca".to_owned(),
    }
}

fn parse(arguments: Vec<std::ffi::OsString>, columns: Option<usize>) -> Result<Cli, clap::Error> {
    let mut tree = Cli::command();
    if let Some(columns) = columns {
        tree = tree.term_width(columns);
    }
    let arguments = argv::normalize(arguments, &tree);
    let matches = tree.try_get_matches_from(arguments)?;
    Cli::from_arg_matches(&matches)
}

/// Prints help where help was asked for, and what is wrong with the arguments otherwise.
fn explain(error: &clap::Error, session: &mut Session) -> u8 {
    let text = error.render().to_string();
    if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) {
        session.screen.line(text.trim_end());
        return DONE;
    }
    session.screen.error(text.trim_end());
    LOCAL
}

fn execute(cli: Cli, session: &mut Session) -> Outcome {
    session.configure(cli.globals)?;
    match cli.command {
        _ if cli.autocomplete_install => completion::install(session),
        None => Err(Failure::local(format!(
            "Say what to do; \"{} -help\" lists the commands.",
            session.program
        ))),
        Some(command) => {
            if session.screen.format == Format::Raw && !matches!(command, Command::Read(_)) {
                return Err(crate::term::Unprintable::Raw.into());
            }
            command.run(session)
        }
    }
}

impl Command {
    fn run(self, session: &mut Session) -> Outcome {
        match self {
            Self::Read(Later(command)) => wait(command.run(session)),
            Self::Write(Later(command)) => wait(command.run(session)),
            Self::Delete(Later(command)) => wait(command.run(session)),
            Self::List(Later(command)) => wait(command.run(session)),
            Self::Scan(Later(command)) => wait(command.run(session)),
            Self::Patch(Later(command)) => wait(command.run(session)),
            Self::Login(Later(command)) => wait(command.run(session)),
            Self::Up(Later(command)) => command.run(session),
            Self::Server(Later(command)) => command.run(session),
            Self::Agent(Later(command)) => command.run(session),
            Self::Proxy(Later(command)) => command.run(session),
            Self::Run(Later(command)) => wait(command.run(session)),
            Self::Status(Later(command)) => wait(command.run(session)),
            Self::Unwrap(Later(command)) => wait(command.run(session)),
            Self::Kv(Later(command)) => wait(command.run(session)),
            Self::Secrets(Later(command)) => wait(command.run(session)),
            Self::Auth(Later(command)) => wait(command.run(session)),
            Self::Token(Later(command)) => wait(command.run(session)),
            Self::Policy(Later(command)) => command.run(session),
            Self::Database(Later(command)) => wait(command.run(session)),
            Self::Lease(Later(command)) => wait(command.run(session)),
            Self::Events(Later(command)) => wait(command.run(session)),
            Self::Monitor(Later(command)) => wait(command.run(session)),
            Self::Audit(Later(command)) => wait(command.run(session)),
            Self::Operator(Later(command)) => wait(command.run(session)),
            Self::Plugin(Later(command)) => wait(command.run(session)),
            Self::Namespace(Later(command)) => wait(command.run(session)),
            Self::PathHelp(Later(command)) => wait(command.run(session)),
            Self::Debug(Later(command)) => wait(command.run(session)),
            Self::Print(Later(command)) => command.run(session),
            Self::Completion(Later(command)) => command.run(session),
            Self::Version(Later(command)) => command.run(session),
            Self::VersionHistory(Later(command)) => wait(command.run(session)),
        }
    }
}

/// Runs a command that talks to a server, on this thread. Other commands need no runtime; one that is a server builds
/// its own.
fn wait(command: impl Future<Output = Outcome>) -> Outcome {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::local(format!("Cannot start: {error}")))?;
    runtime.block_on(command)
}

/// Shows what came of a command, and gives its exit code.
fn conclude(outcome: Outcome, session: &mut Session) -> u8 {
    let failure = match outcome {
        Ok(exit) => return exit,
        Err(failure) => failure,
    };
    if failure.is_rehearsal()
        && let Some(text) = session.rehearsed()
    {
        session.screen.line(&text);
        return DONE;
    }
    session.screen.error(failure.message.trim_end());
    if let Some(cause) = &failure.cause {
        if let Some(answer) = cause.answer() {
            // What came with an error is shown as far as it can be.
            let _ = session.screen.secret(answer);
        }
        if let Some(hint) = failure::hint(cause, &session.situation()) {
            session.screen.hint(&format!("\n{}", wrap(&hint, 0)));
        }
    }
    failure.exit
}
