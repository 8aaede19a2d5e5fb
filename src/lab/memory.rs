//! How much memory a run may need.

use std::fs;

use crate::error::{Error, Result};

/// Refuses a run that could need more than a quarter of the memory. Where the system does not tell how much there is,
/// nothing is refused.
pub(super) fn refuse_beyond_a_quarter(need: u64) -> Result<()> {
    let Some(total) = total() else { return Ok(()) };
    if need <= total / 4 {
        return Ok(());
    }
    let (need, quarter) = (need >> 20, (total / 4) >> 20);
    let allowed = format!(
        "allowed is a quarter of the memory, {quarter} MiB; send fewer or smaller messages, or give a capacity"
    );
    Err(Error::argument("producers*messages*payload", format!("{need} MiB in the queue at the worst"), allowed))
}

/// The memory of the machine or of the control group, whichever is less.
fn total() -> Option<u64> {
    let info = fs::read_to_string("/proc/meminfo").ok()?;
    let kib: u64 =
        info.lines().find_map(|line| line.strip_prefix("MemTotal:"))?.split_whitespace().next()?.parse().ok()?;
    let group = fs::read_to_string("/sys/fs/cgroup/memory.max").ok().and_then(|text| text.trim().parse().ok());
    Some((kib * 1024).min(group.unwrap_or(u64::MAX)))
}
