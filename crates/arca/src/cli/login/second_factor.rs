//! The second factor of a login: asks the person at the terminal, and sends what they answer.

use arca_api::mfa::{Validate, Validation};
use arca_api::{Envelope, field};
use arca_base::Json;
use arca_base::json::Object;

use crate::cli::failure::Failure;
use crate::cli::session::Session;
use crate::term::{display, wrap};

/// What to do where nobody can be asked.
const INSTEAD: &str = "give the passcode with -mfa=METHOD:PASSCODE";

/// Finishes a login that waits for passcodes, if there is somebody to ask; gives the answer as it is otherwise.
pub(super) async fn finish(answer: Envelope, session: &mut Session) -> Result<Envelope, Failure> {
    let requirement = answer
        .auth
        .as_ref()
        .and_then(|auth| auth.mfa_requirement.as_ref());
    let Some(requirement) = requirement.filter(|_| session.is_interactive()) else {
        return Ok(answer);
    };
    let Some(methods) = methods(requirement) else {
        return Ok(answer);
    };
    let mut payload = Object::new();
    for (id, label) in methods {
        if payload.contains_key(&id) {
            continue;
        }
        let passcode = session.ask_secret(&label, INSTEAD)?;
        let passcodes = vec![Json::from(passcode.expose().as_str())];
        payload.insert(id, Json::Array(passcodes));
    }
    let request = Validation {
        mfa_request_id: requirement.get("mfa_request_id").map(display).unwrap_or_default(),
        mfa_payload: field::Any(Json::Object(payload)),
    };
    let client = session.anonymous_client()?;
    let validated = client.call::<Validate>("sys", &request).await;
    let validated =
        validated.map_err(|error| Failure::remote("Error validating the second factor", error))?;
    validated.ok_or_else(|| Failure::absent("Error validating the second factor: the answer is empty"))
}

/// Identifier and label of the first method with passcodes of each constraint; nothing when one of them has none.
fn methods(requirement: &Json) -> Option<Vec<(String, String)>> {
    let constraints = requirement.get("mfa_constraints")?.as_object()?;
    let chosen = constraints.values().map(|constraint| {
        let any = constraint.get("any")?.as_array()?;
        let uses_passcode = |method: &&Json| {
            method
                .get("uses_passcode")
                .is_some_and(|uses| *uses == Json::from(true))
        };
        let method = any.iter().find(uses_passcode)?;
        let text = |member: &str| method.get(member).map(display).unwrap_or_default();
        let name = Some(text("name")).filter(|name| !name.is_empty());
        let label = format!(
            "Passcode of {} ({})",
            name.unwrap_or_else(|| text("id")),
            text("type")
        );
        Some((text("id"), label))
    });
    chosen.collect()
}

/// Says what is missing, where nobody could be asked.
pub(super) fn explain(session: &mut Session) {
    session.screen.warn(&wrap(
        "This login needs a second factor. Send the passcode to sys/mfa/validate with the request identifier below, or log \
         in with -mfa=METHOD:PASSCODE.",
        0,
    ));
}
