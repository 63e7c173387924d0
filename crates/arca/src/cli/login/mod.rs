//! `login`.

mod browser;
mod method;
mod second_factor;
mod store;

use arca_api::Envelope;
use arca_base::json::Object;
use arca_base::{Secret, suggest};
use arca_client::ClientError;
use clap::Args;

use self::method::{METHODS, Method};
use super::data;
use super::failure::{DONE, Failure, Outcome};
use super::flags::sanitized;
use super::session::Session;
use crate::term::{display, wrap};

const EXAMPLES: &str = "\
Examples:
  arca login                                        asks for a token
  arca login -method=userpass username=ann          asks for the password
  arca login -method=ldap -mfa=phone:123456 username=ann
  arca login -method=kubernetes role=app jwt=@/var/run/secrets/kubernetes.io/serviceaccount/token
  arca login -method=oidc role=person               prints an address for the browser
  VAULT_TOKEN=$(arca login -token-only -method=approle role_id=... secret_id=@secret-id)";

/// Gets a token and keeps it for the commands that follow.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Login {
    /// A token, or the fields of the method as key=value
    #[arg(value_name = "TOKEN | K=V")]
    fields: Vec<String>,
    /// How to log in: token, userpass, ldap, approle, kubernetes, jwt, oidc, ...
    #[arg(long, default_value = "token")]
    method: String,
    /// Where the method is enabled; its name when absent
    #[arg(long)]
    path: Option<String>,
    /// Do not keep the token
    #[arg(long)]
    no_store: bool,
    /// Do not show the token
    #[arg(long, conflicts_with = "no_store")]
    no_print: bool,
    /// Print the token and nothing else, and do not keep it
    #[arg(long)]
    token_only: bool,
}

impl Login {
    pub(crate) async fn run(mut self, session: &mut Session) -> Outcome {
        if self.token_only {
            self.no_store = true;
            session.screen.field = Some("token".to_owned());
        }
        let method = find(&self.method, session)?;
        let fields = self.fields(&method, session)?;
        let mount = sanitized(self.path.as_ref().unwrap_or(&self.method));
        let answer = method.log_in(&mount, fields, session).await?;
        let answer = second_factor::finish(answer, session).await?;
        let answer = self.open(answer, session).await?;
        if answer
            .auth
            .as_ref()
            .is_some_and(|auth| auth.mfa_requirement.is_some())
        {
            // A script that takes the output for a token must not go on without one.
            if self.token_only {
                return Err(Failure::absent(
                    "Error authenticating: this login needs a second factor; give it with -mfa=METHOD:PASSCODE",
                ));
            }
            second_factor::explain(session);
            session.screen.secret(&answer)?;
            return Ok(DONE);
        }
        if answer.wrap_info.is_some() {
            return self.show_wrapped(&answer, session);
        }
        self.keep(&answer, session)?;
        self.show(&answer, session)
    }

    fn fields(&self, method: &Method, session: &mut Session) -> Result<Object, Failure> {
        let mut arguments = self.fields.clone();
        if matches!(method, Method::Token)
            && let Some(first) = arguments.first_mut().filter(|first| !first.contains('='))
        {
            *first = format!("token={first}");
        }
        data::object(&arguments, &mut session.input)
            .map_err(|error| Failure::local(format!("Error parsing configuration: {error}")))
    }

    /// Opens a wrapped token, unless it is wanted as it is.
    async fn open(&self, answer: Envelope, session: &mut Session) -> Result<Envelope, Failure> {
        let Some(wrap) = answer.wrap_info.as_ref().filter(|_| !self.no_store) else {
            return Ok(answer);
        };
        let token = Secret::new(wrap.token.clone());
        let client = session
            .anonymous_client()?
            .with_token(Some(token))
            .with_wrap_ttl(None);
        let failed = |error: ClientError| Failure::remote("Error extracting token", error);
        let request = arca_api::sys::wrapping::WrappingToken::default();
        let opened = client
            .call::<arca_api::sys::wrapping::Unwrap>("sys", &request)
            .await
            .map_err(failed)?;
        opened
            .filter(|answer| answer.auth.is_some())
            .ok_or_else(|| Failure::absent("Error extracting token: the wrapped answer holds no token"))
    }

    fn show_wrapped(&self, answer: &Envelope, session: &mut Session) -> Outcome {
        if self.token_only {
            session.screen.field = Some("wrapping_token".to_owned());
        }
        session.screen.secret(answer)?;
        Ok(DONE)
    }

    /// Keeps the token for later commands, and says when another one will be used instead.
    fn keep(&self, answer: &Envelope, session: &mut Session) -> Result<(), Failure> {
        let token = answer
            .auth
            .as_ref()
            .map(|auth| Secret::new(auth.client_token.clone()));
        let token = token.filter(|token| !token.expose().is_empty());
        let token =
            token.ok_or_else(|| Failure::absent("Error authenticating: the answer holds no token"))?;
        if !self.no_store {
            return store::keep(&token, answer, session);
        }
        if !self.token_only {
            session.screen.warn(&wrap(
                "The token was not stored in token helper. Set the VAULT_TOKEN environment variable or pass the token below \
                 with each request.",
                0,
            ));
            session.screen.warn("");
        }
        Ok(())
    }

    fn show(&self, answer: &Envelope, session: &mut Session) -> Outcome {
        if self.no_print {
            return Ok(DONE);
        }
        if session.screen.is_table() && !self.no_store {
            let text = "Success! You are now authenticated. The token below is kept for the commands that follow; you do \
                        NOT need to log in again.";
            session.screen.line(&wrap(text, 0));
            session.screen.line("");
        }
        session.screen.secret(answer)?;
        Ok(DONE)
    }
}

fn find(name: &str, session: &Session) -> Result<Method, Failure> {
    let name = sanitized(name);
    Method::named(&name).ok_or_else(|| {
        let near = suggest::nearest(&name, METHODS.iter().map(|(known, ..)| *known));
        let near = near
            .map(|near| format!(" Did you mean {near:?}?"))
            .unwrap_or_default();
        Failure::local(format!(
            "Unknown auth method: {name}.{near} \"{} auth list\" shows the methods of the server.",
            session.program
        ))
    })
}

/// Whether a name is that of a method.
pub(super) fn is_method(name: &str) -> bool {
    Method::named(&sanitized(name)).is_some()
}

/// Shows how to log in with a method, which may be enabled at another path.
pub(super) fn help(name: &str, path: Option<&str>, session: &mut Session) -> Outcome {
    let method = find(name, session)?;
    session
        .screen
        .line(&method.help(&sanitized(name), path, &session.program));
    Ok(DONE)
}

/// The text of a field, if it is given.
fn text(fields: &Object, name: &str) -> Option<String> {
    fields.get(name).map(display).filter(|text| !text.is_empty())
}
