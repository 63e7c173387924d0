//! How long each template of a folder takes to parse and to render; `cargo xtask bench templates` runs it beside
//! `xtask/templates/main.go`, which takes and prints the same.
//!
//! `template_times FOLDER MILLISECONDS`
#![expect(
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a program that measures time and prints it"
)]

use std::error::Error;
use std::fs;
use std::hint::black_box;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use arca_lang::sprig::Sprig;
use arca_lang::template::{Functions as _, Limits, Options, Template, Value};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(folder), Some(milliseconds)) = (arguments.next(), arguments.next()) else {
        return Err("usage: template_times FOLDER MILLISECONDS".into());
    };
    let least = Duration::from_millis(milliseconds.parse()?);
    let files = fs::read_dir(folder)?.map(|entry| entry.map(|entry| entry.path()));
    let mut files: Vec<PathBuf> = files.collect::<Result<_, _>>()?;
    files.retain(|file| file.extension().is_some_and(|extension| extension == "tmpl"));
    files.sort();
    for file in files {
        let text = fs::read_to_string(&file)?;
        let json = fs::read_to_string(file.with_extension("json"))?;
        let data = Sprig::default().call("sprig_mustFromJson", &[Value::from(json)])?;
        let name = file.file_stem().unwrap_or_default().to_string_lossy();
        let functions = Sprig::default();
        let parsing = nanoseconds(least, || Template::parse("t", black_box(&text), &functions))?;
        let template = Template::parse("t", &text, &functions)?;
        let options = Options {
            limits: Limits {
                output: 4 << 20,
                ..Limits::default()
            },
            ..Options::default()
        };
        let render = || template.render_bytes(black_box(&data), &mut Sprig::new(4 << 20), &options);
        let rendering = nanoseconds(least, render)?;
        println!("{name} {parsing:.0} {rendering:.0} {:016x}", sum(&render()?));
    }
    Ok(())
}

/// What one call takes on average, over at least this time.
#[expect(clippy::cast_precision_loss, reason = "nobody needs more digits")]
fn nanoseconds<T, E: Error + 'static>(
    least: Duration,
    call: impl Fn() -> Result<T, E>,
) -> Result<f64, Box<dyn Error>> {
    drop(call()?);
    let (mut count, start) = (0_u32, Instant::now());
    loop {
        for _ in 0..16 {
            drop(black_box(call()?));
        }
        count += 16;
        let taken = start.elapsed();
        if taken >= least {
            return Ok(taken.as_nanos() as f64 / f64::from(count));
        }
    }
}

/// FNV-1a with 64 bits.
fn sum(data: &[u8]) -> u64 {
    data.iter().fold(0xcbf2_9ce4_8422_2325, |sum, byte| {
        (sum ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}
