//! The knobs of a run, as the Python side passes them.
//!
//! | knob | meaning |
//! | --- | --- |
//! | `producers`, `messages`, `payload` | how many send, how many messages each, how large |
//! | `contents` | a [`PyContents`], where messages differ in size; `payload` is only a label then |
//! | `capacity`, `capacity_unit` | the most that the queue holds, in `"bytes"` (the default) or `"messages"`; None is no bound |
//! | `on_full` | `"wait"` (the default), `"drop-newest"`, `"drop-oldest"` |
//! | `load`, `rate`, `arrivals`, `seed` | `"closed"` (the default); or `"open"` at `rate` messages a second of all producers together, `"constant"` (the default) or `"poisson"`, drawn from `seed` (0) |
//! | `producers_as`, `actor`, `threads` | `"tasks"` or `"threads"`; `"thread"` or `"task"`; threads of the runtime |
//! | `server`, `read_rate`, `receive_buffer`, `send_buffer` | `"discard"` or `"echo"`; bytes a second that it reads; sizes of the socket buffers to ask for |
//! | `pause_ns`, `pause_after_bytes`, `pause_after_ns` | how long the server stops reading, once a burst, and when: after so many bytes, or so long after the first |
//! | `work_ns`, `delay_ns` | what a producer spends and sleeps before each message; not with an open load |
//! | `timeline` | whether the backlog is noted over time |
//! | `bursts`, `min_ns`, `timeout_ns` | repeat so often, and for so long; give up after |
//!
//! `capacity_unit`, `on_full`, the load, the rates, the buffers, the pause, `timeline` and `contents` may be left out or None. How long
//! a burst of an open load is, `messages` says: `rate * seconds / producers` of each producer.

use std::time::Duration;

use pyo3::prelude::*;

use super::contents::PyContents;
use crate::error::{Error, Result};
use crate::lab::{Arrivals, Cell, Load};
use crate::queue::{Capacity, OnFull};
use crate::server::{Pause, PauseAt};

/// Validated for type here, for value by the cell.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub(super) struct Knobs {
    producers: u64,
    messages: u64,
    payload: usize,
    capacity: Option<usize>,
    producers_as: String,
    actor: String,
    server: String,
    threads: Option<usize>,
    work_ns: u64,
    delay_ns: u64,
    bursts: u64,
    min_ns: u64,
    timeout_ns: Option<u64>,
    #[pyo3(default)]
    capacity_unit: Option<String>,
    #[pyo3(default)]
    on_full: Option<String>,
    #[pyo3(default)]
    load: Option<String>,
    #[pyo3(default)]
    rate: Option<f64>,
    #[pyo3(default)]
    arrivals: Option<String>,
    #[pyo3(default)]
    seed: Option<u64>,
    #[pyo3(default)]
    read_rate: Option<u64>,
    #[pyo3(default)]
    receive_buffer: Option<usize>,
    #[pyo3(default)]
    send_buffer: Option<usize>,
    #[pyo3(default)]
    pause_ns: Option<u64>,
    #[pyo3(default)]
    pause_after_bytes: Option<u64>,
    #[pyo3(default)]
    pause_after_ns: Option<u64>,
    #[pyo3(default)]
    timeline: Option<bool>,
    #[pyo3(default)]
    contents: Option<Py<PyContents>>,
}

impl Knobs {
    /// The cell that they describe, checked.
    pub(super) fn cell(&self, strategy: &str) -> Result<Cell> {
        let count = |name, value| {
            u32::try_from(value).map_err(|_| Error::argument(name, value, format!("allowed are 1 to {}", u32::MAX)))
        };
        let cell = Cell {
            messages: self.messages,
            payload: self.payload,
            contents: self.contents.as_ref().map(|contents| contents.get().contents()),
            load: self.load()?,
            capacity: self.capacity()?,
            on_full: self.on_full.as_deref().map_or(Ok(OnFull::Wait), str::parse)?,
            producers_as: self.producers_as.parse()?,
            actor: self.actor.parse()?,
            server: self.server.parse()?,
            read_rate: self.read_rate,
            receive_buffer: self.receive_buffer,
            send_buffer: self.send_buffer,
            pause: self.pause()?,
            timeline: self.timeline.unwrap_or(false),
            threads: self.threads,
            work: Duration::from_nanos(self.work_ns),
            delay: Duration::from_nanos(self.delay_ns),
            bursts: count("bursts", self.bursts)?,
            min_time: Duration::from_nanos(self.min_ns),
            timeout: self.timeout_ns.map(Duration::from_nanos),
            ..Cell::new(strategy.parse()?, count("producers", self.producers)?)
        };
        cell.validate()?;
        Ok(cell)
    }

    fn capacity(&self) -> Result<Option<Capacity>> {
        let unit = match self.capacity_unit.as_deref() {
            None | Some("bytes") => Capacity::Bytes,
            Some("messages") => Capacity::Messages,
            Some(other) => return Err(Error::argument("capacity_unit", other, "allowed are bytes, messages")),
        };
        Ok(self.capacity.map(unit))
    }

    fn load(&self) -> Result<Load> {
        match self.load.as_deref() {
            None | Some("closed") => self.closed(),
            Some("open") => self.open(),
            Some(other) => Err(Error::argument("load", other, "allowed are closed, open")),
        }
    }

    /// A rate that nobody would keep is a mistake.
    fn closed(&self) -> Result<Load> {
        match self.rate {
            Some(rate) => Err(Error::argument("rate", rate, "with a closed load allowed is None")),
            None => Ok(Load::Closed),
        }
    }

    fn open(&self) -> Result<Load> {
        let rate = self.rate.ok_or_else(|| Error::argument("rate", "None", "an open load needs messages a second"))?;
        let arrivals = self.arrivals.as_deref().map_or(Ok(Arrivals::Constant), str::parse)?;
        Ok(Load::Open { rate, arrivals, seed: self.seed.unwrap_or(0) })
    }

    fn pause(&self) -> Result<Option<Pause>> {
        let at = match (self.pause_after_bytes, self.pause_after_ns) {
            (None, None) => None,
            (Some(bytes), None) => Some(PauseAt::Bytes(bytes)),
            (None, Some(time)) => Some(PauseAt::Time(Duration::from_nanos(time))),
            (Some(_), Some(time)) => {
                return Err(Error::argument("pause_after_ns", time, "allowed is one of it and pause_after_bytes"));
            }
        };
        match (self.pause_ns, at) {
            (None, None) => Ok(None),
            (Some(length), Some(at)) => Ok(Some(Pause { at, length: Duration::from_nanos(length) })),
            (length, _) => {
                let length = length.map_or("None".to_owned(), |length| length.to_string());
                Err(Error::argument(
                    "pause_ns",
                    length,
                    "a pause needs its length, and pause_after_bytes or pause_after_ns",
                ))
            }
        }
    }
}
