//! `operator init`.

use arca_api::endpoint::Nothing;
use arca_api::field::TextList;
use arca_api::sys::seal::{Initialize, ReadInit, ReadSealStatus, UpdateInit};
use arca_client::Client;
use arca_client::system::{InitKeys, Initialized, SealStatus};
use clap::Args;
use serde::Serialize;

use crate::cli::data;
use crate::cli::failure::{DONE, Failure, LOCAL, Outcome, REMOTE};
use crate::cli::session::Session;
use crate::term::wrap;

const DEFAULT_SHARES: i64 = 5;
const DEFAULT_THRESHOLD: i64 = 3;

const EXAMPLES: &str = "\
Examples:
  arca operator init -key-shares=5 -key-threshold=3
  arca operator init -format=json > keys.json";

/// Makes the keys and the first token of a new server. They are shown once and kept nowhere.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Init {
    /// Only say whether the server is initialized: exit code 0 if it is, 2 if it is not
    #[arg(long)]
    status: bool,
    /// Shares of the unseal key [default: 5]
    #[arg(long, alias = "n", value_name = "NUMBER")]
    key_shares: Option<i64>,
    /// Shares needed to unseal [default: 3]
    #[arg(long, alias = "t", value_name = "NUMBER")]
    key_threshold: Option<i64>,
    /// Shares of the recovery key, with automatic unsealing [default: 5]
    #[arg(long, value_name = "NUMBER")]
    recovery_shares: Option<i64>,
    /// Recovery shares needed [default: 3]
    #[arg(long, value_name = "NUMBER")]
    recovery_threshold: Option<i64>,
    /// Files with the PGP keys the shares are encrypted with, separated by commas
    #[arg(long, value_name = "FILES", value_delimiter = ',')]
    pgp_keys: Vec<String>,
    /// Files with the PGP keys the recovery shares are encrypted with, separated by commas
    #[arg(long, value_name = "FILES", value_delimiter = ',')]
    recovery_pgp_keys: Vec<String>,
    /// File with the PGP key the first token is encrypted with
    #[arg(long, value_name = "FILE")]
    root_token_pgp_key: Option<String>,
    /// Accepted for old scripts; has no effect
    #[arg(long, hide = true, allow_hyphen_values = true)]
    stored_shares: Option<i64>,
}

/// Whether there are keys, for programs.
#[derive(Serialize)]
struct ShownStatus {
    initialized: bool,
}

/// The keys, for programs.
#[derive(Serialize)]
struct Shown<'a> {
    unseal_keys_b64: &'a [String],
    unseal_keys_hex: &'a [String],
    unseal_shares: i64,
    unseal_threshold: i64,
    recovery_keys_b64: &'a [String],
    recovery_keys_hex: &'a [String],
    recovery_keys_shares: i64,
    recovery_keys_threshold: i64,
    root_token: &'a str,
}

impl Init {
    pub(crate) async fn run(self, session: &mut Session) -> Outcome {
        let client = session.anonymous_client()?;
        if self.status {
            return status(&client, session).await;
        }
        let seal: SealStatus = session
            .scout()?
            .call_bare::<ReadSealStatus, _>("sys", &Nothing)
            .await
            .map_err(Failure::bare)?;
        let request = self.request(seal.recovery_seal, session)?;
        let keys: InitKeys = client
            .call_bare::<UpdateInit, _>("sys", &request)
            .await
            .map_err(|error| Failure::remote("Error initializing", error))?;
        session
            .screen
            .data(&Shown::of(&request, &keys), &text(&request, &keys))?;
        Ok(DONE)
    }

    /// The request, with the shares a user who says nothing gets.
    fn request(&self, unseals_itself: bool, session: &mut Session) -> Result<Initialize, Failure> {
        let unless = |given: Option<i64>, applies: bool, default: i64| match given {
            Some(number) if number != 0 => number,
            _ if applies => default,
            _ => 0,
        };
        let root_token_pgp_key = match &self.root_token_pgp_key {
            Some(file) => pgp_key(file, session)?,
            None => String::new(),
        };
        Ok(Initialize {
            secret_shares: unless(self.key_shares, !unseals_itself, DEFAULT_SHARES),
            secret_threshold: unless(self.key_threshold, !unseals_itself, DEFAULT_THRESHOLD),
            pgp_keys: pgp_keys(&self.pgp_keys, session)?,
            root_token_pgp_key,
            recovery_shares: unless(self.recovery_shares, unseals_itself, DEFAULT_SHARES),
            recovery_threshold: unless(self.recovery_threshold, unseals_itself, DEFAULT_THRESHOLD),
            recovery_pgp_keys: pgp_keys(&self.recovery_pgp_keys, session)?,
            stored_shares: 0,
        })
    }
}

