//! Names of the users, roles and entries that engines create elsewhere, by templates administrators write.
//!
//! ```text
//! {{ printf "v-%s-%s-%s-%s" (.DisplayName | truncate 8) (.RoleName | truncate 8) (random 20) (unix_time) | truncate 63 }}
//! ```

mod functions;

use arca_base::{Entropy, Timestamp};
use arca_lang::template::{self, Limits, MissingKey, Options, Syntax, Template, Value};

use functions::NameFunctions;

/// Longest template, in bytes.
pub const LONGEST_TEMPLATE: usize = 16 << 10;

/// Longest name, in bytes. Directory entries are written by templates too, so this is more than any name has.
pub const LONGEST_NAME: usize = 64 << 10;

/// What a name costs at most: no sound template comes near it.
const STEPS: u64 = 50_000;

/// A template that makes names.
#[derive(Debug)]
pub struct NameTemplate(Template);

/// A template that makes no name. The message never shows a value the template was fed with.
#[derive(Debug, thiserror::Error)]
pub enum NamingError {
    /// The template cannot be read.
    #[error("unable to parse template: {0}")]
    Parse(template::Error),
    /// It can be read and fails.
    #[error("unable to apply template: {0}")]
    Apply(template::Error),
}

impl NameTemplate {
    /// Reads a template.
    ///
    /// # Errors
    /// [`NamingError::Parse`] with the place of the mistake.
    pub fn parse(text: &str) -> Result<Self, NamingError> {
        let syntax = Syntax {
            bytes: LONGEST_TEMPLATE,
            ..Syntax::default()
        };
        let template = Template::parse_with("template", text, &NameFunctions::nowhere(), &syntax);
        template.map(Self).map_err(NamingError::Parse)
    }

    /// Reads a template and makes a name with empty fields, so that a template that cannot work is refused when it
    /// is configured.
    ///
    /// # Errors
    /// [`NamingError`] with the place of the mistake.
    pub fn checked(
        text: &str,
        fields: &[&str],
        now: Timestamp,
        entropy: &dyn Entropy,
    ) -> Result<Self, NamingError> {
        let template = Self::parse(text)?;
        template.name(fields.iter().map(|field| (*field, "")), now, entropy)?;
        Ok(template)
    }

    /// Makes a name. The fields are what the template knows as `.DisplayName` and the like.
    ///
    /// # Errors
    /// [`NamingError::Apply`] with the place in the template that failed.
    pub fn name<'a>(
        &self,
        fields: impl IntoIterator<Item = (&'a str, &'a str)>,
        now: Timestamp,
        entropy: &dyn Entropy,
    ) -> Result<String, NamingError> {
        let fields = fields.into_iter().map(|(field, text)| (field, Value::from(text)));
        let options = Options {
            // A misspelled field would otherwise become part of the name, as `<no value>`.
            missing_key: MissingKey::Error,
            limits: Limits {
                output: LONGEST_NAME,
                steps: STEPS,
                ..Limits::default()
            },
        };
        let mut functions = NameFunctions::of(now, entropy);
        let name = self.0.render(&Value::map(fields), &mut functions, &options);
        name.map_err(NamingError::Apply)
    }
}

#[cfg(test)]
mod tests {
    use arca_base::id::hex;

    use super::*;

    /// Gives the same byte again and again.
    struct Same(u8);

    impl Entropy for Same {
        fn fill(&self, out: &mut [u8]) {
            out.fill(self.0);
        }
    }

    fn now() -> Timestamp {
        Timestamp::from_unix(1_136_214_245, 678_000_000)
    }

    fn made(text: &str) -> Result<String, String> {
        let fields = [
            ("DisplayName", "token-with-a-long-name"),
            ("RoleName", "my-role"),
            ("Text", "thisisareallylongstring"),
        ];
        let template = NameTemplate::parse(text).map_err(|error| error.to_string())?;
        let name = template.name(fields, now(), &Same(0));
        name.map_err(|error| error.to_string())
    }

    #[track_caller]
    fn makes(text: &str, expected: &str) {
        assert_eq!(made(text), Ok(expected.to_owned()), "{text}");
    }

