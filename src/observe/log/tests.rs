//! Lines about questions, as they come out.

use std::{
    io::Write,
    net::SocketAddr,
    sync::mpsc::{Receiver, Sender, channel},
};

use super::*;
use crate::{
    answers::code,
    app::Server,
    config::{Config, corefile::System},
    observe::metrics::Metrics,
    respond::{Asked, Outcome, Transport, plan::Plan},
};

/// Where lines go.
#[derive(Clone, Default)]
struct Page(Arc<Mutex<Vec<u8>>>);

impl Write for Page {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(octets)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Page {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

fn rules(block: &str) -> Rules {
    let text = format!(".:1053 {{\nbind 127.0.0.1\n{block}\n}}\n");
    let config = Config::parse_corefile(&text, "Corefile", &System { port: 53 }).unwrap();
    Rules::new(&config, &Server::tables(&config).0)
}

fn logs(block: &str) -> (Logs, Page, IntCounter) {
    let (page, events) = (Page::default(), Metrics::new(&Plan::default()).events);
    let logs = Logs::new(&events, Box::new(page.clone()));
    logs.use_rules(rules(block)).unwrap();
    (logs, page, events.log_dropped_queries)
}

/// A question and its reply.
struct Case {
    client: &'static str,
    transport: Transport,
    query: Vec<u8>,
    reply: Vec<u8>,
    outcome: Outcome,
}

/// CoreDNS's example of a line, as it was on the wire.
const SVC1: &[u8] = b"\x04Svc1\x06testns\x03svc\x07cluster\x05local\0";
const SECTIONS: [[u16; 3]; 5] = [[1, 0, 0], [0, 1, 0], [0, 0, 0], [0, 2, 0], [1, 1, 0]];

impl Case {
    /// With one record of the answer.
    fn new() -> Self {
        Self::of(SVC1, code::A, &[0, 0, 0, 1, 0, 0, 0, 0])
    }

    fn of(name: &[u8], qtype: u16, counts: &[u8; 8]) -> Self {
        let query = [&[0x3b, 0x2c, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0][..], name, &qtype.to_be_bytes(), &[0, 1]].concat();
        let mut reply = query.clone();
        (reply[2], reply[3]) = (0x85, 0);
        reply[4..6].copy_from_slice(&[0, 1]);
        reply[6..12].copy_from_slice(&counts[2..]);
        let outcome = Outcome { route: Some(0), qtype, reply_octets: 92, ..Outcome::default() };
        Self { client: "10.240.0.1:52487", transport: Transport::Udp, query, reply, outcome }
    }

    /// With these sections, and records of this type in the authority section.
    fn negative(rcode: u16, sections: [u16; 3], authority: u16) -> Self {
        let mut case = Self::new();
        case.outcome.rcode = rcode;
        case.reply[3] = rcode as u8;
        for (section, count) in sections.iter().enumerate() {
            case.reply[6 + 2 * section..8 + 2 * section].copy_from_slice(&count.to_be_bytes());
        }
        for _ in 0..sections[1] {
            let owner = b"\x07cluster\xc0\x2a";
            case.reply.extend([&owner[..], &authority.to_be_bytes(), &[0, 1, 0, 0, 0, 5, 0, 1, 0]].concat());
        }
        case
    }