async fn status(client: &Client, session: &mut Session) -> Outcome {
    let Initialized { initialized } = client
        .call_bare::<ReadInit, _>("sys", &Nothing)
        .await
        .map_err(|error| Failure::remote("Error checking init status", error).with_exit(LOCAL))?;
    let text = if initialized {
        "The server is initialized"
    } else {
        "The server is not initialized"
    };
    session.screen.data(&ShownStatus { initialized }, text)?;
    Ok(if initialized { DONE } else { REMOTE })
}

fn pgp_keys(files: &[String], session: &mut Session) -> Result<Option<TextList>, Failure> {
    let keys = files
        .iter()
        .map(|file| pgp_key(file, session))
        .collect::<Result<Vec<_>, _>>()?;
    Ok((!keys.is_empty()).then_some(TextList(keys)))
}

/// The base64 of a public key: the file's own, or that inside its armor.
pub(super) fn pgp_key(file: &str, session: &mut Session) -> Result<String, Failure> {
    if file.starts_with("keybase:") {
        let message = format!("{file}: keys are not fetched from Keybase; name a file with the public key");
        return Err(Failure::local(message));
    }
    let text = data::file_or_input(file, &mut session.input)
        .map_err(|error| Failure::local(format!("Error reading PGP key: {error}")))?;
    let body = text.split_once("\n\n").map_or(text.as_str(), |(_, body)| body);
    let lines = body.lines().map(str::trim);
    Ok(lines.take_while(|line| !line.starts_with(['=', '-'])).collect())
}

impl<'a> Shown<'a> {
    fn of(request: &Initialize, keys: &'a InitKeys) -> Self {
        let (unseal_shares, unseal_threshold) = if keys.keys.is_empty() {
            (1, 1)
        } else {
            (request.secret_shares, request.secret_threshold)
        };
        Self {
            unseal_keys_b64: &keys.keys_base64,
            unseal_keys_hex: &keys.keys,
            unseal_shares,
            unseal_threshold,
            recovery_keys_b64: &keys.recovery_keys_base64,
            recovery_keys_hex: &keys.recovery_keys,
            recovery_keys_shares: request.recovery_shares,
            recovery_keys_threshold: request.recovery_threshold,
            root_token: &keys.root_token,
        }
    }
}

/// The keys, for people.
fn text(request: &Initialize, keys: &InitKeys) -> String {
    let mut lines = numbered("Unseal Key", &keys.keys, &keys.keys_base64);
    lines.extend(numbered(
        "Recovery Key",
        &keys.recovery_keys,
        &keys.recovery_keys_base64,
    ));
    lines.extend([String::new(), format!("Initial Root Token: {}", keys.root_token)]);
    if keys.keys.is_empty() {
        lines.extend([String::new(), "Success! The server is initialized".to_owned()]);
    } else {
        let (shares, threshold) = (request.secret_shares, request.secret_threshold);
        for paragraph in [
            format!(
                "The unseal key was split into {shares} shares, of which {threshold} are needed. Give each to another person. \
                 Whenever the server is sealed or restarted, {threshold} of them unseal it again."
            ),
            format!(
                "The shares and the token are shown this once and kept nowhere. With fewer than {threshold} shares, what the \
                 server keeps is lost."
            ),
        ] {
            lines.extend([String::new(), wrap(&paragraph, 0)]);
        }
    }
    if !keys.recovery_keys.is_empty() {
        let (shares, threshold) = (request.recovery_shares, request.recovery_threshold);
        let paragraph = format!(
            "The recovery key was split into {shares} shares, of which {threshold} are needed. Give each to another person."
        );
        lines.extend([String::new(), wrap(&paragraph, 0)]);
    }
    lines.join("\n")
}

/// One line per share, in base64 when the server gives that.
fn numbered(name: &str, hex: &[String], base64: &[String]) -> Vec<String> {
    let shares = if base64.len() == hex.len() { base64 } else { hex };
    shares
        .iter()
        .zip(1..)
        .map(|(share, number)| format!("{name} {number}: {share}"))
        .collect()
}
