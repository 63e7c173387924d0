//! `kv enable-versioning`.

use arca_api::field::TextMap;
use arca_api::sys::mounts::{Tune, UpdateTune};
use clap::Args;

use crate::cli::failure::{DONE, Failure, Outcome};
use crate::cli::flags::{folder, sanitized};
use crate::cli::session::Session;

/// Turns versions on for a mount. Every secret becomes the first version of itself; there is no way back.
#[derive(Args)]
pub(crate) struct EnableVersioning {
    /// Where the engine is mounted
    path: String,
}

impl EnableVersioning {
    pub(crate) async fn run(self, session: &mut Session) -> Outcome {
        let path = sanitized(&self.path);
        let options = [("version".to_owned(), "2".to_owned())];
        let request = Tune {
            path: path.clone(),
            options: Some(TextMap(options.into())),
            ..Tune::default()
        };
        let answer = session.client()?.call::<UpdateTune>("sys", &request).await;
        let path = folder(&path);
        let doing = format!("Error tuning secrets engine {path}");
        if let Some(answer) = answer.map_err(|error| Failure::remote(&doing, error))? {
            session.screen.warnings(&answer);
        }
        session
            .screen
            .success(&format!("Success! Tuned the secrets engine at: {path}"));
        Ok(DONE)
    }
}
