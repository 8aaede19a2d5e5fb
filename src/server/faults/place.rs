//! Where in a connection's bytes something happens.

/// A number of bytes, or a range of them from which each connection draws its own.
///
/// What is drawn depends on the seed, the connection's number and the fault, and on nothing else: the same connections
/// meet the same faults again, however fast the machine is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    first: u64,
    last: u64,
}

impl Place {
    /// After exactly so many bytes.
    #[must_use]
    pub const fn at(bytes: u64) -> Self {
        Self { first: bytes, last: bytes }
    }

    /// After some number of bytes from `first` to `last`; both may come. A range that is upside down is turned around.
    #[must_use]
    pub const fn within(first: u64, last: u64) -> Self {
        if first <= last { Self { first, last } } else { Self { first: last, last: first } }
    }

    /// Where it is for one connection. `fault` keeps the faults of a connection apart.
    #[must_use]
    pub const fn draw(self, seed: u64, connection: u64, fault: u64) -> u64 {
        match (self.last - self.first).checked_add(1) {
            Some(count) => self.first + chance(seed, connection, fault) % count,
            None => chance(seed, connection, fault),
        }
    }
}

/// A word that looks like chance (two rounds of the finaliser of `SplitMix64`).
const fn chance(seed: u64, connection: u64, fault: u64) -> u64 {
    scatter(scatter(seed ^ fault.wrapping_mul(0xD1B5_4A32_D192_ED03)).wrapping_add(connection))
}

const fn scatter(word: u64) -> u64 {
    let word = word.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let word = (word ^ (word >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let word = (word ^ (word >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    word ^ (word >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_itself_for_every_connection() {
        for connection in 0..100 {
            assert_eq!(Place::at(4096).draw(7, connection, 1), 4096);
        }
        assert_eq!(Place::at(u64::MAX).draw(7, 0, 1), u64::MAX);
    }

    #[test]
    fn a_range_is_filled_and_never_left() {
        let drawn: Vec<_> = (0..1000).map(|connection| Place::within(19, 10).draw(3, connection, 0)).collect();
        for place in 10..20 {
            let often = drawn.iter().filter(|&&other| other == place).count();
            assert!((50..200).contains(&often), "{place}: {often} of 1000");
        }
        assert!(drawn.iter().all(|place| (10..20).contains(place)));
    }

    #[test]
    fn seeds_connections_and_faults_are_kept_apart() {
        let all = Place::within(0, u64::MAX);
        assert_eq!(all.draw(1, 2, 3), all.draw(1, 2, 3));
        assert_ne!(all.draw(1, 2, 3), all.draw(2, 2, 3));
        assert_ne!(all.draw(1, 2, 3), all.draw(1, 3, 3));
        assert_ne!(all.draw(1, 2, 3), all.draw(1, 2, 4));
    }
}
