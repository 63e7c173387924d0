//! `operator generate-root`.

use arca_api::endpoint::Nothing;
use arca_api::sys::ceremony::{self as api, DeleteRoot, ReadRoot, UpdateRoot, UpdateRootShare};
use arca_base::{Secret, id};
use arca_client::ceremony::RootGeneration;
use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
use clap::Args;
use serde::Serialize;

use super::ceremony::{self, Argument, BoundTexts, Ceremony, Sharing, SharingTexts};
use super::share;
use crate::cli::data;
use crate::cli::failure::{DONE, Failure, Outcome};
use crate::cli::session::Session;
use crate::term::{aligned, wrap};

/// Encoded tokens come with padding from some servers and without from others.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);
/// Longest encoded token that is looked at, in bytes.
const LONGEST_ENCODED: usize = 4096;

const EXAMPLES: &str = "\
Examples:
  arca operator generate-root -init
  arca operator generate-root
  arca operator generate-root -nonce=2dbd10f1-8528-6246-09e7-82b25b8aba63 SHARE
  arca operator generate-root -decode=ENCODED_TOKEN -otp=OTP

The key is a share of the unseal key, or of the recovery key of a server that unseals by itself.
Without one you are asked for it; - reads it from standard input.";

/// Makes a root token from enough shares. One person begins and gets a one-time password; every holder gives a share;
/// the token that comes out is readable only with the password.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct GenerateRoot {
    /// A share; you are asked for it when absent, - reads standard input
    #[arg(allow_hyphen_values = true)]
    key: Option<String>,
    /// Begin; prints the one-time password unless -otp gives one
    #[arg(long)]
    init: bool,
    /// Forget the shares given so far and end without a token
    #[arg(long)]
    cancel: bool,
    /// Show how far it is
    #[arg(long)]
    status: bool,
    /// Print a one-time password that -init accepts
    #[arg(long)]
    generate_otp: bool,
    /// Decode the token that came out, with -otp; - reads standard input
    #[arg(long, value_name = "ENCODED", allow_hyphen_values = true)]
    decode: Option<String>,
    /// The one-time password, for -init or -decode
    #[arg(long, value_name = "OTP")]
    otp: Option<String>,
    /// Identifies the ceremony; needed unless you are asked for the share
    #[arg(long)]
    nonce: Option<String>,
    /// File with the PGP key the token is encrypted with
    #[arg(long, value_name = "FILE")]
    pgp_key: Option<String>,
}

/// What is to be done instead of giving a share.
#[derive(Clone, Copy)]
enum Action {
    Init,
    Cancel,
    Status,
    GenerateOtp,
    Decode,
}

#[derive(Serialize)]
struct ShownOtp<'a> {
    otp: &'a str,
    otp_length: usize,
}

#[derive(Serialize)]
struct ShownToken<'a> {
    token: &'a str,
}

/// Making a root token.
struct MakingRoot;

impl Sharing for MakingRoot {
    type Status = RootGeneration;
    type Answer = RootGeneration;
    type Read = ReadRoot;
    type Give = UpdateRootShare;
    const TEXTS: SharingTexts = SharingTexts {
        label: "Unseal Key",
        closed: "No root generation is in progress. Begin one with \"arca operator generate-root -init\".",
        unread: "Error getting root generation status",
        ungiven: "Error posting unseal key",
    };

    fn nonce(status: &RootGeneration) -> &str {
        &status.nonce
    }

    fn is_open(status: &RootGeneration) -> bool {
        status.started
    }

    fn show(session: &mut Session, status: &RootGeneration) -> Outcome {
        show(session, status)
    }

    fn show_answer(session: &mut Session, answer: &RootGeneration, _: &RootGeneration) -> Outcome {
        show(session, answer)
    }
}

impl Ceremony for MakingRoot {
    type Begin = UpdateRoot;
    type End = DeleteRoot;
    const BOUNDS: BoundTexts = BoundTexts {
        unbegun: "Error initializing root generation",
        unended: "Error canceling root token generation",
        ended: "Success! Root token generation canceled (if it was started)",
    };
}

type Steps = ceremony::Steps<MakingRoot>;

impl GenerateRoot {
    pub(crate) async fn run(self, session: &mut Session) -> Outcome {
        let action = share::only(&[
            (self.init, "-init", Action::Init),
            (self.cancel, "-cancel", Action::Cancel),
            (self.status, "-status", Action::Status),
            (self.generate_otp, "-generate-otp", Action::GenerateOtp),
            (self.decode.is_some(), "-decode", Action::Decode),
        ])?;
        share::refuse_beside(action.is_some(), self.key.as_deref())?;
        match action {
            Some(Action::Init) => self.begin(session).await,
            Some(Action::Cancel) => Steps::end(session, &Nothing).await,
            Some(Action::Status) => Steps::show(session).await,
            Some(Action::GenerateOtp) => generate_otp(session).await,
            Some(Action::Decode) => self.decode(session),
            None => {
                let (key, nonce) = (self.key, self.nonce);
                Steps::give(session, Argument { key, nonce }).await
            }
        }
    }

