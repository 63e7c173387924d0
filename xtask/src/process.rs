//! A program that was started, and what the kernel says of it: CPU time and memory.

use std::fs;
use std::process::{Child, Command};
use std::time::Duration;

use anyhow::{Context as _, Result};

use crate::refuse_if;
use crate::time::{Stopwatch, pause};
use crate::workspace::captured;

/// A program that ends with this value, and the address it listens at, if it does.
pub(crate) struct Running {
    pub(crate) address: String,
    pub(crate) process: Process,
    child: Child,
}

impl Running {
    pub(crate) fn new(child: Child, address: String) -> Result<Self> {
        Ok(Self {
            address,
            process: Process::new(child.id())?,
            child,
        })
    }

    /// How the process ended, if it did.
    pub(crate) fn ended(&mut self) -> Result<Option<String>> {
        Ok(self.child.try_wait()?.map(|status| status.to_string()))
    }

    /// Asks the process to end, and waits until it did.
    pub(crate) fn stop(mut self) -> Result<()> {
        // The shell has `kill` built in; small systems have no program of that name.
        captured(Command::new("sh").args(["-c", "kill \"$0\"", &self.process.id.to_string()]))?;
        let time = Stopwatch::start();
        while self.ended()?.is_none() {
            refuse_if(time.elapsed() > Duration::from_secs(60), || {
                format!(
                    "process {} does not end within 60 seconds of being asked to",
                    self.process.id
                )
            })?;
            pause(Duration::from_millis(5));
        }
        Ok(())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself: then there is nothing to kill, and its status was already taken.
        drop((self.child.kill(), self.child.wait()));
    }
}

/// A process whose consumption is read.
#[derive(Clone, Copy)]
pub(crate) struct Process {
    id: u32,
    ticks_per_second: f64,
}

/// Resident memory, in KiB.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Memory {
    pub(crate) now: u64,
    pub(crate) peak: u64,
}

impl Process {
    pub(crate) fn new(id: u32) -> Result<Self> {
        let ticks = captured(Command::new("getconf").arg("CLK_TCK"))?;
        let ticks_per_second = ticks
            .trim()
            .parse()
            .context("getconf CLK_TCK printed no number")?;
        Ok(Self { id, ticks_per_second })
    }

    /// CPU time since the process started, in user and kernel, all threads, in microseconds.
    pub(crate) fn cpu_micros(self) -> Result<f64> {
        let ticks = parse_stat(&self.read("stat")?).context("/proc/<pid>/stat has another shape")?;
        Ok(ticks * 1e6 / self.ticks_per_second)
    }

    pub(crate) fn memory(self) -> Result<Memory> {
        parse_status(&self.read("status")?).context("/proc/<pid>/status names no resident memory")
    }

    /// Resident memory that is not pages of files, in KiB.
    pub(crate) fn anonymous_memory(self) -> Result<u64> {
        kib(&self.read("status")?, "RssAnon:").context("/proc/<pid>/status names no anonymous memory")
    }

    fn read(self, file: &str) -> Result<String> {
        let path = format!("/proc/{}/{file}", self.id);
        fs::read_to_string(&path).with_context(|| format!("cannot read {path}: has the process ended?"))
    }
}

/// Ticks in user and kernel of a line of proc_pid_stat(5). The name of the program may hold spaces and brackets.
fn parse_stat(line: &str) -> Option<f64> {
    let (_, fields) = line.rsplit_once(')')?;
    let mut ticks = fields
        .split_whitespace()
        .skip(11)
        .map(|field| field.parse::<u32>().ok());
    Some(f64::from(ticks.next()??) + f64::from(ticks.next()??))
}

fn parse_status(text: &str) -> Option<Memory> {
    Some(Memory {
        now: kib(text, "VmRSS:")?,
        peak: kib(text, "VmHWM:")?,
    })
}

fn kib(status: &str, name: &str) -> Option<u64> {
    let rest = status.lines().find_map(|line| line.strip_prefix(name))?;
    rest.trim().strip_suffix("kB")?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_ticks_behind_any_program_name() {
        let line = "42 (a) b (c) S 1 42 42 0 -1 4194560 100 0 0 0 250 50 7 8 20 0 3 0 1 2 3";
        assert_eq!(parse_stat(line), Some(300.0));
        assert_eq!(parse_stat("42 (a) S 1"), None);
    }

    #[test]
    fn reads_resident_memory() {
        let text = "Name:\tx\nVmHWM:\t    2048 kB\nVmRSS:\t    1024 kB\n";
        assert_eq!(
            parse_status(text),
            Some(Memory {
                now: 1024,
                peak: 2048
            })
        );
        assert_eq!(parse_status("Name:\tx\n"), None);
    }

    #[test]
    fn stops_what_it_started() {
        let child = Command::new("sleep").arg("600").spawn().unwrap();
        let mut running = Running::new(child, String::new()).unwrap();
        assert_eq!(running.ended().unwrap(), None);
        let process = running.process;
        running.stop().unwrap();
        assert!(process.memory().is_err(), "still there");
    }

    #[test]
    fn reads_this_process() {
        let this = Process::new(std::process::id()).unwrap();
        assert!(this.memory().unwrap().now > 0);
        assert!(this.cpu_micros().unwrap() >= 0.0);
    }
}
