//! `token capabilities`.

use arca_api::field::CommaList;
use arca_api::sys::policies::{self, ReadCapabilities, ReadCapabilitiesAccessor, ReadCapabilitiesSelf};
use arca_base::Json;
use clap::Args;

use crate::cli::failure::{DONE, Failure, Outcome};
use crate::cli::session::Session;
use crate::term::display;

/// Shows what a token may do at a path: your token, or the one named.
#[derive(Args)]
pub(crate) struct Capabilities {
    /// The path; before it, a token, or its accessor with -accessor
    #[arg(value_name = "[TOKEN] PATH", num_args = 1..=2, required = true)]
    arguments: Vec<String>,
    /// The first argument is an accessor
    #[arg(long)]
    accessor: bool,
}

impl Capabilities {
    pub(crate) async fn run(self, session: &mut Session) -> Outcome {
        let (holder, path) = match self.arguments.as_slice() {
            [holder, path] => (Some(holder.trim().to_owned()), path.clone()),
            [path] if !self.accessor => (None, path.clone()),
            _ => return Err(Failure::local("Name an accessor and a path")),
        };
        let mut request = policies::Capabilities {
            paths: CommaList(vec![path.clone()]),
            ..policies::Capabilities::default()
        };
        let client = session.client()?;
        let answer = match (holder, self.accessor) {
            (None, _) => client.call::<ReadCapabilitiesSelf>("sys", &request).await,
            (Some(accessor), true) => {
                request.accessor = accessor;
                client.call::<ReadCapabilitiesAccessor>("sys", &request).await
            }
            (Some(token), false) => {
                request.token = token;
                client.call::<ReadCapabilities>("sys", &request).await
            }
        };
        let answer = answer.map_err(|error| Failure::remote("Error listing capabilities", error))?;
        let data = answer.and_then(|answer| answer.data).unwrap_or(Json::Null);
        let found = data.get(&path).or_else(|| data.get("capabilities"));
        let found = found.and_then(Json::as_array);
        let found = found.ok_or_else(|| Failure::local("No capabilities found"))?;
        let mut names: Vec<String> = found.iter().map(display).collect();
        names.sort();
        session.screen.data(&names, &names.join(", "))?;
        Ok(DONE)
    }
}
