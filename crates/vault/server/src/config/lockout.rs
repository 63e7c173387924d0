//! When callers of auth methods are locked out: `user_lockout "<type>" { ... }`.

use std::time::Duration;

use arca_base::Ttl;
use arca_core::login::{LockoutDefaults, LockoutRules};

use super::raw::UserLockout;
use super::source::Source;
use super::{ConfigError, Environment};
use arca_lang::hcl::lenient::{Interval, flag};

/// The label of rules for every type.
const ALL: &str = "all";

/// Rules by type: those for the type, and those for all where they say nothing. Of a key that stands several times
/// the last one counts; zero says nothing, as existing servers have it.
pub(super) fn defaults(
    sources: &[Source],
    environment: &Environment,
) -> Result<LockoutDefaults, ConfigError> {
    let off = match environment.setting("DISABLE_USER_LOCKOUT") {
        None => false,
        Some(text) => flag(&text).ok_or_else(|| {
            ConfigError::Whole("DISABLE_USER_LOCKOUT in the environment is not a boolean".to_owned())
        })?,
    };
    check_labels(sources)?;
    let all = merged(sources, ALL);
    let rules = LockoutRules::KINDS.map(|kind| {
        let mut rules = rules(&over(merged(sources, kind), all));
        rules.disabled |= off;
        (kind, rules)
    });
    Ok(LockoutDefaults(rules.into()))
}

fn check_labels(sources: &[Source]) -> Result<(), ConfigError> {
    for source in sources {
        for written in source.document.user_lockout.iter() {
            let label = written.label.to_lowercase();
            if label != ALL && !LockoutRules::apply_to(&label) {
                return Err(source.error(
                    written.body.position,
                    format!(
                        "user_lockout: {:?} is none of all, {}",
                        written.label,
                        LockoutRules::KINDS.join(", ")
                    ),
                ));
            }
        }
    }
    Ok(())
}

/// What the blocks with a label say together.
fn merged(sources: &[Source], label: &str) -> UserLockout {
    let blocks = sources
        .iter()
        .flat_map(|source| source.document.user_lockout.iter());
    blocks
        .filter(|written| written.label.eq_ignore_ascii_case(label))
        .fold(UserLockout::default(), |before, written| {
            over(without_zeros(written.body.value), before)
        })
}

fn without_zeros(said: UserLockout) -> UserLockout {
    let some_time = |interval: &Interval| !interval.0.is_zero();
    UserLockout {
        lockout_threshold: said.lockout_threshold.filter(|threshold| *threshold > 0),
        lockout_duration: said.lockout_duration.filter(some_time),
        lockout_counter_reset: said.lockout_counter_reset.filter(some_time),
        disable_lockout: said.disable_lockout,
    }
}

fn over(said: UserLockout, otherwise: UserLockout) -> UserLockout {
    UserLockout {
        lockout_threshold: said.lockout_threshold.or(otherwise.lockout_threshold),
        lockout_duration: said.lockout_duration.or(otherwise.lockout_duration),
        lockout_counter_reset: said.lockout_counter_reset.or(otherwise.lockout_counter_reset),
        disable_lockout: said.disable_lockout.or(otherwise.disable_lockout),
    }
}

fn rules(said: &UserLockout) -> LockoutRules {
    LockoutRules {
        threshold: said.lockout_threshold,
        duration: said.lockout_duration.map(ttl),
        counter_reset: said.lockout_counter_reset.map(ttl),
        disabled: said.disable_lockout.is_some_and(|flag| flag.0),
    }
}

/// In whole seconds; part of one is one.
fn ttl(interval: Interval) -> Ttl {
    let whole = interval.0.as_secs();
    let part = u64::from(interval.0 > Duration::from_secs(whole));
    Ttl::from_seconds(whole.saturating_add(part))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Configuration;

    fn parse(text: &str, variables: &[(&str, &str)]) -> Result<LockoutDefaults, String> {
        let text = format!("{text}\nstorage \"inmem\" {{}}\nlistener \"tcp\" {{ tls_disable = true }}\n");
        let environment = Environment::of(variables.iter().copied());
        let configuration =
            Configuration::parse("a.hcl", &text, &environment).map_err(|error| error.to_string())?;
        assert!(configuration.notes.is_empty(), "{:?}", configuration.notes);
        Ok(configuration.lockouts)
    }

    #[test]
    fn types_go_before_all() {
        let lockouts = parse(
            "user_lockout \"all\" {\n lockout_threshold = \"10\"\n lockout_duration = \"2m\"\n}\n\
             user_lockout \"LDAP\" {\n lockout_threshold = 3\n disable_lockout = \"true\"\n}\n\
             user_lockout \"ldap\" {\n lockout_counter_reset = \"1h\"\n}\n\
             user_lockout \"approle\" {\n lockout_threshold = 0\n lockout_duration = \"1ms\"\n}",
            &[],
        )
        .unwrap();
        let shown = |kind: &str| {
            let rules = &lockouts.0[kind];
            let times = (rules.duration().seconds(), rules.counter_reset().seconds());
            (rules.threshold(), times, rules.disabled)
        };
        assert_eq!(shown("userpass"), (10, (120, 900), false));
        assert_eq!(shown("ldap"), (3, (120, 3600), true));
        assert_eq!(shown("approle"), (10, (1, 900), false));
    }

    #[test]
    fn nothing_said_is_the_default() {
        let lockouts = parse("", &[]).unwrap();
        assert!(lockouts.0.values().all(|rules| *rules == LockoutRules::default()));
    }

    #[test]
    fn the_environment_turns_it_off() {
        let lockouts = parse("", &[("VAULT_DISABLE_USER_LOCKOUT", "true")]).unwrap();
        assert_eq!(lockouts.0.len(), 3);
        assert!(lockouts.0.values().all(|rules| rules.disabled));
        let error = parse("", &[("VAULT_DISABLE_USER_LOCKOUT", "maybe")]).unwrap_err();
        assert!(
            error.contains("DISABLE_USER_LOCKOUT in the environment"),
            "{error}"
        );
    }

    #[test]
    fn mistakes_are_named() {
        for (text, says) in [
            (
                "user_lockout \"jwt\" {}",
                "user_lockout: \"jwt\" is none of all, userpass",
            ),
            (
                "user_lockout \"all\" { lockout_threshold = \"few\" }",
                "lockout_threshold",
            ),
            (
                "user_lockout \"all\" { lockout_threshold = -1 }",
                "lockout_threshold",
            ),
            (
                "user_lockout \"all\" { lockout_duration = \"soon\" }",
                "lockout_duration",
            ),
            (
                "user_lockout \"all\" { lockout_counter_reset = -1 }",
                "lockout_counter_reset",
            ),
            (
                "user_lockout \"all\" { disable_lockout = \"maybe\" }",
                "disable_lockout",
            ),
        ] {
            let error = parse(text, &[]).unwrap_err();
            assert!(error.starts_with("a.hcl:1:") && error.contains(says), "{error}");
        }
    }
}
