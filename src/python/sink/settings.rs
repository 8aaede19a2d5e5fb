//! A sink's settings, as the Python side passes them: checked for type here, for value by the core.
//!
//! Times are seconds as floats, sizes are bytes, choices are the words that the core reads.

use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use pyo3::prelude::*;

use crate::error::{Error, Result};
use crate::sink::{Backoff, Config, Target, Tls};

#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub(super) struct Settings {
    target: String,
    framing: String,
    capacity: usize,
    max_frame: Option<usize>,
    on_full: String,
    confirm: String,
    reconnect: String,
    backoff: (f64, f64),
    connect_timeout: f64,
    write_timeout: Option<f64>,
    idle_timeout: Option<f64>,
    keepalive: Option<f64>,
    nodelay: bool,
    send_buffer: Option<usize>,
    receive_buffer: Option<usize>,
    ca_file: Option<PathBuf>,
    client_cert: Option<(PathBuf, PathBuf)>,
    server_name: Option<String>,
    verify: bool,
    close_timeout: f64,
}

impl Settings {
    /// The most time that a close has when it is not told.
    pub(super) fn close_timeout(&self) -> Result<Duration> {
        span("close_timeout", self.close_timeout)
    }

    /// What the core makes of them.
    pub(super) fn config(&self) -> Result<Config> {
        let mut config = Config::new(Target::from_str(&self.target)?);
        config.framing = self.framing.parse()?;
        config.capacity = self.capacity;
        config.max_frame = self.max_frame;
        config.on_full = self.on_full.parse()?;
        config.confirm = self.confirm.parse()?;
        config.reconnect = self.reconnect.parse()?;
        config.nodelay = self.nodelay;
        config.send_buffer = self.send_buffer;
        config.receive_buffer = self.receive_buffer;
        self.time(&mut config)?;
        config.tls = self.tls();
        Ok(config)
    }

    fn time(&self, config: &mut Config) -> Result<()> {
        let (first, longest) = self.backoff;
        config.backoff =
            Backoff { first: span("backoff", first)?, longest: span("backoff", longest)?, ..Backoff::default() };
        config.connect_timeout = span("connect_timeout", self.connect_timeout)?;
        config.write_timeout = self.write_timeout.map(|time| span("write_timeout", time)).transpose()?;
        config.idle_timeout = self.idle_timeout.map(|time| span("idle_timeout", time)).transpose()?;
        config.keepalive = self.keepalive.map(|time| span("keepalive", time)).transpose()?;
        Ok(())
    }

    fn tls(&self) -> Tls {
        let (certificate, key) = self.client_cert.clone().unzip();
        let (ca_file, server_name) = (self.ca_file.clone(), self.server_name.clone());
        Tls { verify: self.verify, ca_file, certificate, key, server_name }
    }
}

fn span(name: &'static str, seconds: f64) -> Result<Duration> {
    Duration::try_from_secs_f64(seconds).map_err(|_| Error::argument(name, seconds, "allowed are seconds from 0"))
}
