//! What is asked: a fixed number of questions, drawn from a mix, as packets ready to be sent.

use std::{
    cell::Cell,
    fmt,
    fs::File,
    io::{self, BufWriter, Write},
    ops::Range,
    path::Path,
    str::FromStr,
};

use crate::{
    cluster::{Cluster, PORT_NAME, ZONE},
    random::Random,
};

/// The shares of the kinds of question.
#[derive(Clone)]
pub(crate) struct Mix([usize; KINDS.len()]);

#[derive(Clone, Copy)]
enum Kind {
    /// The address of a service.
    Address,
    /// Its IPv6 address: there is none (NODATA).
    NoData,
    /// What a client's search path makes of a service's name in another namespace (NXDOMAIN).
    Miss,
    /// The addresses of a headless service.
    Headless,
    /// A named port of a service.
    Port,
}

impl Default for Mix {
    fn default() -> Self {
        Self([70, 10, 10, 5, 5])
    }
}

impl fmt::Display for Mix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shares: Vec<_> = KINDS.iter().zip(self.0).map(|((name, _), share)| format!("{name}={share}")).collect();
        f.write_str(&shares.join(","))
    }
}

impl FromStr for Mix {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut shares = [0; KINDS.len()];
        for part in text.split(',') {
            let (name, share) = part.split_once('=').ok_or(format!("`{part}` should be a kind, `=` and a number"))?;
            let kind =
                KINDS.iter().position(|(known, _)| *known == name).ok_or(format!("no kind is named `{name}`"))?;
            shares[kind] = share.parse().map_err(|_| format!("`{share}` should be a number"))?;
        }
        if shares.iter().sum::<usize>() == 0 { Err("nothing would be asked".to_owned()) } else { Ok(Self(shares)) }
    }
}

/// The questions, in random order.
pub(crate) struct Questions {
    octets: Vec<u8>,
    questions: Vec<Question>,
    /// Whether each question that is taken asks for another name.
    numbered: bool,
    next: Cell<usize>,
}

struct Question {
    /// Where its packet lies.
    packet: Range<usize>,
    text: String,
    expected: Expected,
}

/// What a right answer looks like from afar.
#[derive(Clone, Copy)]
pub(crate) struct Expected {
    rcode: u8,
    has_answers: bool,
}

impl Questions {
    /// Draws them: the same cluster and mix give the same questions.
    pub(crate) fn draw(cluster: &Cluster, mix: &Mix) -> Self {
        let mut random = Random::seeded(1);
        let mut questions = Self::none();
        for _ in 0..QUESTIONS {
            let kind = mix.draw(&mut random);
            let (name, record_type) = kind.question(cluster, &mut random);
            questions.push(&name, record_type, kind.expected());
        }
        questions
    }

    /// Names of another zone, over and over: 70 % addresses, 10 % IPv6 addresses, 10 % aliases, 10 % that do not
    /// exist. What the upstream of this benchmark says to them follows from their first letter.
    pub(crate) fn of_others(names: usize) -> Self {
        let mut random = Random::seeded(2);
        let mut all = Self::none();
        let (found, missed) = (Expected { rcode: 0, has_answers: true }, Expected { rcode: 3, has_answers: false });
        for index in 0..names {
            let (letter, record_type, expected) = match index % 10 {
                0 => ('a', RecordType::Aaaa, found),
                1 => ('c', RecordType::A, found),
                2 => ('n', RecordType::A, missed),
                _ => ('a', RecordType::A, found),
            };
            all.push(&format!("{letter}{index}.{FOREIGN_ZONE}"), record_type, expected);
        }
        random.shuffle(&mut all.questions);
        all
    }

    /// Addresses of another zone, and never the same name twice.
    pub(crate) fn without_end() -> Self {
        let mut endless = Self::none();
        let name = format!("a{:0NUMBER_DIGITS$}.{FOREIGN_ZONE}", 0);
        endless.push(&name, RecordType::A, Expected { rcode: 0, has_answers: true });
        endless.numbered = true;
        endless
    }

    fn none() -> Self {
        Self { octets: Vec::new(), questions: Vec::new(), numbered: false, next: Cell::new(0) }
    }

    fn push(&mut self, name: &str, record_type: RecordType, expected: Expected) {
        let start = self.octets.len();
        write_packet(&mut self.octets, name, record_type);
        let (packet, text) = (start..self.octets.len(), format!("{name} {}", record_type.name()));
        self.questions.push(Question { packet, text, expected });
    }

    /// The number of the question that is asked next. It goes on where the last one who asked stopped.
    pub(crate) fn next(&self) -> usize {
        self.next.replace(self.next.get() + 1)
    }

