//! Opening streams to upstreams, encrypted or not.

use std::{
    io,
    net::{IpAddr, SocketAddr},
    path::{Path, PathBuf},
    sync::Arc,
};

use rustls::{
    ClientConfig, RootCertStore,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject},
};
use tokio::net::{TcpSocket, TcpStream};
use tokio_rustls::{TlsConnector, client::TlsStream};

use super::{
    options,
    start::StartError,
    stream::{self, Dial, Idleness, Work},
};

/// Opens TCP connections.
#[derive(Clone)]
pub(super) struct Tcp {
    pub(super) to: SocketAddr,
    pub(super) source: Option<IpAddr>,
}

/// Opens TLS connections.
#[derive(Clone)]
pub(super) struct Tls {
    pub(super) tcp: Tcp,
    pub(super) connector: TlsConnector,
    /// What the certificate must be for.
    pub(super) name: ServerName<'static>,
}

impl Dial for Tcp {
    type Stream = TcpStream;

    async fn dial(&self) -> io::Result<TcpStream> {
        let socket = if self.to.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
        if let Some(source) = self.source {
            socket.bind(SocketAddr::new(source, 0))?;
        }
        let stream = socket.connect(self.to).await?;
        stream.set_nodelay(true)?;
        Ok(stream)
    }

    async fn serve(&self, stream: TcpStream, work: Work<impl Idleness>) {
        stream::serve(stream, work).await;
    }
}

impl Dial for Tls {
    type Stream = TlsStream<TcpStream>;

    async fn dial(&self) -> io::Result<Self::Stream> {
        self.connector.connect(self.name.clone(), self.tcp.dial().await?).await
    }

    async fn serve(&self, stream: Self::Stream, work: Work<impl Idleness>) {
        stream::serve(stream, work).await;
    }
}

/// How TLS is spoken to all upstreams of a forwarder.
pub(super) struct Connectors {
    pub(super) tls: TlsConnector,
    pub(super) https: TlsConnector,
}

impl Connectors {
    /// Reads the files of the options.
    pub(super) fn new(options: &options::Tls) -> Result<Self, StartError> {
        let tls = config(options)?;
        let mut https = tls.clone();
        https.alpn_protocols = vec![HTTP2.to_vec()];
        Ok(Self { tls: Arc::new(tls).into(), https: Arc::new(https).into() })
    }
}

/// As TLS calls it (RFC 9113 section 3.1).
pub(super) const HTTP2: &[u8] = b"h2";

fn config(options: &options::Tls) -> Result<ClientConfig, StartError> {
    let provider = Arc::new(ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("ring has what TLS 1.2 and 1.3 need")
        .with_root_certificates(authorities(options.authority.as_deref())?);
    Ok(match &options.identity {
        None => builder.with_no_client_auth(),
        Some((certificate, key)) => {
            let certificates = certificates(certificate)?;
            let private = PrivateKeyDer::from_pem_file(key)
                .map_err(|error| bad(key, format_args!("no private key in PEM can be read from it: {error}")))?;
            builder
                .with_client_auth_cert(certificates, private)
                .map_err(|error| bad(key, format_args!("it does not fit {}: {error}", certificate.display())))?
        }
    })
}

/// The name that a certificate must have: the one that was written at the address, else that of the options.
pub(super) fn server_name(
    to: SocketAddr,
    written: Option<&str>,
    options: &options::Tls,
) -> Result<ServerName<'static>, StartError> {
    match written.or(options.server_name.as_deref()) {
        None => Ok(to.ip().into()),
        Some(name) => ServerName::try_from(name.to_owned())
            .map_err(|_| StartError::ServerName { upstream: to, name: name.to_owned() }),
    }
}

fn authorities(file: Option<&Path>) -> Result<RootCertStore, StartError> {
    let mut store = RootCertStore::empty();
    if let Some(file) = file {
        for certificate in certificates(file)? {
            store.add(certificate).map_err(|error| bad(file, format_args!("it holds no authority: {error}")))?;
        }
        return Ok(store);
    }
    let found = rustls_native_certs::load_native_certs();
    store.add_parsable_certificates(found.certs);
    if store.is_empty() {
        return Err(StartError::NoAuthorities);
    }
    Ok(store)
}

fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, StartError> {
    let unreadable = |error| bad(file, format_args!("no certificate in PEM can be read from it: {error}"));
    let certificates: Vec<_> =
        CertificateDer::pem_file_iter(file).map_err(unreadable)?.collect::<Result<_, _>>().map_err(unreadable)?;
    if certificates.is_empty() {
        return Err(bad(file, "it holds no certificate; PEM begins with -----BEGIN CERTIFICATE-----"));
    }
    Ok(certificates)
}

fn bad(file: &Path, what: impl std::fmt::Display) -> StartError {
    StartError::File { file: PathBuf::from(file), what: what.to_string() }
}
