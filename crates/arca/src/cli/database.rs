//! `database`.

use arca_api::database::{Name, ReadCensus};
use arca_base::Json;
use clap::{Args, Subcommand};

use super::failure::{DONE, Failure, Outcome};
use super::flags::folder;
use super::session::Session;
use crate::term::{display, headed};

const EXAMPLES: &str = "\
Examples:
  arca database census payments-postgres
  arca database census -mount=db -format=json payments-postgres";

/// Databases and the users made in them.
#[derive(Subcommand)]
pub(crate) enum Database {
    /// Compare the users in a database with the leases there are
    Census(Census),
}

#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Census {
    /// Name of the configuration
    config: String,
    /// Where the database engine is mounted
    #[arg(long, default_value = "database", value_name = "PATH")]
    mount: String,
}

impl Database {
    pub(crate) async fn run(self, session: &mut Session) -> Outcome {
        match self {
            Self::Census(command) => command.run(session).await,
        }
    }
}

impl Census {
    async fn run(self, session: &mut Session) -> Outcome {
        let mount = folder(&self.mount);
        let request = Name {
            name: self.config.trim().to_owned(),
        };
        let answer = session
            .client()?
            .call::<ReadCensus>(mount.trim_end_matches('/'), &request)
            .await;
        let doing = format!("Error taking the census of {}", request.name);
        let answer = answer.map_err(|error| Failure::remote(&doing, error))?;
        let census = answer.and_then(|answer| answer.data).unwrap_or_else(Json::object);
        let table = if session.screen.is_table() {
            tables(&census)
        } else {
            String::new()
        };
        session.screen.data(&census, &table)?;
        Ok(DONE)
    }
}

/// What there is, what should not be, and how full it is.
fn tables(census: &Json) -> String {
    let count = |name: &str| vec![name.replace('_', " "), text(census, name)];
    let counts = [
        "user_count",
        "lease_count",
        "users_without_lease_count",
        "leases_without_user_count",
        "sessions_of_dropped_users",
    ];
    let mut tables = vec![headed(&["Of", "Count"], &counts.map(count))];
    for (list, header, members) in [
        (
            "users_without_lease",
            &["User without a lease", "May log in", "Sessions"],
            ["username", "may_log_in", "sessions"].as_slice(),
        ),
        (
            "leases_without_user",
            &["Lease without a user", "User", ""],
            ["lease_id", "username"].as_slice(),
        ),
        (
            "fullness",
            &["Filled by users", "Used", "Limit"],
            ["what", "used", "limit"].as_slice(),
        ),
    ] {
        let rows: Vec<Vec<String>> = elements(census, list)
            .iter()
            .map(|element| members.iter().map(|name| text(element, name)).collect())
            .collect();
        if !rows.is_empty() {
            tables.push(headed(header.get(..members.len()).unwrap_or_default(), &rows));
        }
    }
    tables.join("\n\n")
}

fn elements<'a>(census: &'a Json, name: &str) -> &'a [Json] {
    census.get(name).and_then(Json::as_array).unwrap_or_default()
}

fn text(object: &Json, name: &str) -> String {
    object.get(name).map(display).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use arca_base::json::Limits;

    use super::*;

    #[test]
    fn a_census_is_a_few_tables() {
        let census = br#"{"user_count":2,"lease_count":1,"users_without_lease_count":1,"leases_without_user_count":0,
            "sessions_of_dropped_users":0,"users_without_lease":[{"username":"v-x","may_log_in":true,"sessions":3}],
            "leases_without_user":[],"fullness":[{"what":"rights on table t","used":40,"limit":8000}]}"#;
        let census = Json::parse(census, &Limits::default()).unwrap();
        let shown = tables(&census);
        assert!(shown.contains("users without lease count    1"), "{shown}");
        assert!(
            shown.contains("v-x                     true          3"),
            "{shown}"
        );
        assert!(!shown.contains("Lease without a user"), "{shown}");
        assert!(shown.contains("rights on table t    40      8000"), "{shown}");
    }
}
