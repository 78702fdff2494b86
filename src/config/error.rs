//! Every mistake of a configuration, each with its place.

use std::fmt;

/// Mistakes listed by `Display`; all are counted.
const SHOWN: usize = 50;
/// Mistakes kept; one more than anybody reads, so that a broken template of 100,000
/// routes does not cost more memory than its correction.
const KEPT: usize = 1000;

/// One thing the operator should change.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Mistake {
    path: String,
    message: String,
    hint: String,
}

/// All that is wrong with a configuration.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Errors {
    mistakes: Vec<Mistake>,
    count: usize,
}

// === impl Mistake ===

impl Mistake {
    /// Where: `routes[2].offer.price`, or nothing for the whole text.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// What is wrong, in lower case. Never holds the value of a header.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// What to write instead; never empty.
    pub fn hint(&self) -> &str {
        &self.hint
    }
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.path.is_empty() {
            write!(f, "{}: ", self.path)?;
        }
        write!(f, "{} ({})", self.message, self.hint)
    }
}

// === impl Errors ===

impl Errors {
    /// The mistakes in the order of the configuration's sections.
    pub fn mistakes(&self) -> &[Mistake] {
        &self.mistakes
    }

    pub(super) fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// # Errors
    /// Itself, if there is anything in it.
    pub(crate) fn none(self) -> Result<(), Self> {
        if self.is_empty() {
            Ok(())
        } else {
            Err(self)
        }
    }

    #[inline(never)]
    pub(crate) fn push(
        &mut self,
        path: impl fmt::Display,
        message: impl fmt::Display,
        hint: impl fmt::Display,
    ) {
        self.keep(&path, &message, &hint);
    }

    /// One copy of the code for all the types that are displayed.
    #[cold]
    #[inline(never)]
    fn keep(&mut self, path: &dyn fmt::Display, message: &dyn fmt::Display, hint: &dyn fmt::Display) {
        self.count = self.count.saturating_add(1);
        if self.mistakes.len() < KEPT {
            self.mistakes.push(Mistake {
                path: path.to_string(),
                message: message.to_string(),
                hint: hint.to_string(),
            });
        }
    }
}

impl fmt::Display for Errors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plural = if self.count == 1 { "" } else { "s" };
        write!(f, "{} mistake{plural} in the configuration", self.count)?;
        for mistake in self.mistakes.iter().take(SHOWN) {
            write!(f, "\n  {mistake}")?;
        }
        match self.count.checked_sub(SHOWN) {
            Some(more) if more > 0 => write!(f, "\n  and {more} more"),
            _ => Ok(()),
        }
    }
}

impl std::error::Error for Errors {}
