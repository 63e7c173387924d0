//! What a command finds around it: arguments, environment, streams, time.

use std::ffi::OsString;
use std::io::{self, IsTerminal, Read};
use std::sync::Arc;

use arca_base::{Clock, Entropy, Secret};
use arca_client::Transport;
use arca_crypto::SystemEntropy;

use crate::clock::SystemClock;
use crate::term::Stream;

/// Asks a person for a secret, which does not show while it is typed.
pub type Ask = Box<dyn FnMut(&str) -> io::Result<Secret<String>>>;

/// Looks an environment variable up.
pub type Variables = Box<dyn Fn(&str) -> Option<String>>;

/// The surroundings of one run of the command.
pub struct Host {
    /// The program's name and its arguments.
    pub arguments: Vec<OsString>,
    /// Looks environment variables up.
    pub variables: Variables,
    /// Standard input.
    pub input: Input,
    /// Standard output.
    pub output: Stream,
    /// Standard error.
    pub errors: Stream,
    /// Asks the person at the terminal; `None` when there is nobody.
    pub ask: Option<Ask>,
    /// Carries requests instead of the network.
    pub transport: Option<Arc<dyn Transport>>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub entropy: Arc<dyn Entropy>,
    /// Columns of the terminal, for help texts; `None` to find out.
    pub columns: Option<usize>,
}

/// Standard input.
pub struct Input {
    /// Gives the bytes.
    pub reader: Box<dyn Read>,
    /// Whether a person types.
    pub is_terminal: bool,
}

impl Host {
    /// The surroundings of this process.
    #[must_use]
    pub fn process() -> Self {
        let is_interactive = io::stdin().is_terminal();
        Self {
            arguments: std::env::args_os().collect(),
            variables: Box::new(|name| std::env::var(name).ok()),
            input: Input {
                reader: Box::new(io::stdin()),
                is_terminal: is_interactive,
            },
            output: Stream {
                writer: Box::new(io::stdout()),
                is_terminal: io::stdout().is_terminal(),
            },
            errors: Stream {
                writer: Box::new(io::stderr()),
                is_terminal: io::stderr().is_terminal(),
            },
            ask: is_interactive.then(|| Box::new(ask_terminal) as Ask),
            transport: None,
            clock: Arc::new(SystemClock::start()),
            entropy: Arc::new(SystemEntropy),
            columns: None,
        }
    }
}

fn ask_terminal(label: &str) -> io::Result<Secret<String>> {
    rpassword::prompt_password(label).map(Secret::new)
}
