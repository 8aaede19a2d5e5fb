//! What a sink is to be: plain data, checked before anything is started.

use std::path::PathBuf;
use std::time::Duration;

use super::choices::{Confirm, Full, Reconnect};
use super::target::Target;
use crate::error::{Error, Result};
use crate::message::Framing;

/// The least and the most that a sink holds.
const CAPACITIES: std::ops::RangeInclusive<usize> = 1..=1 << 40;

/// A sink's settings. [`new`](Self::new) gives the defaults; every field may be changed after.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Config {
    /// The other end.
    pub target: Target,
    /// How messages become bytes on the wire.
    pub framing: Framing,
    /// The most bytes that are unsent or not yet acknowledged, frames included; a frame counts for four at least.
    pub capacity: usize,
    /// The longest message, in bytes; `None`: whatever the capacity holds.
    pub max_frame: Option<usize>,
    /// What becomes of a message for which there is no room.
    pub on_full: Full,
    /// How the sink knows what has arrived.
    pub confirm: Confirm,
    /// What happens when the connection is lost.
    pub reconnect: Reconnect,
    /// How long it waits between attempts to connect.
    pub backoff: Backoff,
    /// The most time for an attempt to connect, all addresses and TLS included.
    pub connect_timeout: Duration,
    /// The most time that the socket may take none of what there is to write; then the connection counts as lost.
    pub write_timeout: Option<Duration>,
    /// The most time that the other end may owe an echo without sending a byte; then the connection counts as lost.
    pub idle_timeout: Option<Duration>,
    /// Asks the system to look whether a silent peer is still there, first after this time. Not for Unix sockets.
    pub keepalive: Option<Duration>,
    /// Has small writes sent at once (`TCP_NODELAY`).
    pub nodelay: bool,
    /// The socket's send buffer, in bytes; `None`: what the system gives.
    pub send_buffer: Option<usize>,
    /// The socket's receive buffer, in bytes; `None`: what the system gives.
    pub receive_buffer: Option<usize>,
    /// How TLS is done, where the target asks for it.
    pub tls: Tls,
}

/// How the waits between attempts to connect grow: doubled each time, and of each a random part, half at least.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    /// The first.
    pub first: Duration,
    /// The longest.
    pub longest: Duration,
    /// Where the random parts begin; `None`: anywhere, so that many sinks do not come back at once.
    pub seed: Option<u64>,
}

impl Default for Backoff {
    fn default() -> Self {
        Self { first: Duration::from_millis(100), longest: Duration::from_secs(10), seed: None }
    }
}

/// How TLS is done. The default trusts what the system trusts, and shows no certificate of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tls {
    /// Whether the other end has to show a certificate that is trusted and for its name. Without it the bytes are
    /// encrypted for whoever answers.
    pub verify: bool,
    /// A PEM file of the authorities to trust, instead of the system's.
    pub ca_file: Option<PathBuf>,
    /// A PEM file with a certificate to show and its chain; needs [`key`](Self::key).
    pub certificate: Option<PathBuf>,
    /// A PEM file with the certificate's private key.
    pub key: Option<PathBuf>,
    /// The name that the other end's certificate has to be for, where that is not the target's host.
    pub server_name: Option<String>,
}

impl Default for Tls {
    fn default() -> Self {
        Self { verify: true, ca_file: None, certificate: None, key: None, server_name: None }
    }
}

impl Config {
    /// The defaults: no framing, 4 MiB, waiting when full, no confirmation, no reconnecting.
    #[must_use]
    pub fn new(target: Target) -> Self {
        Self {
            target,
            framing: Framing::None,
            capacity: 4 << 20,
            max_frame: None,
            on_full: Full::Wait,
            confirm: Confirm::None,
            reconnect: Reconnect::Off,
            backoff: Backoff::default(),
            connect_timeout: Duration::from_secs(10),
            write_timeout: Some(Duration::from_secs(30)),
            idle_timeout: Some(Duration::from_secs(30)),
            keepalive: None,
            nodelay: true,
            send_buffer: None,
            receive_buffer: None,
            tls: Tls::default(),
        }
    }

    /// Whether a sink can be made of it. No file is read and no name resolved.
    ///
    /// # Errors
    /// [`Error::Argument`] that names the field, its value and what is allowed.
    pub fn validate(&self) -> Result<()> {
        self.target.validate()?;
        self.validate_sizes()?;
        self.validate_times()?;
        if self.reconnect == Reconnect::AtLeastOnce && self.confirm == Confirm::None {
            let allowed = "what is to be sent again has to be known: it needs confirm=echo";
            return Err(Error::argument("reconnect", self.reconnect.name(), allowed));
        }
        self.tls.validate()?;
        if matches!(self.target, Target::Tls { .. }) { Ok(()) } else { self.tls.validate_unused(&self.target) }
    }