    async fn begin(self, session: &mut Session) -> Outcome {
        let mut request = api::StartRoot {
            otp: self.otp.unwrap_or_default(),
            ..api::StartRoot::default()
        };
        if let Some(file) = &self.pgp_key {
            request.pgp_key = super::init::pgp_key(file, session)?;
        }
        let status = Steps::begin(session, &request).await?;
        show(session, &status)
    }

    /// Needs no server: the token is what the encoded one and the password combine to.
    fn decode(self, session: &mut Session) -> Outcome {
        let otp = self.otp.filter(|otp| !otp.is_empty()).map(Secret::new);
        let Some(otp) = otp else {
            return Err(Failure::local(
                "Missing otp: give the one-time password with -otp.",
            ));
        };
        let encoded = match self.decode.as_deref() {
            Some("-") => data::file_or_input("-", &mut session.input)
                .map_err(|error| Failure::local(format!("Error reading the encoded token: {error}")))?,
            encoded => encoded.unwrap_or_default().to_owned(),
        };
        let token = decode(encoded.trim(), &otp)?;
        let token = token.expose();
        session.screen.data(&ShownToken { token }, token)?;
        Ok(DONE)
    }
}

async fn generate_otp(session: &mut Session) -> Outcome {
    let status = Steps::read(&session.scout()?).await?;
    let otp = Secret::new(id::base62(session.entropy(), status.otp_length));
    let shown = ShownOtp {
        otp: otp.expose(),
        otp_length: status.otp_length,
    };
    session.screen.data(&shown, otp.expose())?;
    Ok(DONE)
}

fn decode(encoded: &str, otp: &Secret<String>) -> Result<Secret<String>, Failure> {
    if encoded.len() > LONGEST_ENCODED {
        let message = format!("Error decoding root token: more than {LONGEST_ENCODED} bytes");
        return Err(Failure::local(message));
    }
    let failed = |reason: &str| Failure::local(format!("Error decoding root token: {reason}"));
    let bytes = BASE64.decode(encoded).map(Secret::new);
    let bytes = bytes.map_err(|_| failed("the encoded token is not base64"))?;
    let (bytes, otp) = (bytes.expose(), otp.expose().as_bytes());
    if bytes.len() != otp.len() {
        return Err(failed(&format!(
            "the one-time password has {} characters and the token {}",
            otp.len(),
            bytes.len()
        )));
    }
    let token = bytes.iter().zip(otp).map(|(byte, otp)| byte ^ otp).collect();
    let token = String::from_utf8(token).ok();
    let token = token.filter(|token| token.bytes().all(|byte| byte.is_ascii_graphic()));
    token
        .map(Secret::new)
        .ok_or_else(|| failed("this is not the one-time password it was encoded with"))
}

fn show(session: &mut Session, status: &RootGeneration) -> Outcome {
    let row = |name: &str, value: String| vec![name.to_owned(), value];
    let mut rows = vec![
        row("Nonce", status.nonce.clone()),
        row("Started", status.started.to_string()),
        row("Progress", format!("{}/{}", status.progress, status.required)),
        row("Complete", status.complete.to_string()),
    ];
    if !status.pgp_fingerprint.is_empty() {
        rows.push(row("PGP Fingerprint", status.pgp_fingerprint.clone()));
    }
    let encoded = [&status.encoded_token, &status.encoded_root_token];
    if let Some(encoded) = encoded.into_iter().find(|encoded| !encoded.is_empty()) {
        rows.push(row("Encoded Token", encoded.clone()));
    }
    if !status.otp.is_empty() {
        let text = "The one-time password in the field OTP was made for you and is shown this once. Without it nobody can \
                    decode the token that comes out: keep it safe, and apart from the shares.";
        session.screen.warn(&wrap(text, 0));
        rows.push(row("OTP", status.otp.clone()));
    }
    if status.otp_length != 0 {
        rows.push(row("OTP Length", status.otp_length.to_string()));
    }
    session.screen.data(status, &aligned(&rows))?;
    Ok(DONE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decodes_with_and_without_padding() {
        let otp = Secret::new("0123456789".to_owned());
        let mixed: Vec<u8> = "hvs.abcdef"
            .bytes()
            .zip(otp.expose().bytes())
            .map(|(token, otp)| token ^ otp)
            .collect();
        let encoded = BASE64.encode(mixed);
        for encoded in [encoded.as_str(), encoded.trim_end_matches('=')] {
            assert_eq!(decode(encoded, &otp).unwrap().expose(), "hvs.abcdef");
        }
    }

    #[test]
    fn a_wrong_password_is_told_apart() {
        let message = |encoded: &str, otp: &str| match decode(encoded, &Secret::new(otp.to_owned())) {
            Ok(_) => panic!("{encoded} was decoded"),
            Err(failure) => failure.message,
        };
        assert!(message("!", "a").contains("not base64"));
        assert!(message("AAAA", "ab").contains("has 2 characters and the token 3"));
        assert!(message("////", "abc").contains("not the one-time password"));
        assert!(message(&"A".repeat(LONGEST_ENCODED + 1), "a").contains("more than"));
    }
}
