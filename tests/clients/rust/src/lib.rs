//! What both programs share: the words after their name.

use std::fmt;

/// The usage of a program was not kept to.
#[derive(Debug)]
pub struct Usage(String);

impl fmt::Display for Usage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Usage {}

/// The words after a program's name: `--flag` alone, `--name value`, or a plain word.
pub struct Arguments(Vec<String>);

impl Arguments {
    /// Those of this process.
    pub fn of_process() -> Self {
        Self(std::env::args().skip(1).collect())
    }

    /// Takes the value that follows `name`.
    ///
    /// # Errors
    ///
    /// When `name` is the last word.
    pub fn optional(&mut self, name: &str) -> Result<Option<String>, Usage> {
        let Some(at) = self.0.iter().position(|word| word == name) else {
            return Ok(None);
        };
        if at + 1 == self.0.len() {
            return Err(Usage(format!("{name} needs a value")));
        }
        self.0.remove(at);
        Ok(Some(self.0.remove(at)))
    }

    /// As [`Self::optional`], and missing is an error too.
    ///
    /// # Errors
    ///
    /// When `name` is missing or the last word.
    pub fn required(&mut self, name: &str) -> Result<String, Usage> {
        self.optional(name)?.ok_or_else(|| Usage(format!("{name} is missing")))
    }

    /// Takes every value of a `name` that may be given more than once.
    ///
    /// # Errors
    ///
    /// When `name` is the last word.
    pub fn repeated(&mut self, name: &str) -> Result<Vec<String>, Usage> {
        let mut values = Vec::new();
        while let Some(value) = self.optional(name)? {
            values.push(value);
        }
        Ok(values)
    }

    /// Takes `name`, which stands alone, and says whether it was there.
    pub fn flag(&mut self, name: &str) -> bool {
        let before = self.0.len();
        self.0.retain(|word| word != name);
        self.0.len() != before
    }

    /// What was not taken.
    pub fn rest(self) -> Vec<String> {
        self.0
    }
}

/// A private key in hex as the crates read it: with `0x` in front.
pub fn prefixed(key: &str) -> String {
    format!("0x{}", key.trim_start_matches("0x"))
}
