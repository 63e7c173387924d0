//! What auth methods ask when a token is renewed.

use arca_core::engine::TokenTerms;
use arca_core::tokens::Token;

/// Whether a token has the policies that a login would give today. A token keeps those it was made with, so it must
/// not outlive a change of them.
pub(crate) fn same_policies(terms: &TokenTerms, token: &Token) -> bool {
    let own = |policies: &'_ [String]| -> Vec<String> {
        let own = policies.iter().filter(|policy| *policy != "default");
        own.cloned().collect()
    };
    own(&terms.policies) == own(&token.policies)
}
