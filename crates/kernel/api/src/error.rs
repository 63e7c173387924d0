//! The error body: `{"errors": ["..."]}`.

use serde::{Deserialize, Serialize};

/// What a failed request answers with.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Errors {
    /// Usually one message, which may span lines; empty when there is nothing to say.
    #[serde(default)]
    pub errors: Vec<String>,
}

/// The text existing servers wrap a bare error in; clients match it.
#[must_use]
pub fn multierror(messages: &[&str]) -> String {
    let plural = if messages.len() == 1 { "error" } else { "errors" };
    let mut out = format!("{} {plural} occurred:\n", messages.len());
    for message in messages {
        out.push_str("\t* ");
        out.push_str(message);
        out.push('\n');
    }
    out.push('\n');
    out
}

#[cfg(test)]
mod tests {
    use super::multierror;

    #[test]
    fn one_and_many() {
        assert_eq!(
            multierror(&["permission denied"]),
            "1 error occurred:\n\t* permission denied\n\n"
        );
        assert_eq!(multierror(&["a", "b"]), "2 errors occurred:\n\t* a\n\t* b\n\n");
    }
}
