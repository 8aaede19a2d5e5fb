//! TLS: who is trusted, who is not, and what the sink shows of itself.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use fanin::Error;
use fanin::sink::{Config, Confirm, FailureKind, Sink};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{RootCertStore, ServerConfig};

use super::tools::{LONG, opened, with, within};

/// An authority, and files of what it has signed, gone when it is dropped.
struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    folder: PathBuf,
}

impl Authority {
    fn new(name: &str) -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let folder = std::env::temp_dir().join(format!("fanin-tls-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        Self { issuer, folder }
    }

    fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.folder.join(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    fn ca(&self) -> PathBuf {
        self.file("ca.pem", &self.issuer.pem())
    }

    fn sign(&self, host: &str) -> (rcgen::Certificate, KeyPair) {
        let key = KeyPair::generate().unwrap();
        let certificate = CertificateParams::new(vec![host.to_owned()]).unwrap().signed_by(&key, &self.issuer).unwrap();
        (certificate, key)
    }

    /// A server for `host` that echoes one connection; and whether it was one.
    fn serve(&self, host: &str, asks: bool) -> (u16, JoinHandle<bool>) {
        let (certificate, key) = self.sign(host);
        let mut roots = RootCertStore::empty();
        roots.add(self.issuer.der().clone()).unwrap();
        let provider = Arc::new(ring::default_provider());
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider)).with_safe_default_protocol_versions();
        let builder = if asks {
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build().unwrap();
            builder.unwrap().with_client_cert_verifier(verifier)
        } else {
            builder.unwrap().with_no_client_auth()
        };
        let chain = vec![CertificateDer::from(certificate.der().to_vec())];
        let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        let config = builder.with_single_cert(chain, key).unwrap();
        let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        (port, thread::spawn(move || echo(listener, config)))
    }
}

impl Drop for Authority {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

fn echo(listener: std::net::TcpListener, config: ServerConfig) -> bool {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        listener.set_nonblocking(true).unwrap();
        let listener = tokio::net::TcpListener::from_std(listener).unwrap();
        let (stream, _) = listener.accept().await.unwrap();
        let Ok(stream) = TlsAcceptor::from(Arc::new(config)).accept(stream).await else { return false };
        let (mut reader, mut writer) = tokio::io::split(stream);
        let mut buffer = vec![0; 16 * 1024];
        while let Ok(count @ 1..) = reader.read(&mut buffer).await {
            if writer.write_all(&buffer[..count]).await.is_err() || writer.flush().await.is_err() {
                return false;
            }
        }
        let _ = writer.shutdown().await;
        true
    })
}

fn config(host: &str, port: u16, ca: &Path) -> Config {
    with(Config::new(format!("tls://{host}:{port}").parse().unwrap()), |config| {
        config.tls.ca_file = Some(ca.to_owned());
        config.confirm = Confirm::Echo;
    })
}

fn refusal(config: Config) -> String {
    let failure = within(Sink::new(config).unwrap().open()).unwrap_err();
    assert_eq!(failure.kind, FailureKind::Disconnected);
    failure.to_string()
}

#[test]
fn bytes_go_and_come_back_by_tls() {
    let authority = Authority::new("plain");
    let (port, server) = authority.serve("localhost", false);
    let sink = opened(config("localhost", port, &authority.ca()));
    for turn in 0..2_000 {
        within(sink.send(vec![b'x'; turn * 11])).unwrap();
    }
    let delivery = within(sink.close(LONG)).unwrap();
    assert_eq!(delivery.acked, delivery.accepted);
    assert!(server.join().unwrap());
}

#[test]
fn whom_nobody_vouches_for_is_not_spoken_to() {
    let (known, unknown) = (Authority::new("known"), Authority::new("unknown"));
    let (port, _) = unknown.serve("localhost", false);
    let message = refusal(config("localhost", port, &known.ca()));
    assert!(
        message.contains("cannot speak TLS with tls://localhost") && message.contains("invalid peer certificate"),
        "{message}"
    );
    let (port, _) = known.serve("elsewhere.example", false);
    let message = refusal(config("localhost", port, &known.ca()));
    assert!(message.contains("not valid for name"), "{message}");
}

