//! What it takes to read a watch of all slices and to keep nothing of it: what `curl` takes.
//!
//! A server has that to do too, before it does anything of its own.

use std::{net::Ipv4Addr, process::Command};

use tempfile::TempDir;

use crate::{
    control_plane::{ADMIN, ControlPlane, token},
    process::{Process, await_that, tail},
    programs::on_path,
};

/// A `curl` that reads. It ends when this is dropped.
pub(crate) struct Reader {
    process: Process,
    _folder: TempDir,
}

impl Reader {
    /// Returns when the API server has answered. None where there is no `curl`.
    pub(crate) fn start(plane: &ControlPlane) -> Option<Self> {
        let mut command = Command::new(on_path("curl")?);
        let folder = tempfile::tempdir().expect("a folder");
        let url = format!("https://{}:{}{SLICES}", Ipv4Addr::LOCALHOST, plane.api_port());
        command.args(["--silent", "--show-error", "--no-buffer", "--http1.1", "--output", "/dev/null"]);
        // Of the reply's head alone it says something.
        command.args(["--dump-header", "-", "--cacert"]).arg(plane.certificate());
        command.args(["--header", &format!("Authorization: Bearer {}", token(ADMIN)), "--header", ACCEPT, &url]);
        let process = Process::start(&mut command, &folder.path().join("log"));
        await_that("curl reads", || match process.said() {
            said if said.contains("200 OK") => Ok(()),
            said => Err(tail(&said, 3)),
        });
        Some(Self { process, _folder: folder })
    }

    /// The number of its process.
    pub(crate) fn id(&self) -> u32 {
        self.process.id()
    }
}

/// What happens to slices from now on.
const SLICES: &str = "/apis/discovery.k8s.io/v1/endpointslices?watch=1&sendInitialEvents=false\
                      &resourceVersionMatch=NotOlderThan";
/// As clusterdns and CoreDNS have them.
const ACCEPT: &str = "Accept: application/vnd.kubernetes.protobuf";
