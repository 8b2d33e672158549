//! Values that must not be printed, compared or serialised, and are wiped when dropped.

use zeroize::Zeroize;

/// A secret: no `Debug`, `Display`, `PartialEq` or `Serialize`; wiped from memory when dropped.
pub struct Secret<T: Zeroize>(T);

impl<T: Zeroize> Secret<T> {
    /// Takes a secret in.
    pub const fn new(value: T) -> Self {
        Self(value)
    }

    /// The secret itself, for the one who must send or use it.
    pub const fn reveal(&self) -> &T {
        &self.0
    }
}

impl<T: Zeroize> Drop for Secret<T> {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}
