//! Keeping the token of a login.

use arca_api::Envelope;
use arca_base::Secret;

use crate::cli::failure::Failure;
use crate::cli::session::Session;
use crate::term::wrap;

/// Keeps a token, and warns when the environment hides it. A token that cannot be kept is shown: it exists.
pub(super) fn keep(token: &Secret<String>, answer: &Envelope, session: &mut Session) -> Result<(), Failure> {
    let kept = session.token_helper().and_then(|helper| {
        helper
            .store(token)
            .map_err(|error| Failure::local(error.to_string()))
    });
    if let Err(failure) = kept {
        session.screen.secret(answer)?;
        let message = format!(
            "Error storing token: {}\nAuthentication was successful, but the token was not kept. It is shown above.",
            failure.message
        );
        return Err(Failure::absent(message));
    }
    if let Some(variable) = session.token_variable() {
        session.screen.warn(&wrap(
            &format!(
                "WARNING! The {variable} environment variable is set! It is used instead of the token that was kept just now; \
                 unset it, or change it."
            ),
            0,
        ));
        session.screen.warn("");
    }
    Ok(())
}
