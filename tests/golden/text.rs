//! Reads a golden file; its form is described in README.md beside it.
//!
//! The files are part of this repository, so a line out of place is a mistake of ours: the reader panics and names it.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::case::{Ask, Case, Change, QueryEdns, Question, Reply, Run, Transport, USUAL_CLIENT};

/// All runs, in the order of their names.
pub(crate) fn runs() -> Vec<Run> {
    let mut files: Vec<PathBuf> = fs::read_dir(folder().join("runs"))
        .expect("tests/golden/runs is there")
        .map(|entry| entry.expect("a folder entry").path())
        .collect();
    files.sort();
    files.iter().map(|file| read(file)).collect()
}

/// The cluster all runs were asked about: a `kind: List`.
pub(crate) fn objects() -> String {
    fs::read_to_string(folder().join("objects.json")).expect("tests/golden/objects.json is there")
}

/// What the upstream of every run answers.
pub(crate) fn upstream() -> String {
    fs::read_to_string(folder().join("upstream.txt")).expect("tests/golden/upstream.txt is there")
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden")
}

fn read(file: &Path) -> Run {
    let name = file.file_stem().expect("a file name").to_string_lossy().into_owned();
    parse(&name, &fs::read_to_string(file).expect("a readable file"))
}

/// Reads the text of one file.
pub(crate) fn parse(name: &str, text: &str) -> Run {
    let mut reader = Reader { name, lines: text.lines().peekable() };
    reader.expect_line("corefile");
    let mut corefile = String::new();
    while let Some(line) = reader.indented(1) {
        corefile.push_str(line);
        corefile.push('\n');
    }
    let synced = match reader.next_line() {
        Some("synced yes") => true,
        Some("synced no") => false,
        other => panic!("{name}: expected `synced yes` or `synced no`, found {other:?}"),
    };
    let mut cases = Vec::new();
    while reader.lines.peek().is_some() {
        reader.group(&mut cases);
    }
    Run { name: name.to_owned(), corefile, synced, cases }
}

struct Reader<'a, I: Iterator<Item = &'a str>> {
    name: &'a str,
    lines: std::iter::Peekable<I>,
}

/// The line that says who is asked how; questions below it add their id and type.
struct Subject {
    ask: Ask,
    transport: Transport,
}

impl<'a, I: Iterator<Item = &'a str>> Reader<'a, I> {
    /// Changes, a subject, and its questions.
    fn group(&mut self, cases: &mut Vec<Case>) {
        let mut before = Vec::new();
        let subject = loop {
            match self.next_line() {
                None => return,
                Some("") => {}
                Some(line) => match change(line) {
                    Some(change) => before.push(change),
                    None => break line,
                },
            }
        };
        while let Some(line) = self.indented(1) {
            let mut asked = line.to_owned();
            while !asked.contains(" -> ") {
                let more = self.indented(1).unwrap_or_else(|| panic!("{}: no outcome after {asked}", self.name));
                asked = format!("{asked} {more}");
            }
            let (ids, outcome) = asked.split_once(" -> ").expect("checked above");
            let mut records = Vec::new();
            while let Some(record) = self.indented(2) {
                records.push(record);
            }
            for id in ids.split(", ") {
                cases.push(case(id, parse_subject(subject), std::mem::take(&mut before), outcome, &records));
            }
        }
    }

    fn next_line(&mut self) -> Option<&'a str> {
        self.lines.next()
    }

    fn expect_line(&mut self, wanted: &str) {
        let found = self.next_line();
        assert_eq!(found, Some(wanted), "{}", self.name);
    }

    /// The next line if it is indented by exactly this many steps; deeper lines of the Corefile keep their own indent.
    fn indented(&mut self, steps: usize) -> Option<&'a str> {
        let indent = &"    "[..2 * steps];
        self.lines.next_if(|line| line.starts_with(indent)).map(|line| &line[2 * steps..])
    }
}

fn change(line: &str) -> Option<Change> {
    let (verb, rest) = line.split_once(' ')?;
    match verb {
        "put" => Some(Change::Put(rest.to_owned())),
        "wait" => Some(Change::Wait(Duration::from_secs_f64(rest.parse().expect("seconds")))),
        "delete" => {
            let (kind, path) = rest.split_once(' ').expect("kind and name");
            let (namespace, name) = match path.split_once('/') {
                Some((namespace, name)) => (Some(namespace.to_owned()), name),
                None => (None, path),
            };
            Some(Change::Delete { kind: kind.to_owned(), namespace, name: name.to_owned() })
        }
        _ => None,
    }
}

fn parse_subject(line: &str) -> Subject {
    let mut words = line.split(' ');
    let name = words.next().expect("a name").to_owned();
    if name == "raw" {
        let octets = hex(words.next().expect("octets"));
        return Subject { ask: Ask::Raw(octets), transport: Transport::Udp };
    }
    let mut transport = Transport::Udp;
    let mut question = Question {
        name,
        kind: String::new(),
        class: "IN".to_owned(),
        flags: vec!["RD".to_owned()],
        edns: None,
        from: USUAL_CLIENT,
    };
    for word in words {
        match word.split_once('=') {
            None if word == "tcp" => transport = Transport::Tcp,
            Some(("class", class)) => question.class = class.to_owned(),
            Some(("flags", flags)) => question.flags = flags.split(',').map(str::to_owned).collect(),
            Some(("from", from)) => question.from = from.parse().expect("an address"),
            Some(("edns", edns)) => question.edns = Some(query_edns(edns)),
            _ => panic!("{line}: {word} is no condition of a question"),
        }
    }
    Subject { ask: Ask::Question(question), transport }
}

fn query_edns(text: &str) -> QueryEdns {
    let (size, rest) = text.split_once(',').unwrap_or((text, ""));
    QueryEdns { size: size.parse().expect("a size"), dnssec_ok: rest == "do" }
}

fn case(id: &str, mut subject: Subject, before: Vec<Change>, outcome: &str, records: &[&str]) -> Case {
    let (id, kind) = id.split_once(' ').unwrap_or((id, ""));
    let mut question = "none".to_owned();
    if let Ask::Question(asked) = &mut subject.ask {
        kind.clone_into(&mut asked.kind);
        question = asked.echo();
    }
    let reply = (outcome != "no reply").then(|| reply(outcome, records, question));
    Case { id: id.to_owned(), before, ask: subject.ask, transport: subject.transport, reply }
}

fn reply(outcome: &str, records: &[&str], question: String) -> Reply {
    let (head, length) = outcome.split_once(", ").unwrap_or_else(|| panic!("{outcome}: no length"));
    let mut head = head.split(' ').map(str::to_owned);
    let octets = length.trim_end_matches(" octets").parse().expect("a length");
    let mut reply = Reply {
        rcode: head.next().expect("a response code"),
        flags: head.collect(),
        question,
        answer: Vec::new(),
        authority: Vec::new(),
        additional: Vec::new(),
        edns: None,
        octets: Some(octets),
    };
    for record in records {
        let (section, text) = record.split_once(' ').expect("a section and its record");
        let text = text.to_owned();
        match section {
            "answer" => reply.answer.push(text),
            "authority" => reply.authority.push(text),
            "additional" => reply.additional.push(text),
            "question" => reply.question = text,
            "edns" => reply.edns = Some(text),
            _ => panic!("{record}: no such section"),
        }
    }
    reply
}

fn hex(text: &str) -> Vec<u8> {
    text.as_bytes()
        .chunks(2)
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).expect("hex digits"), 16).expect("hex digits"))
        .collect()
}
