//! A forked child has the parent's memory and none of its threads. Whatever waits for one of them would hang, so every
//! entry says so instead.

use std::process;
use std::sync::atomic::{AtomicU32, Ordering};

use pyo3::prelude::*;

use super::errors::Forked;

/// The process that imported the module; 0 before.
static HOME: AtomicU32 = AtomicU32::new(0);

pub(super) fn remember() {
    HOME.store(process::id(), Ordering::Relaxed);
}

/// Raises `Forked` in any other process than the one that imported the module.
pub(super) fn refuse_in_child() -> PyResult<()> {
    let (home, here) = (HOME.load(Ordering::Relaxed), process::id());
    if home == here {
        return Ok(());
    }
    Err(Forked::new_err(format!(
        "fanin was imported by process {home} and is called in its forked child {here}, which has none of its threads; \
         start processes by \"spawn\" (multiprocessing.get_context(\"spawn\")) and import fanin there"
    )))
}
