//! The text of a configuration for secrets in variables.

use std::collections::BTreeMap;
use std::fmt::Write as _;

/// What stands in it.
pub(super) struct Document {
    pub(super) address: String,
    pub(super) namespace: Option<String>,
    pub(super) token_file: String,
    pub(super) command: Vec<String>,
    pub(super) secrets: Vec<Secret>,
}

/// A secret and the names of its members.
pub(super) struct Secret {
    /// The path of the API.
    pub(super) path: String,
    pub(super) is_versioned: bool,
    pub(super) members: Vec<String>,
}

impl Document {
    pub(super) fn text(&self) -> String {
        let mut text = format!(
            "auto_auth {{\n  method {{\n    type = \"token_file\"\n\n    config {{\n      token_file_path = {}\n    \
             }}\n  }}\n}}\n\n\
             template_config {{\n  static_secret_render_interval = \"5m\"\n  exit_on_retry_failure         = true\n  \
             max_connections_per_host      = 10\n}}\n\n\
             vault {{\n  address = {}\n",
            quoted(&self.token_file),
            quoted(&self.address),
        );
        if let Some(namespace) = &self.namespace {
            push(&mut text, format_args!("  namespace = {}\n", quoted(namespace)));
        }
        text.push_str("}\n");
        for (name, contents) in self.variables() {
            push(
                &mut text,
                format_args!(
                    "\nenv_template {} {{\n  contents             = {}\n  error_on_missing_key = true\n}}\n",
                    quoted(&name),
                    quoted(&contents)
                ),
            );
        }
        let words: Vec<String> = self.command.iter().map(|word| quoted(word)).collect();
        push(
            &mut text,
            format_args!(
                "\nexec {{\n  command                   = [{}]\n  restart_on_secret_changes = \"always\"\n  \
                 restart_stop_signal       = \"SIGTERM\"\n}}\n",
                words.join(", ")
            ),
        );
        text
    }

    /// Names of variables and their templates. Where two would have one name, more of the path is part of it.
    fn variables(&self) -> BTreeMap<String, String> {
        let all = || {
            self.secrets
                .iter()
                .flat_map(|secret| secret.members.iter().map(move |member| (secret, member)))
        };
        let mut short: BTreeMap<String, usize> = BTreeMap::new();
        for (secret, member) in all() {
            *short.entry(secret.short_name(member)).or_default() += 1;
        }
        let mut variables = BTreeMap::new();
        for (secret, member) in all() {
            let name = secret.short_name(member);
            let mut name = if short.get(&name) == Some(&1) {
                name
            } else {
                snake(&format!("{}_{member}", secret.path))
            };
            // Different texts may become one name: `a-b` and `a_b`.
            while variables.contains_key(&name) {
                name.push('_');
            }
            variables.insert(name, secret.template(member));
        }
        variables
    }
}

impl Secret {
    fn short_name(&self, member: &str) -> String {
        let last = self.path.rsplit('/').next().unwrap_or_default();
        snake(&format!("{last}_{member}"))
    }

    fn template(&self, member: &str) -> String {
        let data = if self.is_versioned { ".Data.data" } else { ".Data" };
        let value = if is_word(member) {
            format!("{data}.{member}")
        } else {
            format!("index {data} {}", quoted(member))
        };
        format!(
            "{{{{ with secret {} }}}}{{{{ {value} }}}}{{{{ end }}}}",
            quoted(&self.path)
        )
    }
}

fn push(text: &mut String, arguments: std::fmt::Arguments<'_>) {
    // Writing to text cannot fail.
    let _ = text.write_fmt(arguments);
}

/// What a template can name as a field.
fn is_word(member: &str) -> bool {
    let is_letter = |c: char| c.is_ascii_alphabetic() || c == '_';
    member.starts_with(is_letter) && member.chars().all(|c| is_letter(c) || c.is_ascii_digit())
}