    fn answered(&self, pen: &Pen) {
        let asked = Asked { client: self.client.parse().unwrap(), transport: self.transport, listener: 0 };
        let exchange = Exchange { asked: &asked, query: &self.query, reply: &self.reply, outcome: &self.outcome };
        pen.answered(&exchange, || Duration::from_nanos(447_291));
    }
}

/// What these rules write about this.
fn line(block: &str, case: &Case) -> String {
    let (logs, page, _) = logs(block);
    if let Some(pen) = logs.pen() {
        case.answered(&pen);
    }
    logs.finish(Duration::from_secs(60));
    page.text()
}

#[test]
fn a_line_is_coredns_s() {
    let coredns = "[INFO] 10.240.0.1:52487 - 15148 \"A IN svc1.testns.svc.cluster.local. udp 47 false 512\" \
                   NOERROR qr,aa,rd 92 0.000447291s\n";
    assert_eq!(line("log", &Case::new()), coredns);
}

#[test]
fn a_line_may_have_all_that_is_known() {
    let edns = [0, 0, 41, 4, 208, 0, 0, 0x80, 0, 0, 0];
    let mut case = Case::of(b"\x03a\nb\0", 65280, &[0; 8]);
    case.query.extend(edns);
    case.query[11] = 1;
    (case.client, case.outcome.rcode) = ("[2001:db8::1]:53", 3);
    case.reply[2..4].copy_from_slice(&[0x87, 0xf3]);
    let format =
        "log . \"{remote} {port} {local} {name} {type} {class} {>do} {>bufsize} {>opcode} {>rflags} {rcode} {x}\"";
    let shown = "[2001:db8::1] 53 127.0.0.1 a\\010b. TYPE65280 IN true 1232 0 qr,aa,tc,rd,ra,z,ad,cd NXDOMAIN {x}";
    assert_eq!(line(format, &case), format!("[INFO] {shown}\n"));
    case.transport = Transport::Tcp;
    assert_eq!(line("log . \"{proto} {>bufsize} {size}\"", &case), format!("[INFO] tcp 65535 {}\n", case.query.len()));
    let root = Case::of(b"\0", 2, &[0; 8]);
    assert_eq!(line("log . {name}{type}", &root), "[INFO] .NS\n");
    assert_eq!(line("log . \"{name} {type}\"", &root), "[INFO] . NS\n");
}

#[test]
fn a_line_may_be_an_object() {
    let (logs, page, _) = logs("log");
    logs.set_form(Form::Json);
    Case::new().answered(&logs.pen().unwrap());
    logs.finish(Duration::from_secs(60));
    let object: serde_json::Value = serde_json::from_str(&page.text()).unwrap();
    let expected = serde_json::json!({
        "level": "info", "log": "query", "remote": "10.240.0.1", "port": 52487, "id": 15148, "opcode": 0, "type": "A",
        "class": "IN", "name": "svc1.testns.svc.cluster.local.", "proto": "udp", "size": 47, "do": false,
        "bufsize": 512, "rcode": "NOERROR", "rflags": "qr,aa,rd", "rsize": 92, "duration": 0.000447291,
    });
    assert_eq!(object, expected);
}

#[test]
fn the_first_rule_that_has_the_name_decides() {
    let two = "log testns.svc.cluster.local two {\nclass error\n}\nlog . \"any {name}\"";
    let one = "log other.example \"no\"\nlog cluster.local \"one {type}\"\nlog . \"any\"";
    assert_eq!(line(one, &Case::new()), "[INFO] one A\n");
    // CoreDNS takes `two` for a name as well.
    assert_eq!(line(two, &Case::new()), "");
    assert_eq!(line("log other.example", &Case::new()), "");
}

#[test]
fn replies_are_of_the_class_that_coredns_sees() {
    const NS: u16 = 2;
    let written = |class: &str, case: &Case| !line(&format!("log {{\nclass {class}\n}}"), case).is_empty();
    let class = |case: Case| {
        let classes = ["success", "denial", "error"].into_iter().filter(|class| written(class, &case));
        assert!(written("all", &case));
        classes.collect::<Vec<_>>().join(" ")
    };
    assert_eq!(class(Case::new()), "success");
    assert_eq!(class(Case::negative(code::NOERROR, [0, 1, 0], code::SOA)), "denial");
    assert_eq!(class(Case::negative(code::NXDOMAIN, [0, 1, 0], code::SOA)), "denial");
    assert_eq!(class(Case::negative(code::NXDOMAIN, [0, 0, 0], 0)), "denial");
    assert_eq!(class(Case::negative(code::NXDOMAIN, [1, 0, 0], 0)), "error");
    assert_eq!(class(Case::negative(code::NOERROR, [0, 2, 0], NS)), "success", "a referral");
    assert_eq!(class(Case::negative(code::NOERROR, [0, 0, 0], 0)), "success");
    for rcode in [code::SERVFAIL, code::REFUSED, code::FORMERR] {
        assert_eq!(class(Case::negative(rcode, [0, 0, 0], 0)), "error");
    }
    assert_eq!(class(Case::of(SVC1, code::AXFR, &[0, 0, 0, 9, 0, 0, 0, 0])), "error");
}

#[test]
fn what_does_not_hold_together_is_no_panic() {
    let (logs, page, _) = logs("log . \"{name} {rcode}\"");
    let pen = logs.pen().unwrap();
    for counts in SECTIONS {
        let case = Case::negative(code::NOERROR, counts, code::SOA);
        for end in 0..case.reply.len() {
            Case { reply: case.reply[..end].to_vec(), ..Case::new() }.answered(&pen);
        }
        for end in 0..case.query.len() {
            Case { query: case.query[..end].to_vec(), ..Case::new() }.answered(&pen);
        }
    }
    drop(pen);
    logs.finish(Duration::from_secs(60));
    assert!(page.text().lines().all(|line| line == "[INFO] svc1.testns.svc.cluster.local. NOERROR"));
}

#[test]
fn nothing_is_kept_where_nothing_is_logged() {
    assert!(logs("").0.pen().is_none());
    assert!(logs("errors").0.pen().is_none());
    let mut case = Case::new();
    case.outcome.route = None;
    assert_eq!(line("log", &case), "", "CoreDNS logs no question that no block is for");
    case.outcome.route = Some(7);
    assert_eq!(line("log", &case), "");
}

#[test]
fn other_rules_are_taken_up_and_nothing_is_lost() {
    let (logs, page, _) = logs("log . \"old {type}\"");
    let old = logs.pen().unwrap();
    Case::new().answered(&old);
    logs.use_rules(rules("log . \"new {type}\"")).unwrap();
    Case::new().answered(&logs.pen().unwrap());
    Case::new().answered(&old);
    drop(old);
    let asked = Asked { client: SocketAddr::from(([192, 0, 2, 1], 1)), transport: Transport::Udp, listener: 0 };
    let Case { query, reply, outcome, .. } = Case::new();
    logs.answered(&Exchange { asked: &asked, query: &query, reply: &reply, outcome: &outcome }, Duration::ZERO);
    logs.finish(Duration::from_secs(60));
    let text = page.text();
    let mut lines: Vec<_> = text.lines().collect();
    lines.sort_unstable();
    assert_eq!(lines, ["[INFO] new A", "[INFO] new A", "[INFO] old A", "[INFO] old A"]);
}

// ----------- Limits --------------------------------------------------------

/// Takes lines only when it is told to, and tells when it is asked to.
struct Gate {
    asked: Sender<()>,
    open: Receiver<()>,
    page: Page,
}

impl Write for Gate {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        let _ = self.asked.send(());
        let _ = self.open.recv();
        self.page.write(octets)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn what_does_not_fit_is_counted_and_nobody_waits() {
    let ((asked, was_asked), (opens, open)) = (channel(), channel());
    let (page, events) = (Page::default(), Metrics::new(&Plan::default()).events);
    let logs = Logs::new(&events, Box::new(Gate { asked, open, page: page.clone() }));
    logs.use_rules(rules("log . \"{type} \"")).unwrap();
    let pen = logs.pen().unwrap();
    Case::new().answered(&pen);
    // The writer stands at the gate.
    was_asked.recv().unwrap();
    for _ in 0..RING_RECORDS + 3 {
        Case::new().answered(&pen);
    }
    assert_eq!(events.log_dropped_queries.get(), 3);
    logs.finish(Duration::ZERO);
    drop(opens);
    drop(pen);
    while page.text().lines().count() < RING_RECORDS + 1 {
        std::thread::yield_now();
    }
    assert_eq!(events.log_dropped_queries.get(), 3);
}

#[test]
fn errors_that_do_not_fit_are_counted() {
    let ((asked, was_asked), (opens, open)) = (channel(), channel());
    let events = Metrics::new(&Plan::default()).events;
    let logs = Logs::new(&events, Box::new(Gate { asked, open, page: Page::default() }));
    logs.use_rules(rules("log\nerrors {\nconsolidate 1h .*\n}")).unwrap();
    let case = Case::new();
    case.answered(&logs.pen().unwrap());
    was_asked.recv().unwrap();
    let trouble = Trouble { query: case.query.clone(), outcome: case.outcome, error: "on purpose".into() };
    for _ in 0..ERRORS_MAX + 5 {
        logs.failed(&trouble);
    }
    assert_eq!(events.log_dropped_errors.get(), 5);
    drop(opens);
    logs.finish(Duration::from_secs(60));
}
