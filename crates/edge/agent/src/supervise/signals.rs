//! Names of signals, and those that a supervised process gets too.

use std::io;

use rustix::process::Signal;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;

use super::Order;

const NAMES: [(&str, Signal); 16] = [
    ("HUP", Signal::HUP),
    ("INT", Signal::INT),
    ("QUIT", Signal::QUIT),
    ("ABRT", Signal::ABORT),
    ("KILL", Signal::KILL),
    ("USR1", Signal::USR1),
    ("USR2", Signal::USR2),
    ("PIPE", Signal::PIPE),
    ("ALRM", Signal::ALARM),
    ("TERM", Signal::TERM),
    ("CONT", Signal::CONT),
    ("TSTP", Signal::TSTP),
    ("TTIN", Signal::TTIN),
    ("TTOU", Signal::TTOU),
    ("WINCH", Signal::WINCH),
    ("IO", Signal::IO),
];

/// Signals that mean nothing to an agent, and go to the process it supervises.
pub const PASSED_ON: [Signal; 5] = [
    Signal::USR1,
    Signal::USR2,
    Signal::WINCH,
    Signal::QUIT,
    Signal::ALARM,
];

/// The signal of a name: `SIGTERM`, `TERM`, or its number.
#[must_use]
pub fn parse(text: &str) -> Option<Signal> {
    let text = text.trim().to_ascii_uppercase();
    let name = text.strip_prefix("SIG").unwrap_or(&text);
    let named = NAMES
        .iter()
        .find(|(known, _)| *known == name)
        .map(|(_, signal)| *signal);
    named.or_else(|| Signal::from_named_raw(name.parse().ok()?))
}

/// Passes signals of this process on until nobody listens.
///
/// # Errors
/// Those of the operating system.
pub fn pass_on(wanted: &[Signal], orders: &mpsc::Sender<Order>) -> io::Result<()> {
    for wanted in wanted.iter().copied() {
        let mut received = signal(SignalKind::from_raw(wanted.as_raw()))?;
        let orders = orders.clone();
        tokio::spawn(async move {
            while received.recv().await.is_some() {
                if orders.send(Order::Pass(wanted)).await.is_err() {
                    return;
                }
            }
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_numbers() {
        for text in ["SIGTERM", "term", " TERM ", "15"] {
            assert_eq!(parse(text), Some(Signal::TERM), "{text}");
        }
        assert_eq!(parse("SIGUSR1"), Some(Signal::USR1));
        for text in ["", "SIG", "SIGNONE", "0", "-1", "999"] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
