//! Errors of the core, as Python's exceptions. The classes live in `fanin.errors`, so they pickle.

use pyo3::exceptions::PyOSError;
use pyo3::prelude::*;

use crate::error::Error;

pyo3::import_exception!(fanin.errors, AddressError);
pyo3::import_exception!(fanin.errors, Closed);
pyo3::import_exception!(fanin.errors, Disconnected);
pyo3::import_exception!(fanin.errors, FaninError);
pyo3::import_exception!(fanin.errors, Forked);
pyo3::import_exception!(fanin.errors, Full);
pyo3::import_exception!(fanin.errors, MessageError);
pyo3::import_exception!(fanin.errors, PlanError);
pyo3::import_exception!(fanin.errors, TimedOut);

impl From<Error> for PyErr {
    fn from(error: Error) -> Self {
        let message = error.to_string();
        match error {
            Error::Argument { .. } => PlanError::new_err(message),
            Error::Address { source, .. } => match source.raw_os_error() {
                Some(code) => AddressError::new_err((code, message)),
                None => AddressError::new_err(message),
            },
            Error::File { name, path, source } => match source.raw_os_error() {
                // The file is shown by the exception itself.
                Some(code) => {
                    PyOSError::new_err((code, format!("{name} cannot be read: {source}"), path.into_os_string()))
                }
                None => PyOSError::new_err(message),
            },
            Error::Io { source, .. } => match source.raw_os_error() {
                Some(code) => PyOSError::new_err((code, message)),
                None => PyOSError::new_err(message),
            },
            Error::TimedOut { .. } => TimedOut::new_err(message),
            Error::Panicked { .. } | Error::Send(_) | Error::Cancelled | Error::Echo { .. } => {
                FaninError::new_err(message)
            }
        }
    }
}
