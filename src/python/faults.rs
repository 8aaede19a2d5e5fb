//! What is wrong with a server or a line, as the Python side passes it.
//!
//! | knob | meaning |
//! | --- | --- |
//! | `seed`, `only_first` | what places are drawn from; how many connections have the faults, None for all |
//! | `refuse` | how many connections are turned away first |
//! | `stall`, `reset`, `close`, `half_close` | from which byte to which it may happen, both included; None for never |
//! | `stall_for_ns` | how long a stall is; None for good |
//! | `delay_ns`, `echo_delay_ns` | waits |
//! | `echo_fault`, `echo_fault_after` | `"flip"`, `"double"` or `"drop"`, and where |
//! | `read_rate` | bytes a second |

use std::time::Duration;

use pyo3::prelude::*;

use crate::error::Result;
use crate::server::{EchoFault, Faults, Place};

/// Checked for type here; any value is one that can be done.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub(super) struct FaultKnobs {
    seed: u64,
    only_first: Option<u64>,
    refuse: u64,
    delay_ns: u64,
    stall: Option<(u64, u64)>,
    stall_for_ns: Option<u64>,
    reset: Option<(u64, u64)>,
    close: Option<(u64, u64)>,
    half_close: Option<(u64, u64)>,
    echo_delay_ns: u64,
    echo_fault: Option<String>,
    echo_fault_after: (u64, u64),
    pub(super) read_rate: Option<u64>,
}

impl FaultKnobs {
    pub(super) fn faults(self) -> Result<Faults> {
        let what = self.echo_fault.as_deref().map(str::parse).transpose()?;
        Ok(Faults {
            seed: self.seed,
            only_first: self.only_first,
            refuse: self.refuse,
            delay: Duration::from_nanos(self.delay_ns),
            stall: self.stall.map(place),
            stall_for: self.stall_for_ns.map(Duration::from_nanos),
            reset: self.reset.map(place),
            close: self.close.map(place),
            half_close: self.half_close.map(place),
            echo_delay: Duration::from_nanos(self.echo_delay_ns),
            echo: what.map(|what| EchoFault { what, after: place(self.echo_fault_after) }),
        })
    }
}

const fn place((first, last): (u64, u64)) -> Place {
    Place::within(first, last)
}
