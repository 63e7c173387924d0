//! A report of single numbers, each shown as soon as it is known and all of them in a table at the end.

use std::time::Duration;

use anyhow::Result;
use serde_json::{Value, json};

use super::arca::{Arca, Opening};
use crate::terminal::Table;

/// One number of the report.
struct Figure {
    name: String,
    value: f64,
    unit: &'static str,
}

/// The numbers of a report, in order.
#[derive(Default)]
pub(super) struct Figures(Vec<Figure>);

impl Figures {
    pub(super) fn push(&mut self, name: impl Into<String>, value: f64, unit: &'static str) {
        let name = name.into();
        eprintln!("{name}: {value:.1} {unit}");
        self.0.push(Figure { name, value, unit });
    }

    /// Resident memory of the server.
    #[expect(clippy::cast_precision_loss, reason = "memory is far below 2^52 KiB")]
    pub(super) fn memory(&mut self, arca: &Arca, when: &str) -> Result<()> {
        let memory = arca.running.process.memory()?;
        self.push(format!("memory, {when}"), memory.now as f64 / 1024.0, "MiB");
        Ok(())
    }

    /// What a start took.
    pub(super) fn opening(&mut self, opening: &Opening, what: &str) {
        let millis = |time: Duration| time.as_secs_f64() * 1e3;
        self.push(
            format!("start to listening, {what}"),
            millis(opening.listening),
            "ms",
        );
        self.push(format!("unseal to ready, {what}"), millis(opening.unsealed), "ms");
    }

    pub(super) fn print(&self, as_json: bool) {
        if as_json {
            let figure =
                |figure: &Figure| json!({"name": figure.name, "value": figure.value, "unit": figure.unit});
            println!("{:#}", Value::from_iter(self.0.iter().map(figure)));
            return;
        }
        let mut table = Table::new(&["figure", "value", "unit"]);
        for figure in &self.0 {
            table.row([
                figure.name.clone(),
                format!("{:.1}", figure.value),
                figure.unit.to_owned(),
            ]);
        }
        print!("\n{}", table.render());
    }
}