/// In upper case, with one `_` for whatever no variable has in its name.
fn snake(text: &str) -> String {
    let mut name = String::new();
    for c in text.chars() {
        match c {
            c if c.is_ascii_alphanumeric() => name.push(c.to_ascii_uppercase()),
            _ if name.ends_with('_') => {}
            _ => name.push('_'),
        }
    }
    if name.starts_with(|c: char| c.is_ascii_digit()) {
        name.insert(0, '_');
    }
    name
}

/// As a string of configurations and templates alike.
fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            '\r' => out.push_str("\\r"),
            c if c.is_control() => push(&mut out, format_args!("\\u{:04x}", u32::from(c))),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use arca_agent::config::{AgentConfig, MethodKind, Strictness, TemplateSource};

    use super::*;

    fn secret(path: &str, is_versioned: bool, members: &[&str]) -> Secret {
        Secret {
            path: path.to_owned(),
            is_versioned,
            members: members.iter().map(|&member| member.to_owned()).collect(),
        }
    }

    fn document(secrets: Vec<Secret>) -> Document {
        Document {
            address: "https://127.0.0.1:8200".to_owned(),
            namespace: Some("team".to_owned()),
            token_file: "/home/a \"b\"/.vault-token".to_owned(),
            command: vec!["./app".to_owned(), "two words".to_owned()],
            secrets,
        }
    }

    #[test]
    fn what_is_written_is_read_without_a_note() {
        let text = document(vec![
            secret("secret/data/foo", true, &["user", "pass-word", "a\"b\\"]),
            secret("kv/bar", false, &["x"]),
        ])
        .text();
        let config = AgentConfig::parse(text.as_bytes(), "agent.hcl", &|_| None, Strictness::Strict);
        let config = config.unwrap_or_else(|error| panic!("{error}\n{text}"));
        let found = config
            .env_templates
            .iter()
            .map(|template| match &template.text.source {
                TemplateSource::Text(text) => (template.name.as_str(), text.as_str()),
                TemplateSource::File(_) => panic!("{text}"),
            });
        let found: Vec<_> = found.collect();
        assert_eq!(
            found,
            [
                ("BAR_X", "{{ with secret \"kv/bar\" }}{{ .Data.x }}{{ end }}"),
                (
                    "FOO_A_B_",
                    "{{ with secret \"secret/data/foo\" }}{{ index .Data.data \"a\\\"b\\\\\" }}{{ end }}"
                ),
                (
                    "FOO_PASS_WORD",
                    "{{ with secret \"secret/data/foo\" }}{{ index .Data.data \"pass-word\" }}{{ end }}"
                ),
                (
                    "FOO_USER",
                    "{{ with secret \"secret/data/foo\" }}{{ .Data.data.user }}{{ end }}"
                ),
            ]
        );
        let method = &config.auto_auth.unwrap().method.kind;
        assert!(matches!(method, MethodKind::TokenFile { path } if path.ends_with(".vault-token")));
        assert_eq!(config.exec.unwrap().command, ["./app", "two words"]);
        assert_eq!(config.server.namespace.as_deref(), Some("team"));
        assert!(config.template_settings.exit_on_retry_failure);
    }

    #[test]
    fn names_that_would_meet_are_told_apart() {
        let document = document(vec![
            secret("secret/data/one/db", true, &["password"]),
            secret(
                "secret/data/two/db",
                true,
                &["password", "pass.word", "pass-word"],
            ),
        ]);
        let names: Vec<String> = document.variables().into_keys().collect();
        assert_eq!(
            names,
            [
                "SECRET_DATA_ONE_DB_PASSWORD",
                "SECRET_DATA_TWO_DB_PASSWORD",
                "SECRET_DATA_TWO_DB_PASS_WORD",
                "SECRET_DATA_TWO_DB_PASS_WORD_"
            ]
        );
        assert_eq!((snake("2a"), snake("a--b")), ("_2A".to_owned(), "A_B".to_owned()));
    }
}
