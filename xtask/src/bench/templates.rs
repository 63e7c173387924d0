//! `cargo xtask bench templates`: parsing and rendering beside Go's text/template, on the same templates and data.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, bail};
use serde_json::json;

use super::Settings;
use super::statistics::median;
use crate::args::Args;
use crate::setup::{self, has_program};
use crate::terminal::Table;
use crate::{refuse_if, workspace};

/// The program that measures ours.
const EXAMPLE: &str = "template_times";
/// Where the one that measures Go's is, and the templates.
const FOLDER: &str = "xtask/templates";

/// What both programs print for one template.
#[derive(Default)]
struct Case {
    parse: Vec<f64>,
    render: Vec<f64>,
    /// Of the text that was made.
    sum: String,
}

type Cases = BTreeMap<String, Case>;

pub(super) fn run(settings: &Settings, mut args: Args) -> Result<()> {
    let milliseconds: u32 = args.number("milliseconds", 300)?;
    let rounds: usize = args.number("rounds", 5)?;
    args.finish()?;
    refuse_if(!has_program("go"), || {
        "Go is not installed: run `cargo xtask setup`".to_owned()
    })?;
    let folder = settings.workspace.root.join(FOLDER);
    let built = [
        "build",
        "--release",
        "--package",
        "arca-lang",
        "--example",
        EXAMPLE,
    ];
    setup::stream(workspace::cargo().args(built)).context("the release build")?;
    let program = settings.workspace.target.join("release/examples").join(EXAMPLE);
    let original = settings.workspace.target.join("release/templates-go");
    let mut build = Command::new("go");
    build
        .current_dir(&folder)
        .args(["build", "-o"])
        .arg(&original)
        .arg(".");
    setup::stream(&mut build).context("the build of the program in Go")?;
    let (mut ours, mut theirs) = (Cases::new(), Cases::new());
    for _ in 0..rounds {
        // In turns, so that a busy moment of the machine meets both.
        measure(&original, &folder, milliseconds, &mut theirs)?;
        measure(&program, &folder, milliseconds, &mut ours)?;
    }
    print(&ours, &theirs, settings.json)
}

fn measure(program: &Path, folder: &Path, milliseconds: u32, cases: &mut Cases) -> Result<()> {
    let mut command = Command::new(program);
    command.arg(folder.join("cases")).arg(milliseconds.to_string());
    let output = command
        .output()
        .with_context(|| format!("cannot start {}", program.display()))?;
    refuse_if(!output.status.success(), || {
        format!(
            "{}: {}",
            program.display(),
            String::from_utf8_lossy(&output.stderr)
        )
    })?;
    for line in String::from_utf8(output.stdout)?.lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        let [name, parse, render, sum] = words.as_slice() else {
            bail!("{} printed {line:?}", program.display());
        };
        let case = cases.entry((*name).to_owned()).or_default();
        case.parse.push(parse.parse()?);
        case.render.push(render.parse()?);
        (*sum).clone_into(&mut case.sum);
    }
    Ok(())
}

fn print(ours: &Cases, theirs: &Cases, as_json: bool) -> Result<()> {
    let mut table = Table::new(&["template", "parse us", "Go", "x", "render us", "Go", "x"]);
    let mut rows = Vec::new();
    for (name, case) in ours {
        let other = theirs
            .get(name)
            .with_context(|| format!("Go has not measured {name}"))?;
        refuse_if(case.sum != other.sum, || {
            format!("{name}: both engines make different texts")
        })?;
        let numbers = [&case.parse, &other.parse, &case.render, &other.render];
        let [parse, go_parse, render, go_render] = numbers.map(|samples| median(samples) / 1000.0);
        let cell = |number: f64| format!("{number:.1}");
        let ratio = |ours: f64, theirs: f64| format!("{:.2}", theirs / ours.max(f64::MIN_POSITIVE));
        table.row([
            name.clone(),
            cell(parse),
            cell(go_parse),
            ratio(parse, go_parse),
            cell(render),
            cell(go_render),
            ratio(render, go_render),
        ]);
        rows.push(json!({
            "template": name,
            "parse_microseconds": parse, "go_parse_microseconds": go_parse,
            "render_microseconds": render, "go_render_microseconds": go_render,
        }));
    }
    if as_json {
        println!("{}", serde_json::to_string_pretty(&rows)?);
    } else {
        print!("{}", table.render());
        println!("x: how many times as fast as Go");
    }
    Ok(())
}
