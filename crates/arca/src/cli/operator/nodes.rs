//! `operator step-down` and `operator members`.

use arca_api::endpoint::Nothing;
use arca_api::sys::status::{ReadHaStatus, StepDown};
use arca_base::Json;

use crate::cli::failure::{DONE, Failure, Outcome};
use crate::cli::session::Session;
use crate::term::{display, headed};

/// Columns and where they come from.
const COLUMNS: [(&str, &str); 7] = [
    ("Host Name", "hostname"),
    ("API Address", "api_address"),
    ("Cluster Address", "cluster_address"),
    ("Active Node", "active_node"),
    ("Version", "version"),
    ("Upgrade Version", "upgrade_version"),
    ("Last Echo", "last_echo"),
];

/// Has the node that answers give up running the timers.
pub(super) async fn step_down(session: &mut Session) -> Outcome {
    let answer = session.client()?.call::<StepDown>("sys", &Nothing).await;
    answer.map_err(|error| Failure::remote("Error stepping down", error))?;
    session
        .screen
        .success("Success! Stepped down: the node gives up running the timers.");
    Ok(DONE)
}

/// Shows the nodes a server knows.
pub(super) async fn members(session: &mut Session) -> Outcome {
    let answer = session.client()?.call::<ReadHaStatus>("sys", &Nothing).await;
    let answer = answer.map_err(|error| Failure::remote("Error reading the nodes", error))?;
    let data = answer.and_then(|answer| answer.data).unwrap_or(Json::Null);
    let nodes = data.get("nodes").and_then(Json::as_array).unwrap_or_default();
    let rows: Vec<Vec<String>> = nodes.iter().map(row).collect();
    let table = headed(&COLUMNS.map(|(title, _)| title), &rows);
    session.screen.data(&data, &table)?;
    Ok(DONE)
}

fn row(node: &Json) -> Vec<String> {
    let cell = |(_, member): (&str, &str)| {
        node.get(member)
            .filter(|value| **value != Json::Null)
            .map(display)
    };
    COLUMNS.map(|column| cell(column).unwrap_or_default()).to_vec()
}
