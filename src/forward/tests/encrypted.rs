//! Upstreams with a certificate for `dns.example` and 127.0.0.1.

use std::{fs, future::Future, path::PathBuf, sync::Arc};

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::{
    ServerConfig,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio_rustls::{TlsAcceptor, server::TlsStream};

use super::server::Server;

/// What an upstream has to show, and the file of its authority.
pub(super) struct Identity {
    acceptor: TlsAcceptor,
    pub(super) authority: PathBuf,
    _folder: TempDir,
}

impl Identity {
    /// Of somebody who speaks these protocols.
    pub(super) fn new(protocols: &[&[u8]]) -> Self {
        let authority_key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new([]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = params.self_signed(&authority_key).unwrap();
        let key = KeyPair::generate().unwrap();
        let names = ["dns.example", "127.0.0.1"].map(str::to_owned);
        let certificate =
            CertificateParams::new(names).unwrap().signed_by(&key, &Issuer::new(params, authority_key)).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("ca.pem");
        fs::write(&file, authority.pem()).unwrap();

        let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(
                vec![CertificateDer::from(certificate.der().to_vec())],
                PrivateKeyDer::from_pem_slice(key.serialize_pem().as_bytes()).unwrap(),
            )
            .unwrap();
        config.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
        Self { acceptor: Arc::new(config).into(), authority: file, _folder: folder }
    }

    /// Does something with each connection of a client that believes it.
    pub(super) async fn serve<F, C>(&self, serve: F) -> Server
    where
        F: FnMut(TlsStream<TcpStream>) -> C + Clone + Send + 'static,
        C: Future<Output = ()> + Send,
    {
        let acceptor = self.acceptor.clone();
        Server::tcp(move |stream| {
            let (acceptor, mut serve) = (acceptor.clone(), serve.clone());
            async move {
                if let Ok(stream) = acceptor.accept(stream).await {
                    serve(stream).await;
                }
            }
        })
        .await
    }
}
