//! Arguments the way existing tools take them, put into the form the parser wants.
//!
//! Flags begin with one dash or two, take their value behind `=` or as the next argument, and stand anywhere
//! before `--`. Switches are turned off with `=false`. What is no flag stays as it is: `k=-x`, `-`, `-1`. The
//! result is program, commands, flags as `--name=value`, `--`, everything else.

use std::ffi::OsString;

use arca_api::field::parse_flag;
use clap::{Arg, ArgAction, Command};

/// Puts arguments, the program's name first, into the form the parser wants.
pub(super) fn normalize(arguments: Vec<OsString>, tree: &Command) -> Vec<OsString> {
    let mut arguments = arguments.into_iter();
    let mut line = Line::new(arguments.next().unwrap_or_else(|| "arca".into()), tree);
    while let Some(argument) = arguments.next() {
        match argument.to_str() {
            Some("--") => {
                line.values.extend(arguments);
                break;
            }
            Some(text) => match Flag::parse(text) {
                Some(flag) => line.push_flag(flag, &mut arguments),
                None => line.push_word(text),
            },
            None => line.values.push(argument),
        }
    }
    line.finish()
}

struct Flag<'a> {
    name: &'a str,
    value: Option<&'a str>,
}

impl<'a> Flag<'a> {
    fn parse(text: &'a str) -> Option<Self> {
        let after_dash = text.strip_prefix('-')?;
        let body = after_dash.strip_prefix('-').unwrap_or(after_dash);
        let (name, value) = match body.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (body, None),
        };
        name.starts_with(|c: char| c.is_ascii_alphabetic())
            .then_some(Self { name, value })
    }
}

/// The arguments read so far.
struct Line<'a> {
    tree: &'a Command,
    /// The command the last word named, if it was not the program itself.
    here: Option<Command>,
    commands: Vec<OsString>,
    flags: Vec<String>,
    values: Vec<OsString>,
}

impl<'a> Line<'a> {
    fn new(program: OsString, tree: &'a Command) -> Self {
        Self {
            tree,
            here: None,
            commands: vec![program],
            flags: Vec::new(),
            values: Vec::new(),
        }
    }

    fn push_word(&mut self, word: &str) {
        let command = self
            .here()
            .find_subcommand(word)
            .filter(|_| self.values.is_empty());
        match command {
            Some(command) => {
                let mut command = command.clone();
                command.build();
                self.here = Some(command);
                self.commands.push(word.into());
            }
            None => self.values.push(word.into()),
        }
    }

    fn push_flag(&mut self, flag: Flag<'_>, rest: &mut impl Iterator<Item = OsString>) {
        let Flag { name, value } = flag;
        if matches!(name, "v" | "version") && self.commands.len() == 1 {
            self.commands.push("version".into());
            return;
        }
        let Some(known) = self.find(name).cloned() else {
            let value = value.map(|value| format!("={value}")).unwrap_or_default();
            self.flags.push(format!("--{name}{value}"));
            return;
        };
        let name = known.get_long().unwrap_or(name);
        match (is_switch(&known), value) {
            (true, Some(value)) if parse_flag(value) == Some(false) => self.switch_off(name),
            (true, Some(value)) if parse_flag(value) == Some(true) => self.flags.push(format!("--{name}")),
            (_, Some(value)) => self.flags.push(format!("--{name}={value}")),
            (true, None) => self.flags.push(format!("--{name}")),
            (false, None) if !needs_value(&known) => self.flags.push(format!("--{name}")),
            (false, None) => match rest.next() {
                Some(value) => self.flags.push(format!("--{name}={}", value.to_string_lossy())),
                None => self.flags.push(format!("--{name}")),
            },
        }
    }

    fn switch_off(&mut self, name: &str) {
        let on = format!("--{name}");
        self.flags.retain(|flag| *flag != on);
    }

    fn here(&self) -> &Command {
        self.here.as_ref().unwrap_or(self.tree)
    }

    fn find(&self, name: &str) -> Option<&Arg> {
        let is_it = |arg: &&Arg| {
            let aliases = arg.get_all_aliases().unwrap_or_default();
            arg.get_long() == Some(name) || aliases.contains(&name)
        };
        let own = self.here().get_arguments().find(is_it);
        own.or_else(|| {
            self.tree
                .get_arguments()
                .filter(|arg| arg.is_global_set())
                .find(is_it)
        })
    }

    fn finish(self) -> Vec<OsString> {
        let takes_values = !self.here().has_subcommands() && !self.values.is_empty();
        let mut out = self.commands;
        out.extend(self.flags.into_iter().map(OsString::from));
        if takes_values {
            out.push("--".into());
        }
        out.extend(self.values);
        out
    }
}

/// Whether a flag is on when it is named, and takes no value beyond that.
fn is_switch(arg: &Arg) -> bool {
    matches!(arg.get_action(), ArgAction::SetTrue)
}