    /// Writes a question into `space`; how many octets it has.
    pub(crate) fn write(&self, number: usize, space: &mut [u8]) -> usize {
        let packet = &self.octets[self.question(number).packet.clone()];
        space[..packet.len()].copy_from_slice(packet);
        if self.numbered {
            let digits = &mut space[NUMBER_AT..NUMBER_AT + NUMBER_DIGITS];
            let mut rest = number;
            for digit in digits.iter_mut().rev() {
                *digit = b'0' + (rest % 10) as u8;
                rest /= 10;
            }
        }
        packet.len()
    }

    pub(crate) fn expected(&self, number: usize) -> Expected {
        self.question(number).expected
    }

    fn question(&self, number: usize) -> &Question {
        &self.questions[number % self.questions.len()]
    }

    /// Writes them in the format of `dnsperf -d`.
    pub(crate) fn write_for_dnsperf(&self, path: &Path) -> io::Result<()> {
        let mut file = BufWriter::new(File::create(path)?);
        for question in &self.questions {
            writeln!(file, "{}", question.text)?;
        }
        file.flush()
    }
}

impl Expected {
    /// Looks at the rcode, and whether there are answers.
    pub(crate) fn fits(self, reply: &[u8]) -> bool {
        let [_, _, _, flags, _, _, answers @ ..] = reply else { return false };
        let has_answers = answers.get(..2).is_some_and(|count| count != [0, 0]);
        flags & 0x0f == self.rcode && has_answers == self.has_answers
    }
}

impl Mix {
    fn draw(&self, random: &mut Random) -> Kind {
        let mut rest = random.below(self.0.iter().sum());
        for ((_, kind), share) in KINDS.iter().zip(self.0) {
            if rest < share {
                return *kind;
            }
            rest -= share;
        }
        unreachable!("the number drawn is below the sum of the shares")
    }
}

#[derive(Clone, Copy)]
enum RecordType {
    A = 1,
    Aaaa = 28,
    Srv = 33,
}

impl RecordType {
    fn name(self) -> &'static str {
        match self {
            Self::A => "A",
            Self::Aaaa => "AAAA",
            Self::Srv => "SRV",
        }
    }
}

impl Kind {
    fn question(self, cluster: &Cluster, random: &mut Random) -> (String, RecordType) {
        let service = cluster.service_name(random.below(cluster.services));
        match self {
            Self::Address => (format!("{service}.svc.{ZONE}"), RecordType::A),
            Self::NoData => (format!("{service}.svc.{ZONE}"), RecordType::Aaaa),
            Self::Miss => {
                let own_namespace = random.below(cluster.namespaces);
                (format!("{service}.svc.{ZONE}.ns-{own_namespace}.svc.{ZONE}"), RecordType::A)
            }
            Self::Headless => {
                let service = cluster.headless_name(random.below(cluster.headless));
                (format!("{service}.svc.{ZONE}"), RecordType::A)
            }
            Self::Port => (format!("_{PORT_NAME}._tcp.{service}.svc.{ZONE}"), RecordType::Srv),
        }
    }

    fn expected(self) -> Expected {
        match self {
            Self::Address | Self::Headless | Self::Port => Expected { rcode: 0, has_answers: true },
            Self::NoData => Expected { rcode: 0, has_answers: false },
            Self::Miss => Expected { rcode: 3, has_answers: false },
        }
    }
}

/// As a stub resolver sends it: one question, recursion desired, no EDNS.
fn write_packet(octets: &mut Vec<u8>, name: &str, record_type: RecordType) {
    octets.extend([0, 0, 0x01, 0x00, 0, 1, 0, 0, 0, 0, 0, 0]);
    for label in name.split('.') {
        octets.push(label.len() as u8);
        octets.extend(label.bytes());
    }
    octets.extend([0, 0, record_type as u8, 0, 1]);
}

/// The kinds as `--mix` names them.
const KINDS: [(&str, Kind); 5] = [
    ("a", Kind::Address),
    ("aaaa", Kind::NoData),
    ("miss", Kind::Miss),
    ("headless", Kind::Headless),
    ("srv", Kind::Port),
];

/// The zone that upstreams are asked about.
const FOREIGN_ZONE: &str = "example.org";

/// Where the number of a name stands in a packet: behind the header, the length of the label and its letter.
const NUMBER_AT: usize = 14;
const NUMBER_DIGITS: usize = 9;

/// Several times the services, so that no server lives from remembering the last ones; 6 MB.
const QUESTIONS: usize = 65_536;
