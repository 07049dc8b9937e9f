//! The facts of a run's Corefile that decide its answers.
//!
//! This reads exactly the Corefiles of the golden runs, one directive a line, and panics on an option of `kubernetes`
//! it does not know: a fact that went missing silently would turn into a wrong expectation.

/// One `zones:port { .. }`.
pub(crate) struct ServerBlock {
    /// Its keys without the port.
    pub(crate) zones: Vec<String>,
    /// The plugins in the order they are written. Empty: the block cannot answer anything.
    pub(crate) plugins: Vec<String>,
    pub(crate) kubernetes: Option<Kubernetes>,
    /// Who may transfer zones, if anybody.
    pub(crate) transfer_to: Option<Vec<String>>,
}

/// The `kubernetes` directive.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Kubernetes {
    /// Zones as written, so that a CIDR is still one; the block's own if none were written.
    pub(crate) zones: Vec<String>,
    pub(crate) ttl: u32,
    pub(crate) pods: Pods,
    /// Zones whose unknown names go to the next plugin; an empty list means all of them.
    pub(crate) fallthrough: Option<Vec<String>>,
    /// Only these namespaces; all if empty.
    pub(crate) namespaces: Vec<String>,
    pub(crate) namespace_labels: Option<String>,
    pub(crate) labels: Option<String>,
    pub(crate) noendpoints: bool,
    pub(crate) ignore_empty_service: bool,
    pub(crate) zonal: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pods {
    Disabled,
    Insecure,
    Verified,
}

impl ServerBlock {
    /// Whether unanswered questions are sent to an upstream.
    pub(crate) fn forward(&self) -> bool {
        self.uses("forward")
    }

    pub(crate) fn uses(&self, plugin: &str) -> bool {
        self.plugins.iter().any(|written| written == plugin)
    }
}

/// Reads a whole Corefile.
pub(crate) fn parse(text: &str) -> Vec<ServerBlock> {
    let mut blocks = Vec::new();
    let mut lines = text.lines().map(words).filter(|words| !words.is_empty());
    while let Some(keys) = lines.next() {
        let zones = keys[..keys.len() - 1].iter().map(|key| key.trim_end_matches(":53").to_owned()).collect();
        blocks.push(block(zones, &mut lines));
    }
    blocks
}

fn block<'a>(zones: Vec<String>, lines: &mut impl Iterator<Item = Vec<&'a str>>) -> ServerBlock {
    let mut block = ServerBlock { zones, plugins: Vec::new(), kubernetes: None, transfer_to: None };
    while let Some(words) = lines.next() {
        let options = match words.last() {
            Some(&"}") => return block,
            Some(&"{") => lines.take_while(|words| words != &["}"]).collect(),
            _ => Vec::new(),
        };
        block.plugins.push(words[0].to_owned());
        let arguments = words[1..].iter().filter(|word| **word != "{").map(|word| (*word).to_owned()).collect();
        match words[0] {
            "kubernetes" => block.kubernetes = Some(Kubernetes::new(arguments, &block.zones, &options)),
            "transfer" => block.transfer_to = options.first().map(|to| owned(&to[1..])),
            _ => {}
        }
    }
    panic!("a server block without its closing brace");
}

impl Kubernetes {
    fn new(arguments: Vec<String>, block_zones: &[String], options: &[Vec<&str>]) -> Self {
        let mut facts = Self {
            zones: if arguments.is_empty() { block_zones.to_vec() } else { arguments },
            ttl: 5,
            pods: Pods::Disabled,
            fallthrough: None,
            namespaces: Vec::new(),
            namespace_labels: None,
            labels: None,
            noendpoints: false,
            ignore_empty_service: false,
            zonal: false,
        };
        for option in options {
            facts.set(option);
        }
        facts
    }

    fn set(&mut self, option: &[&str]) {
        match option {
            ["ttl", seconds] => self.ttl = seconds.parse().expect("ttl takes seconds"),
            ["pods", "insecure"] => self.pods = Pods::Insecure,
            ["pods", "verified"] => self.pods = Pods::Verified,
            ["fallthrough", zones @ ..] => self.fallthrough = Some(owned(zones)),
            ["namespaces", names @ ..] => self.namespaces = owned(names),
            ["namespace_labels", selector] => self.namespace_labels = Some((*selector).to_owned()),
            ["labels", selector] => self.labels = Some((*selector).to_owned()),
            ["noendpoints"] => self.noendpoints = true,
            ["ignore", "empty_service"] => self.ignore_empty_service = true,
            ["zonal"] => self.zonal = true,
            other => panic!("an option of kubernetes this reader does not know: {other:?}"),
        }
    }
}

fn words(line: &str) -> Vec<&str> {
    line.split_whitespace().collect()
}

fn owned(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

#[test]
fn options_of_kubernetes_are_facts() {
    let blocks = parse(
        ".:53 {\n transfer {\n to *\n }\n kubernetes cluster.local 10.0.0.0/15 {\n  ttl 30\n  pods verified\n  \
         fallthrough\n  namespaces a b\n  ignore empty_service\n }\n forward . UPSTREAM\n}\n",
    );
    let block = &blocks[0];
    assert_eq!(block.zones, ["."]);
    assert_eq!(block.plugins, ["transfer", "kubernetes", "forward"]);
    assert_eq!(block.transfer_to, Some(vec!["*".to_owned()]));
    assert!(block.forward());
    let facts = block.kubernetes.as_ref().unwrap();
    assert_eq!(facts.zones, ["cluster.local", "10.0.0.0/15"]);
    assert_eq!((facts.ttl, facts.pods), (30, Pods::Verified));
    assert_eq!(facts.fallthrough, Some(Vec::new()));
    assert_eq!(facts.namespaces, ["a", "b"]);
    assert!(facts.ignore_empty_service && !facts.noendpoints && !facts.zonal);
}

#[test]
fn blocks_are_told_apart_and_lend_their_zones() {
    let blocks = parse(".:53 {\n}\nfoo.org:53 {\n log\n}\ncluster.local:53 {\n kubernetes {\n }\n}\n");
    assert_eq!(blocks.len(), 3);
    assert!(blocks[0].plugins.is_empty() && !blocks[0].forward());
    assert_eq!(
        (blocks[1].zones.as_slice(), blocks[1].plugins.as_slice()),
        (&["foo.org".into()][..], &["log".into()][..])
    );
    assert_eq!(blocks[2].kubernetes.as_ref().unwrap().zones, ["cluster.local"]);
}

#[test]
#[should_panic(expected = "does not know")]
fn an_unknown_option_is_not_overlooked() {
    parse(".:53 {\n kubernetes cluster.local {\n  multicluster clusterset.local\n }\n}\n");
}
