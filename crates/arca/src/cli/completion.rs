//! `completion`.

use clap::{Args, CommandFactory, ValueEnum};
use clap_complete::{Shell, generate};

use super::Cli;
use super::failure::{DONE, Outcome};
use super::session::Session;

const EXAMPLES: &str = "\
  bash  add to ~/.bashrc:  source <(arca completion bash)
  zsh   add to ~/.zshrc:   source <(arca completion zsh)
  fish  run once:          arca completion fish > ~/.config/fish/completions/arca.fish";

/// Prints the script that completes commands in a shell.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Completion {
    /// The shell
    shell: Kind,
}

#[derive(ValueEnum, Clone, Copy, Debug)]
enum Kind {
    Bash,
    Zsh,
    Fish,
}

impl Completion {
    pub(crate) fn run(self, session: &mut Session) -> Outcome {
        let shell = match self.shell {
            Kind::Bash => Shell::Bash,
            Kind::Zsh => Shell::Zsh,
            Kind::Fish => Shell::Fish,
        };
        let mut script = Vec::new();
        generate(shell, &mut Cli::command(), session.program.clone(), &mut script);
        session.screen.raw(&script);
        Ok(DONE)
    }
}

/// Answers the flag with which existing tools install their completion.
pub(super) fn install(session: &mut Session) -> Outcome {
    let program = session.program.clone();
    session.screen.line(&format!(
        "Completion is a script that your shell reads when it starts:\n\n  \
         bash  add to ~/.bashrc:  source <({program} completion bash)\n  \
         zsh   add to ~/.zshrc:   source <({program} completion zsh)\n  \
         fish  run once:          {program} completion fish > ~/.config/fish/completions/{program}.fish"
    ));
    Ok(DONE)
}
