//! The messages that were passed over: lost, unless they come late.

use std::collections::BTreeMap;

/// Ranges of missing sequences, of all producers.
///
/// Each arrival adds one range at most (it opens a gap, or splits one), so memory is bounded by what arrives, whatever
/// sequences it claims.
#[derive(Debug, Default)]
pub(super) struct Gaps {
    /// From producer and first missing sequence to the first that is not missing.
    ranges: BTreeMap<(u32, u64), u64>,
}

impl Gaps {
    /// Notes that the sequences from `start` to before `end` were passed over.
    pub(super) fn open(&mut self, producer: u32, start: u64, end: u64) {
        self.ranges.insert((producer, start), end);
    }

    /// Strikes out `sequence`, if it is missing; says whether it was.
    pub(super) fn fill(&mut self, producer: u32, sequence: u64) -> bool {
        let before = self.ranges.range(..=(producer, sequence)).next_back();
        let Some((&(owner, start), &end)) = before.filter(|((owner, _), end)| *owner == producer && sequence < **end)
        else {
            return false;
        };
        self.ranges.remove(&(owner, start));
        if start < sequence {
            self.open(producer, start, sequence);
        }
        if sequence + 1 < end {
            self.open(producer, sequence + 1, end);
        }
        true
    }

    /// How many messages are missing.
    pub(super) fn missing(&self) -> u64 {
        self.ranges.iter().map(|((_, start), end)| end - start).fold(0, u64::saturating_add)
    }
}

#[cfg(test)]
mod tests {
    use super::Gaps;

    #[test]
    fn a_gap_is_filled_from_any_side() {
        let mut gaps = Gaps::default();
        gaps.open(3, 10, 15);
        for (sequence, left) in [(12, 4), (10, 3), (14, 2), (11, 1), (13, 0)] {
            assert!(gaps.fill(3, sequence), "{sequence}");
            assert!(!gaps.fill(3, sequence), "{sequence} again");
            assert_eq!(gaps.missing(), left);
        }
    }

    #[test]
    fn producers_are_kept_apart() {
        let mut gaps = Gaps::default();
        gaps.open(3, 10, 15);
        gaps.open(5, 0, 2);
        assert!(!gaps.fill(4, 12));
        assert!(!gaps.fill(5, 12));
        assert!(!gaps.fill(3, 15));
        assert!(gaps.fill(5, 1));
        assert_eq!(gaps.missing(), 6);
    }
}
