//! Places where the actor can be told to panic, in a build with the feature `planted`: the environment names one in
//! `FANIN_PLANTED`. It shows from the outside, through Python, that whoever waits is told. No release has the feature, and
//! without it a place is nothing.

/// Panics if this is the place.
#[cfg(feature = "planted")]
#[allow(clippy::panic)] // what it is for
pub(super) fn here(place: &str) {
    if std::env::var("FANIN_PLANTED").is_ok_and(|planted| planted == place) {
        panic!("planted in {place}");
    }
}

/// Nothing.
#[cfg(not(feature = "planted"))]
#[inline]
pub(super) const fn here(_: &str) {}