/// Whether a flag means nothing without a value.
fn needs_value(arg: &Arg) -> bool {
    arg.get_action().takes_values() && arg.get_num_args().is_none_or(|range| range.min_values() > 0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn tree() -> Command {
        let value = |name: &'static str| Arg::new(name).long(name);
        let switch = |name: &'static str| Arg::new(name).long(name).action(ArgAction::SetTrue);
        let put = Command::new("put")
            .arg(value("cas"))
            .arg(switch("force").alias("f"))
            .arg(value("tri").num_args(0..=1).require_equals(true))
            .arg(Arg::new("values").num_args(0..));
        let help = Arg::new("help")
            .long("help")
            .alias("h")
            .action(ArgAction::HelpShort);
        Command::new("arca")
            .arg(help.global(true))
            .arg(value("format").global(true))
            .arg(value("field").global(true))
            .arg(switch("detailed").global(true))
            .subcommand(Command::new("version"))
            .subcommand(Command::new("kv").subcommand(put))
    }

    fn check(given: &str, expected: &str) {
        let words = |text: &str| text.split(' ').map(OsString::from).collect::<Vec<_>>();
        assert_eq!(normalize(words(given), &tree()), words(expected), "{given}");
    }

    #[test]
    fn one_dash_or_two_with_or_without_equal_sign() {
        check(
            "arca kv put -format=json s k=v",
            "arca kv put --format=json -- s k=v",
        );
        check("arca kv put --format=json s", "arca kv put --format=json -- s");
        check("arca kv put -format json s", "arca kv put --format=json -- s");
        check("arca kv put --field x s", "arca kv put --field=x -- s");
        check("arca kv put -field= s", "arca kv put --field= -- s");
    }

    #[test]
    fn flags_stand_anywhere() {
        check(
            "arca kv put s k=v -cas 3 -format=json",
            "arca kv put --cas=3 --format=json -- s k=v",
        );
        check("arca -format=json kv put s", "arca kv put --format=json -- s");
        check("arca kv -field x put s", "arca kv put --field=x -- s");
    }

    #[test]
    fn values_that_look_like_flags_stay() {
        check(
            "arca kv put s k=-x -1 - -=x --=y",
            "arca kv put -- s k=-x -1 - -=x --=y",
        );
        check("arca kv put -cas -1 s", "arca kv put --cas=-1 -- s");
        check("arca kv put -field -x s", "arca kv put --field=-x -- s");
        check(
            "arca kv put -- -format=json s -f",
            "arca kv put -- -format=json s -f",
        );
    }

    #[test]
    fn switches_turn_off_and_the_last_word_counts() {
        check("arca kv put -f s", "arca kv put --force -- s");
        check("arca kv put -force=true s", "arca kv put --force -- s");
        check("arca kv put -force=false s", "arca kv put -- s");
        check("arca kv put -f -force=0 s", "arca kv put -- s");
        check("arca kv put -force=0 -f s", "arca kv put --force -- s");
        check("arca kv put -force=maybe s", "arca kv put --force=maybe -- s");
        check("arca kv put -detailed s", "arca kv put --detailed -- s");
    }

    #[test]
    fn switches_with_three_states_keep_theirs() {
        check("arca kv put -tri s", "arca kv put --tri -- s");
        check("arca kv put -tri=false s", "arca kv put --tri=false -- s");
    }

    #[test]
    fn help_and_version_have_short_names() {
        check("arca -h", "arca --help");
        check("arca kv put -help s", "arca kv put --help -- s");
        for version in ["-v", "-version", "--version"] {
            check(&format!("arca {version}"), "arca version");
        }
    }

    #[test]
    fn what_nobody_knows_is_left_to_the_parser() {
        check("arca kv gett x", "arca kv gett x");
        check("arca kv put -casx=1 s", "arca kv put --casx=1 -- s");
        check("arca kv put -cas", "arca kv put --cas");
    }

    proptest! {
        #[test]
        fn what_follows_two_dashes_is_never_touched(before in words(), after in words()) {
            let mut line = vec![OsString::from("arca"), "kv".into(), "put".into()];
            line.extend(before.into_iter().map(OsString::from));
            // The last flag may take the word that follows, but not two of them.
            line.extend(["value".into(), "--".into()]);
            let after: Vec<OsString> = after.into_iter().map(OsString::from).collect();
            line.extend(after.iter().cloned());
            let out = normalize(line, &tree());
            prop_assert!(out.ends_with(&after));
            // Behind the first two dashes there are only values.
            let values = out.iter().position(|word| word == "--").map_or(out.len(), |at| at + 1);
            prop_assert!(out.len() - values >= after.len());
        }
    }

    fn words() -> impl Strategy<Value = Vec<String>> {
        proptest::collection::vec(
            "(-{0,2}(cas|force|f|format|help|x|[a-z0-9=/]{0,3})(=[a-z-]{0,3})?)",
            0..5,
        )
        .prop_map(|words| words.into_iter().filter(|word| word != "--").collect())
    }

    #[cfg(unix)]
    #[test]
    fn bytes_that_are_no_text_are_values() {
        use std::os::unix::ffi::OsStringExt;
        let odd = OsString::from_vec(vec![b'-', 0xff]);
        let line = normalize(
            vec!["arca".into(), "kv".into(), "put".into(), odd.clone()],
            &tree(),
        );
        assert_eq!(line.last(), Some(&odd));
    }
}
