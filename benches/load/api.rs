//! A stand-in for the Kubernetes API that holds the cluster and never changes: what CoreDNS, and clusterdns
//! with the same Corefile, list before they answer. Watches are open for as long as the client likes and
//! say nothing.

use std::{
    io::{self, BufRead, BufReader, Write},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    sync::Arc,
    thread,
};

use serde_json::{Value, json};

use crate::{cluster::Cluster, snapshot};

/// The lists, as they go out.
struct Lists {
    namespaces: Vec<u8>,
    services: Vec<u8>,
    slices: Vec<u8>,
}

/// Serves the cluster over plain HTTP as long as this process lives, and says where.
pub(crate) fn serve(cluster: &Cluster) -> io::Result<SocketAddr> {
    let lists = Arc::new(Lists::of(cluster));
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let address = listener.local_addr()?;
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let lists = lists.clone();
            // An error is a client that is gone.
            thread::spawn(move || lists.serve(&stream));
        }
    });
    Ok(address)
}

impl Lists {
    fn of(cluster: &Cluster) -> Self {
        let services = cluster.services();
        let slices = services.clone().filter(|service| !service.endpoints.is_empty());
        Self {
            namespaces: list("v1", "NamespaceList", cluster.namespaces().map(|name| snapshot::namespace(&name))),
            services: list("v1", "ServiceList", services.map(|service| snapshot::service(&service))),
            slices: list("discovery.k8s.io/v1", "EndpointSliceList", slices.map(|service| snapshot::slice(&service))),
        }
    }

    fn serve(&self, mut stream: &TcpStream) -> io::Result<()> {
        let mut lines = BufReader::new(stream).lines();
        loop {
            // `GET /path?query HTTP/1.1`, headers that nobody looks at, and an empty line.
            let Some(request) = lines.next().transpose()? else { return Ok(()) };
            while lines.next().transpose()?.is_some_and(|line| !line.is_empty()) {}
            let target = request.split(' ').nth(1).unwrap_or_default();
            let (path, query) = target.split_once('?').unwrap_or((target, ""));
            let list = match path {
                "/api/v1/namespaces" => &self.namespaces,
                "/api/v1/services" => &self.services,
                "/apis/discovery.k8s.io/v1/endpointslices" => &self.slices,
                _ => {
                    reply(&mut stream, 404, status(404, "NotFound").as_bytes())?;
                    continue;
                }
            };
            let has = |parameter| query.split('&').any(|given| given == parameter);
            if has("sendInitialEvents=true") {
                reply(&mut stream, 422, status(422, "Invalid").as_bytes())?;
            } else if has("watch=true") || has("watch=1") {
                stream.write_all(WATCH_HEAD)?;
                return lines.try_for_each(|line| line.map(drop));
            } else {
                reply(&mut stream, 200, list)?;
            }
        }
    }
}

fn list(version: &str, kind: &str, items: impl Iterator<Item = Value>) -> Vec<u8> {
    let metadata = json!({ "resourceVersion": "5000" });
    let list = json!({
        "apiVersion": version, "kind": kind, "metadata": metadata, "items": items.collect::<Vec<_>>()
    });
    list.to_string().into_bytes()
}

fn status(code: u16, reason: &str) -> String {
    let status = json!({
        "apiVersion": "v1", "kind": "Status", "metadata": {}, "status": "Failure", "reason": reason, "code": code
    });
    status.to_string()
}

fn reply(stream: &mut impl Write, code: u16, body: &[u8]) -> io::Result<()> {
    let length = body.len();
    write!(stream, "HTTP/1.1 {code} X\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n")?;
    stream.write_all(body)
}

const WATCH_HEAD: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n";