#[test]
fn a_peer_that_never_shakes_hands_is_named_with_the_time_that_it_had() {
    let authority = Authority::new("mute");
    // The system connects; nobody speaks.
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let message = refusal(with(config("localhost", port, &authority.ca()), |config| {
        config.connect_timeout = Duration::from_millis(500);
    }));
    let said = format!("cannot speak TLS with tls://localhost:{port}: no TLS handshake within 500ms (connect_timeout)");
    assert!(message.starts_with(&said), "{message}");
}

#[test]
fn a_certificate_for_another_name_can_be_asked_for() {
    let authority = Authority::new("name");
    let (port, server) = authority.serve("elsewhere.example", false);
    let sink = opened(with(config("localhost", port, &authority.ca()), |config| {
        config.tls.server_name = Some("elsewhere.example".to_owned());
    }));
    sink.try_send(b"hello").unwrap();
    assert_eq!(within(sink.close(LONG)).unwrap().acked.messages, 1);
    assert!(server.join().unwrap());
}

#[test]
fn a_server_that_asks_is_shown_a_certificate() {
    let authority = Authority::new("client");
    let (certificate, key) = authority.sign("client.example");
    let (port, server) = authority.serve("localhost", true);
    let sink = opened(with(config("localhost", port, &authority.ca()), |config| {
        config.tls.certificate = Some(authority.file("client.pem", &certificate.pem()));
        config.tls.key = Some(authority.file("client.key", &key.serialize_pem()));
    }));
    sink.try_send(b"hello").unwrap();
    assert_eq!(within(sink.close(LONG)).unwrap().acked.messages, 1);
    assert!(server.join().unwrap());
}

#[test]
fn files_that_are_none_are_named() {
    let authority = Authority::new("files");
    let wrong = |config| Sink::new(config).unwrap_err();
    let empty = authority.file("empty.pem", "");
    let message = wrong(config("localhost", 9, &empty)).to_string();
    assert!(message.starts_with("ca_file=") && message.contains("no certificate in PEM"), "{message}");
    let missing = wrong(config("localhost", 9, Path::new("/nowhere/ca.pem")));
    assert!(matches!(missing, Error::File { name: "ca_file", .. }), "{missing:?}");
    assert!(missing.to_string().starts_with("ca_file=/nowhere/ca.pem: it cannot be read"), "{missing}");
    let half = |key: PathBuf| {
        with(config("localhost", 9, &authority.ca()), |config| {
            config.tls.certificate = Some(authority.ca());
            config.tls.key = Some(key);
        })
    };
    let message = wrong(half(empty)).to_string();
    assert!(message.starts_with("key=") && message.contains("no private key in PEM"), "{message}");
    let (_, other) = authority.sign("localhost");
    let message = wrong(half(authority.file("other.key", &other.serialize_pem()))).to_string();
    assert!(message.starts_with("certificate=") && message.contains("keys may not be consistent"), "{message}");
}

#[test]
fn who_asks_for_no_proof_gets_none() {
    let (known, unknown) = (Authority::new("asked"), Authority::new("unasked"));
    let (port, server) = unknown.serve("elsewhere.example", false);
    let sink = opened(with(config("localhost", port, &known.ca()), |config| {
        config.tls.ca_file = None;
        config.tls.verify = false;
    }));
    sink.try_send(b"hello").unwrap();
    assert_eq!(within(sink.close(LONG)).unwrap().acked.messages, 1);
    assert!(server.join().unwrap());
}

#[test]
fn settings_that_would_be_ignored_are_refused() {
    let authority = Authority::new("ignored");
    let clear =
        with(config("localhost", 9, &authority.ca()), |config| config.target = "tcp://localhost:9".parse().unwrap());
    let message = Sink::new(clear).unwrap_err().to_string();
    assert!(message.starts_with("ca_file=") && message.contains("allowed for tls://HOST:PORT only"), "{message}");
}