    #[track_caller]
    fn refuses(text: &str, part: &str) {
        let error = made(text).expect_err(text);
        assert!(error.contains(part), "{error}");
        assert!(!error.contains("thisisa"), "{error}");
    }

    #[test]
    fn names_have_the_shape_people_search_for() {
        makes(
            r#"{{ printf "v-%s-%s-%s-%s" (.DisplayName | truncate 8) (.RoleName | truncate 8) (random 20) (unix_time) | truncate 63 }}"#,
            "v-token-wi-my-role-00000000000000000000-1136214245",
        );
        makes(
            r#"{{ printf "V_%s_%s_%s" (.DisplayName | truncate 8 | uppercase | replace "-" "_") (random 3) (unix_time) }}"#,
            "V_TOKEN_WI_000_1136214245",
        );
    }

    #[test]
    fn truncation_keeps_names_apart() {
        makes("{{.Text | truncate_sha256 9}}", "t4bb25641");
        makes("{{.Text | truncate_sha256 12}}", "this704cd12b");
        makes("{{.Text | truncate_sha256 22}}", "thisisareallyl7f978be6");
        makes("{{.Text | truncate_sha256 23}}", "thisisareallylongstring");
        makes("{{.Text | truncate 4}}", "this");
        makes("{{.Text | truncate 400}}", "thisisareallylongstring");
        refuses("{{.Text | truncate 0}}", "max length must be > 0");
        refuses("{{.Text | truncate_sha256 8}}", "max length must be > 8");
        refuses("{{\"\\u00e9\" | truncate 1}}", "not UTF-8");
    }

    #[test]
    fn text_is_changed() {
        makes(
            r#"{{.RoleName | replace "-" "" | uppercase}} {{"ABC" | lowercase}}"#,
            "MYROLE abc",
        );
        makes(
            r#"{{"a" | base64}} {{"YQ==" | decode_base64}} {{"a" | hex}} {{"61" | decode_hex}}"#,
            "YQ== a 61 a",
        );
        let digest = hex(&arca_crypto::digest::sha256(b"a"));
        makes(r#"{{"a" | sha256}}"#, &digest);
        refuses("{{.Text | decode_base64}}", "not base64");
        refuses("{{.Text | decode_hex}}", "not hexadecimal");
    }

    #[test]
    fn time_and_randomness_are_those_handed_in() {
        makes("{{unix_time}} {{unix_time_millis}}", "1136214245 1136214245678");
        makes(r#"{{timestamp "2006-01-02T15:04:05Z"}}"#, "2006-01-02T15:04:05Z");
        makes("{{random 5}}", "00000");
        makes("{{uuid}}", "00000000-0000-4000-8000-000000000000");
        refuses("{{random 0}}", "from 1 to");
        refuses("{{random 100000}}", "from 1 to");
    }

    #[test]
    fn templates_are_checked_when_they_are_configured() {
        let check = |text: &str| {
            let checked = NameTemplate::checked(text, &["DisplayName"], now(), &Same(0));
            checked.map(drop).map_err(|error| error.to_string())
        };
        assert_eq!(check("{{.DisplayName | truncate 8}}"), Ok(()));
        let error = check("{{.DisplayNam}}").unwrap_err();
        assert!(
            error.contains("map has no entry for key \"DisplayNam\""),
            "{error}"
        );
        let error = check("{{bogus 1}}").unwrap_err();
        assert!(
            error.starts_with("unable to parse template: template: template:1:"),
            "{error}"
        );
        assert!(error.ends_with("function \"bogus\" not defined"), "{error}");
        let error = check(&"x".repeat(LONGEST_TEMPLATE + 1)).unwrap_err();
        assert!(error.contains("longer than 16384 bytes"), "{error}");
    }

    #[test]
    fn no_template_takes_forever() {
        refuses("{{range 1000000000}}{{random 1}}{{end}}", "more than 50000 steps");
        refuses(
            r#"{{$x := "aaaaaaaa"}}{{range 60}}{{$x = print $x $x}}{{end}}"#,
            "longer than",
        );
        refuses(
            r#"{{$x := "aaaaaaaa"}}{{range 60}}{{$x = replace "a" "aaaaaaaaaaaaaaaa" $x}}{{end}}"#,
            "longer than",
        );
    }
}
