//! TLS by rustls: whom to trust, and what to show.

use std::fmt;
use std::io;
use std::path::Path;
use std::sync::Arc;

use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use super::config::Tls;
use crate::actor::stream::Quiet;
use crate::error::{Error, Result};

/// How TLS is done with one target; its files are read.
#[derive(Clone)]
pub(super) struct Secure {
    connector: TlsConnector,
    name: ServerName<'static>,
}

impl Secure {
    /// Reads the files.
    ///
    /// # Errors
    /// [`Error::Argument`] that names the setting.
    pub(super) fn new(settings: &Tls, host: &str) -> Result<Self> {
        let roots = match &settings.ca_file {
            Some(file) => roots_of_file(file)?,
            None => roots_of_system()?,
        };
        let wrong = |error| Error::argument("tls", format!("{error}"), "rustls takes no such settings");
        let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(wrong)?
            .with_root_certificates(roots);
        let config = match (&settings.certificate, &settings.key) {
            (Some(certificate), Some(key)) => builder
                .with_client_auth_cert(certificates("certificate", certificate)?, private_key(key)?)
                .map_err(|error| Error::argument("certificate", certificate.display(), format!("{error}")))?,
            _ => builder.with_no_client_auth(),
        };
        let name = settings.server_name.as_deref().unwrap_or(host);
        let name = ServerName::try_from(name.to_owned())
            .map_err(|_| Error::argument("server_name", name, "allowed are host names and addresses"))?;
        Ok(Self { connector: TlsConnector::from(Arc::new(config)), name })
    }

    /// Shakes hands over a connected stream.
    pub(super) async fn connect(&self, stream: Quiet) -> io::Result<TlsStream<Quiet>> {
        self.connector.connect(self.name.clone(), stream).await
    }
}

impl fmt::Debug for Secure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Secure").field("name", &self.name).finish_non_exhaustive()
    }
}

fn roots_of_system() -> Result<RootCertStore> {
    let found = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    let (added, _) = roots.add_parsable_certificates(found.certs);
    if added == 0 {
        let allowed = "the system has no authorities that could be read; name a PEM file";
        return Err(Error::argument("ca_file", "None", allowed));
    }
    Ok(roots)
}

fn roots_of_file(file: &Path) -> Result<RootCertStore> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates("ca_file", file)? {
        roots.add(certificate).map_err(|error| Error::argument("ca_file", file.display(), format!("{error}")))?;
    }
    Ok(roots)
}

fn certificates(name: &'static str, file: &Path) -> Result<Vec<CertificateDer<'static>>> {
    let unreadable = |error| Error::argument(name, file.display(), format!("it cannot be read: {error}"));
    let all = CertificateDer::pem_file_iter(file).map_err(unreadable)?;
    let all = all.collect::<Result<Vec<_>, _>>().map_err(unreadable)?;
    if all.is_empty() {
        return Err(Error::argument(name, file.display(), "it has no certificate in PEM"));
    }
    Ok(all)
}

fn private_key(file: &Path) -> Result<PrivateKeyDer<'static>> {
    let unreadable = |error| Error::argument("key", file.display(), format!("it cannot be read: {error}"));
    PrivateKeyDer::from_pem_file(file).map_err(unreadable)
}
