//! `operator key-status` and `operator rotate`.

use arca_api::endpoint::Nothing;
use arca_api::sys::seal::{ReadKeyStatus, Rotate};
use arca_base::{Json, Timestamp};
use arca_client::Client;

use crate::cli::failure::{DONE, Failure, Outcome};
use crate::cli::session::Session;
use crate::term::{aligned, display};

const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];

/// Shows the data key in use.
pub(super) async fn status(session: &mut Session) -> Outcome {
    let client = session.client()?;
    let data = read(&client).await?;
    session.screen.data(&data, &table(&data))?;
    Ok(DONE)
}

/// Replaces the data key and shows the new one.
pub(super) async fn rotate(session: &mut Session) -> Outcome {
    let client = session.client()?;
    let answer = client.call::<Rotate>("sys", &Nothing).await;
    answer.map_err(|error| Failure::remote("Error rotating key", error))?;
    let data = read(&client).await?;
    let table = format!("Success! Rotated key\n\n{}", table(&data));
    session.screen.data(&data, &table)?;
    Ok(DONE)
}

async fn read(client: &Client) -> Result<Json, Failure> {
    let answer = client.call::<ReadKeyStatus>("sys", &Nothing).await;
    let answer = answer.map_err(|error| Failure::remote("Error reading key status", error))?;
    Ok(answer.and_then(|answer| answer.data).unwrap_or(Json::Null))
}

fn table(data: &Json) -> String {
    let part = |name| data.get(name).map(display).unwrap_or_default();
    let installed = part("install_time");
    let installed = Timestamp::parse(&installed).map_or(installed, rfc_822);
    aligned(&[
        vec!["Key Term".to_owned(), part("term")],
        vec!["Install Time".to_owned(), installed],
        vec!["Encryption Count".to_owned(), part("encryptions")],
    ])
}

/// `02 Jan 26 15:04 UTC`, which existing tools print here.
fn rfc_822(time: Timestamp) -> String {
    let text = time.to_string();
    let part = |from: usize, to: usize| text.get(from..to).unwrap_or_default().to_owned();
    let month: usize = part(5, 7).parse().unwrap_or(1);
    let month = MONTHS.get(month.saturating_sub(1)).copied().unwrap_or_default();
    format!("{} {month} {} {} UTC", part(8, 10), part(2, 4), part(11, 16))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_dates_as_existing_tools_do() {
        let time = Timestamp::parse("2026-09-02T03:04:05.6Z").unwrap();
        assert_eq!(rfc_822(time), "02 Sep 26 03:04 UTC");
    }
}
