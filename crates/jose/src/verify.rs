//! placeholder
/// A value that came through the verifier. There is no other way to make one.
#[derive(Clone, Debug)]
pub struct Verified<T>(T);

impl<T> Verified<T> {
    /// The verified value.
    pub fn get(&self) -> &T {
        &self.0
    }
    /// The verified value, as a plain one: from here on nothing vouches for it.
    pub fn into_inner(self) -> T {
        self.0
    }
}
