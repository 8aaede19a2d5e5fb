//! TLS by rustls: whom to trust, and what to show.

use std::fmt;
use std::io;
use std::path::Path;
use std::sync::Arc;

use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use tokio_rustls::rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use tokio_rustls::rustls::pki_types::pem::{self, PemObject};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use tokio_rustls::rustls::{self, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};

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
    /// [`Error::Argument`] that names the setting, and [`Error::File`].
    pub(super) fn new(settings: &Tls, host: &str) -> Result<Self> {
        let provider = Arc::new(ring::default_provider());
        let wrong = |error| Error::argument("tls", format!("{error}"), "rustls takes no such settings");
        let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(wrong)?;
        let builder = match &settings.ca_file {
            _ if !settings.verify => {
                builder.dangerous().with_custom_certificate_verifier(Arc::new(Unverified(provider)))
            }
            Some(file) => builder.with_root_certificates(roots_of_file(file)?),
            None => builder.with_root_certificates(roots_of_system()?),
        };
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

/// Takes whatever certificate is shown. That the other end has its key is checked all the same: the handshake is one.
#[derive(Debug)]
struct Unverified(Arc<CryptoProvider>);

impl ServerCertVerifier for Unverified {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signature, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signature, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
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
    let wrong = |error| unreadable(name, file, error);
    let all = CertificateDer::pem_file_iter(file).map_err(wrong)?.collect::<Result<Vec<_>, _>>().map_err(wrong)?;
    if all.is_empty() {
        return Err(Error::argument(name, file.display(), "it has no certificate in PEM"));
    }
    Ok(all)
}

fn private_key(file: &Path) -> Result<PrivateKeyDer<'static>> {
    PrivateKeyDer::from_pem_file(file).map_err(|error| unreadable("key", file, error))
}

/// Whether the system could not read it, or nobody can.
fn unreadable(name: &'static str, file: &Path, error: pem::Error) -> Error {
    match error {
        pem::Error::Io(source) => Error::File { name, path: file.to_owned(), source },
        pem::Error::NoItemsFound => Error::argument(name, file.display(), "it has no private key in PEM"),
        error => Error::argument(name, file.display(), format!("it is no PEM: {error}")),
    }
}
