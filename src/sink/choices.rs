//! The choices of a sink that are one word each.

use std::str::FromStr;

use crate::error::{Error, Result};

macro_rules! choices {
    ($($(#[$about:meta])* $name:ident, $argument:literal { $($(#[$each:meta])* $variant:ident = $word:literal,)* })*) => {$(
        $(#[$about])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
        pub enum $name { $($(#[$each])* $variant,)* }

        impl $name {
            /// Every choice.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// The word that callers use.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $word,)* }
            }
        }

        impl FromStr for $name {
            type Err = Error;

            fn from_str(word: &str) -> Result<Self> {
                Self::ALL.iter().copied().find(|choice| choice.name() == word).ok_or_else(|| {
                    let words: Vec<_> = Self::ALL.iter().map(|choice| choice.name()).collect();
                    Error::argument($argument, word, format!("allowed are {}", words.join(", ")))
                })
            }
        }
    )*};
}

choices! {
    /// What becomes of a message for which there is no room.
    Full, "on_full" {
        /// Its sender waits.
        #[default]
        Wait = "wait",
        /// The send fails, and nothing is taken.
        Raise = "raise",
        /// It is dropped.
        DropNewest = "drop_newest",
        /// It is taken, and the oldest that wait are dropped instead. What is lent to a write, or not yet acknowledged,
        /// never is; where nothing else holds the room, the message itself is dropped.
        DropOldest = "drop_oldest",
    }

    /// How the sink knows what has arrived.
    Confirm, "confirm" {
        /// It does not: *written* is all that can be said. What the other end sends is read, counted and thrown away.
        #[default]
        None = "none",
        /// The other end sends every byte back. The echo is compared, and acknowledges.
        Echo = "echo",
    }

    /// What happens when the connection is lost.
    Reconnect, "reconnect" {
        /// The sink fails: every call from then on says why, and with which account.
        #[default]
        Off = "off",
        /// It connects again and goes on behind what was begun: what is in doubt is never sent twice.
        AtMostOnce = "at_most_once",
        /// It connects again and sends from the first frame that was not acknowledged: nothing is missing, and only what
        /// was in doubt can come twice. Needs [`Confirm::Echo`].
        AtLeastOnce = "at_least_once",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_read_as_they_are_written() {
        for full in Full::ALL {
            assert_eq!(full.name().parse::<Full>().unwrap(), *full);
        }
        let message = "maybe".parse::<Reconnect>().unwrap_err().to_string();
        assert_eq!(message, "reconnect=maybe: allowed are off, at_most_once, at_least_once");
    }
}