    fn validate_sizes(&self) -> Result<()> {
        if !CAPACITIES.contains(&self.capacity) {
            let allowed = format!("allowed are {} to {} bytes", CAPACITIES.start(), CAPACITIES.end());
            return Err(Error::argument("capacity", self.capacity, allowed));
        }
        let longest = self.framing.longest();
        match self.max_frame {
            Some(size) if size == 0 || size > longest => {
                Err(Error::argument("max_frame", size, format!("allowed are 1 to {longest} bytes")))
            }
            _ => Ok(()),
        }
    }

    fn validate_times(&self) -> Result<()> {
        positive("connect_timeout", Some(self.connect_timeout))?;
        positive("write_timeout", self.write_timeout)?;
        positive("idle_timeout", self.idle_timeout)?;
        positive("keepalive", self.keepalive)?;
        positive("backoff", Some(self.backoff.first))?;
        if self.backoff.longest < self.backoff.first {
            let value = format!("{:?} to {:?}", self.backoff.first, self.backoff.longest);
            return Err(Error::argument("backoff", value, "the longest wait is not shorter than the first"));
        }
        Ok(())
    }
}

fn positive(name: &'static str, time: Option<Duration>) -> Result<()> {
    match time {
        Some(time) if time.is_zero() => Err(Error::argument(name, format!("{time:?}"), "allowed are times above zero")),
        _ => Ok(()),
    }
}

impl Tls {
    fn validate(&self) -> Result<()> {
        match (&self.certificate, &self.key) {
            (Some(certificate), None) => {
                Err(Error::argument("certificate", certificate.display(), "it needs its private key beside it: key"))
            }
            (None, Some(key)) => Err(Error::argument("key", key.display(), "it needs its certificate beside it")),
            _ => match &self.ca_file {
                Some(file) if !self.verify => {
                    Err(Error::argument("ca_file", file.display(), "nobody is to be trusted where verify is false"))
                }
                _ => Ok(()),
            },
        }
    }

    /// Refuses what would be ignored: who asks for TLS is not to be given bytes in the clear.
    fn validate_unused(&self, target: &Target) -> Result<()> {
        let path = |path: &Option<PathBuf>| path.as_ref().map(|path| path.display().to_string());
        let given = [
            ("ca_file", path(&self.ca_file)),
            ("certificate", path(&self.certificate)),
            ("server_name", self.server_name.clone()),
            ("verify", (!self.verify).then(|| "false".to_owned())),
        ];
        match given.into_iter().find_map(|(name, value)| Some((name, value?))) {
            Some((name, value)) => {
                Err(Error::argument(name, value, format!("allowed for tls://HOST:PORT only, and this is {target}")))
            }
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config() -> Config {
        Config::new("tcp://127.0.0.1:9000".parse().unwrap())
    }

    fn refusal(change: impl FnOnce(&mut Config)) -> String {
        let mut config = config();
        change(&mut config);
        config.validate().unwrap_err().to_string()
    }

    #[test]
    fn the_defaults_are_valid() {
        config().validate().unwrap();
    }

    #[test]
    fn what_is_wrong_is_named() {
        assert!(refusal(|config| config.capacity = 0).starts_with("capacity=0: allowed are 1 to"));
        assert!(refusal(|config| config.max_frame = Some(0)).starts_with("max_frame=0: "));
        assert!(refusal(|config| config.connect_timeout = Duration::ZERO).starts_with("connect_timeout=0ns: "));
        assert!(refusal(|config| config.write_timeout = Some(Duration::ZERO)).starts_with("write_timeout="));
        assert!(
            refusal(|config| config.backoff.longest = Duration::from_millis(1)).starts_with("backoff=100ms to 1ms: ")
        );
        assert!(refusal(|config| config.reconnect = Reconnect::AtLeastOnce).contains("needs confirm=echo"));
        assert!(refusal(|config| config.tls.certificate = Some("a.pem".into())).starts_with("certificate=a.pem: "));
        assert!(
            refusal(|config| config.tls.ca_file = Some("a.pem".into())).ends_with("and this is tcp://127.0.0.1:9000")
        );
        assert!(refusal(|config| config.tls.verify = false).starts_with("verify=false: allowed for tls://"));
        assert!(
            refusal(|config| {
                config.target = "tls://localhost:9".parse().unwrap();
                config.tls.ca_file = Some("a.pem".into());
                config.tls.verify = false;
            })
            .starts_with("ca_file=a.pem: nobody is to be trusted")
        );
        assert!(refusal(|config| config.target = Target::Unix("".into())).starts_with("target=unix://: "));
    }

    #[test]
    fn a_length_of_32_bits_bounds_the_frame() {
        let message = refusal(|config| {
            config.framing = Framing::Length;
            config.max_frame = Some(u32::MAX as usize + 1);
        });
        assert_eq!(message, "max_frame=4294967296: allowed are 1 to 4294967295 bytes");
    }
}
