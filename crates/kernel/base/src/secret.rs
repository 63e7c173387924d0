//! Secret values in memory: wiped on drop, never printed.

use std::fmt;

use zeroize::Zeroize;

/// A value that must not be printed, logged, cloned by accident or left in freed memory.
///
/// It has no `Display`, `Clone` or `Serialize`; `Debug` prints a placeholder. [`Secret::expose`] is the only
/// way in, so that every use can be found by searching for it.
pub struct Secret<T: Zeroize>(T);

impl<T: Zeroize> Secret<T> {
    /// Takes ownership of `value`, which is wiped when the secret is dropped.
    pub const fn new(value: T) -> Self {
        Self(value)
    }

    /// Borrows the protected value.
    pub const fn expose(&self) -> &T {
        &self.0
    }

    /// Borrows the protected value for writing, for instance to fill a key buffer in place.
    pub const fn expose_mut(&mut self) -> &mut T {
        &mut self.0
    }
}

impl<T: Zeroize + Clone> Secret<T> {
    /// Makes a second copy on purpose; the name shows the copy at the call.
    #[must_use]
    pub fn duplicate(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T: Zeroize> Drop for Secret<T> {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl<T: Zeroize> fmt::Debug for Secret<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(redacted)")
    }
}

impl<T: Zeroize> From<T> for Secret<T> {
    fn from(value: T) -> Self {
        Self::new(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_never_shows_the_value() {
        let secret = Secret::new(String::from("canary-value"));
        assert_eq!(format!("{secret:?}"), "Secret(redacted)");
        assert!(!format!("{:#?}", Some(&secret)).contains("canary"));
    }

    #[test]
    fn expose_gives_the_value_back() {
        let mut secret = Secret::new(vec![1_u8, 2, 3]);
        secret.expose_mut().push(4);
        assert_eq!(secret.duplicate().expose(), &[1, 2, 3, 4]);
    }
}
