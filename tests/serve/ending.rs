//! The end: what has arrived is answered, and nothing stays behind.

use std::{
    env, fs,
    io::{Read, Write},
    net::{TcpListener, TcpStream, UdpSocket},
    process::Command,
};

use clusterdns::{
    Server,
    app::source::Snapshots,
    objects::snapshot::{Options, Source},
};

use crate::running::*;

#[test]
fn what_has_arrived_is_answered() {
    for sockets in ["auto", "portable"] {
        let server = started(&format!("[udp]\nsockets = \"{sockets}\"\n{PLAIN}"));
        let address = server.addresses()[0];
        let socket = client(address);
        let mut stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        for id in 0..100 {
            socket.send(&question(id, WEB, A)).unwrap();
            stream.write_all(&framed(&question(id, WEB, A))).unwrap();
        }
        server.shutdown();
        let answered = |reply: Vec<u8>| seen(&reply) == (NOERROR, Some([10, 96, 0, 10]));
        for _ in 0..100 {
            assert!(answered(receive(&socket)), "{sockets}");
            assert!(answered(receive_frame(&mut stream)), "{sockets}");
        }
        assert_eq!(stream.read(&mut [0]).unwrap(), 0, "closed");
        assert!(UdpSocket::bind(address).is_ok() && TcpListener::bind(address).is_ok(), "the port is free again");
    }
}

/// In a process of its own, for other tests have threads too.
#[cfg(target_os = "linux")]
#[test]
fn no_thread_is_left_behind() {
    const ALONE: &str = "CLUSTERDNS_TEST_ALONE";
    if env::var_os(ALONE).is_none() {
        let mut alone = Command::new(env::current_exe().unwrap());
        alone.args(["--exact", "ending::no_thread_is_left_behind", "--nocapture"]).env(ALONE, "1");
        let output = alone.output().unwrap();
        assert!(output.status.success(), "{output:?}");
        return;
    }
    let before = threads();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("cluster.json");
    fs::write(&file, cluster("10.96.0.10")).unwrap();
    for sockets in ["auto", "portable"] {
        let mut server = Server::bind(&config(&format!("[udp]\nsockets = \"{sockets}\"\n{PLAIN}"))).unwrap();
        let snapshots = Snapshots::start(vec![Source::Path(file.clone())], Options::default(), server.feed()).unwrap();
        server.start().unwrap();
        ask(server.addresses()[0], WEB);
        page(server.admin_addresses()[0], "/ready");
        assert!(threads().len() > before.len() + 1, "{:?}", threads());
        drop(snapshots);
        server.shutdown();
        // A thread that was joined may stand in the list for another moment.
        until("the threads of before", || threads() == before);
    }
}

/// The names of this process's threads.
#[cfg(target_os = "linux")]
fn threads() -> Vec<String> {
    let tasks = fs::read_dir("/proc/self/task").unwrap();
    // A thread may end between the two looks.
    let mut names: Vec<_> = tasks.filter_map(|task| fs::read_to_string(task.ok()?.path().join("comm")).ok()).collect();
    names.sort();
    names
}
