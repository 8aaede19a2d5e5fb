//! What a thread, or the whole process, has used of the machine.
//!
//! The sum of user and system time is exact: it is read from the clock that counts a thread's or the process's processor
//! time. What `getrusage` says may be as old as the last tick, some milliseconds, and is only asked for how that time is
//! split; the kernel splits it by sampling, so over a few milliseconds the split is coarse.

use std::ops::{AddAssign, Sub};
use std::time::Duration;

/// Processor time, context switches, and memory that was touched.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Usage {
    /// Processor time in the program.
    pub user: Duration,
    /// Processor time in the kernel.
    pub system: Duration,
    /// Switches because a thread waited.
    pub voluntary_switches: u64,
    /// Switches because a thread's time was up.
    pub involuntary_switches: u64,
    /// Pages of memory that were touched for the first time, or again after they were given back.
    pub page_faults: u64,
}

impl Usage {
    /// Of the process, until now; zero where the system does not tell.
    #[must_use]
    pub fn of_process() -> Self {
        #[cfg(unix)]
        return unix::process();
        #[cfg(not(unix))]
        Self::default()
    }

    /// Of the calling thread, until now; zero where the system does not tell, as outside of Linux.
    #[must_use]
    pub fn of_thread() -> Self {
        #[cfg(target_os = "linux")]
        return unix::thread();
        #[cfg(not(target_os = "linux"))]
        Self::default()
    }
}

/// What was used between two looks; never less than nothing.
impl Sub for Usage {
    type Output = Self;

    fn sub(self, earlier: Self) -> Self {
        // The sum is what is exact; the split, which is not, gives way to it.
        let all = (self.user + self.system).saturating_sub(earlier.user + earlier.system);
        let user = self.user.saturating_sub(earlier.user).min(all);
        Self {
            user,
            system: all.saturating_sub(user),
            voluntary_switches: self.voluntary_switches.saturating_sub(earlier.voluntary_switches),
            involuntary_switches: self.involuntary_switches.saturating_sub(earlier.involuntary_switches),
            page_faults: self.page_faults.saturating_sub(earlier.page_faults),
        }
    }
}

impl AddAssign for Usage {
    fn add_assign(&mut self, other: Self) {
        self.user += other.user;
        self.system += other.system;
        self.voluntary_switches += other.voluntary_switches;
        self.involuntary_switches += other.involuntary_switches;
        self.page_faults += other.page_faults;
    }
}

/// Where there is `getrusage`.
#[cfg(unix)]
mod unix {
    use std::time::Duration;

    use nix::sys::resource::{UsageWho, getrusage};
    use nix::sys::time::{TimeSpec, TimeVal, TimeValLike};
    use nix::time::{ClockId, clock_gettime};

    use super::Usage;

    pub(super) fn process() -> Usage {
        of(UsageWho::RUSAGE_SELF, ClockId::CLOCK_PROCESS_CPUTIME_ID)
    }

    #[cfg(target_os = "linux")]
    pub(super) fn thread() -> Usage {
        of(UsageWho::RUSAGE_THREAD, ClockId::CLOCK_THREAD_CPUTIME_ID)
    }

    fn of(whose: UsageWho, clock: ClockId) -> Usage {
        let (Ok(usage), Ok(spent)) = (getrusage(whose), clock_gettime(clock)) else { return Usage::default() };
        let (user, system) = (duration(usage.user_time()), duration(usage.system_time()));
        let all = exact(spent);
        let share = user.as_secs_f64() / (user + system).as_secs_f64().max(f64::MIN_POSITIVE);
        let user = all.mul_f64(share.clamp(0.0, 1.0));
        Usage {
            user,
            system: all.saturating_sub(user),
            voluntary_switches: usage.voluntary_context_switches().unsigned_abs(),
            involuntary_switches: usage.involuntary_context_switches().unsigned_abs(),
            page_faults: usage.minor_page_faults().unsigned_abs(),
        }
    }

    fn duration(time: TimeVal) -> Duration {
        Duration::from_micros(time.num_microseconds().unsigned_abs())
    }

    fn exact(time: TimeSpec) -> Duration {
        Duration::new(time.tv_sec().unsigned_abs(), u32::try_from(time.tv_nsec()).unwrap_or(0))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    #[test]
    fn a_thread_is_told_from_the_process() {
        let (thread, process) = (Usage::of_thread(), Usage::of_process());
        let busy = || {
            let begun = Instant::now();
            while begun.elapsed() < Duration::from_millis(60) {
                std::hint::spin_loop();
            }
            Usage::of_thread()
        };
        let other = std::thread::spawn(busy).join().unwrap();
        let (thread, process) = (Usage::of_thread() - thread, Usage::of_process() - process);
        if cfg!(target_os = "linux") {
            let total = |usage: Usage| usage.user + usage.system;
            assert!(total(other) > Duration::ZERO && total(process) > Duration::ZERO);
            assert!(total(thread) < total(other), "{thread:?} {other:?}");
        }
    }
}
