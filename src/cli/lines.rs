//! The lines that the process says of itself.
//!
//! Whoever changes the image of a Deployment has something that reads CoreDNS's lines: from a Corefile they are
//! like those, on standard output. Elsewhere they are for a person before a terminal, on standard error.
//! `CLUSTERDNS_LOG_FORMAT` chooses otherwise.

use std::{
    env,
    fmt::{self, Write},
    io::{self, IsTerminal},
    time::Instant,
};

use serde_json::{Map, Value};
use tracing::{
    Event, Level, Subscriber,
    field::{Field, Visit},
};
use tracing_subscriber::{
    EnvFilter,
    fmt::{
        FmtContext, FormatEvent, FormatFields,
        format::Writer,
        time::{FormatTime, SystemTime},
        writer::BoxMakeWriter,
    },
    registry::LookupSpan,
};

use super::Failure;
use crate::{observe::log, sockets::seldom::Seldom};

/// How lines are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// With time and colours.
    Text,
    /// Like CoreDNS's: `[INFO] text`.
    Coredns,
    /// An object for each.
    Json,
}

const VARIABLE: &str = "CLUSTERDNS_LOG_FORMAT";

impl Form {
    /// What the environment says, or what goes with the language of the configuration.
    pub(super) fn chosen(is_corefile: bool) -> Result<Self, Failure> {
        match env::var(VARIABLE).as_deref() {
            Err(env::VarError::NotPresent) | Ok("") => Ok(if is_corefile { Self::Coredns } else { Self::Text }),
            Ok("text") => Ok(Self::Text),
            Ok("coredns") => Ok(Self::Coredns),
            Ok("json") => Ok(Self::Json),
            _ => Err(Failure(format!("{VARIABLE}: write text, coredns or json"))),
        }
    }

    /// Whether somebody reads along: from a Corefile only before a terminal, for in a pod nobody does.
    pub(super) fn is_for_people(self) -> bool {
        match self {
            Self::Text => true,
            Self::Coredns => io::stdout().is_terminal(),
            Self::Json => false,
        }
    }

    /// How the lines of questions are written beside these.
    pub(super) fn of_questions(self) -> log::Form {
        if self == Self::Json { log::Form::Json } else { log::Form::Text }
    }
}

/// Starts the log of the process; `CLUSTERDNS_LOG` says which lines, for example `warn` or `clusterdns=debug`.
pub(super) fn start(form: Form, is_corefile: bool) {
    let filter = EnvFilter::builder().with_env_var("CLUSTERDNS_LOG");
    // hickory logs every response, with its name; kube logs what we say too, with less advice.
    let filter = filter.with_default_directive(Level::INFO.into()).from_env_lossy();
    let filter = ["hickory_server=warn", "hickory_proto=warn", "kube_client=off"]
        .into_iter()
        .filter_map(|directive| directive.parse().ok())
        .fold(filter, EnvFilter::add_directive);
    let (out, terminal) = match is_corefile {
        true => (BoxMakeWriter::new(io::stdout), io::stdout().is_terminal()),
        false => (BoxMakeWriter::new(io::stderr), io::stderr().is_terminal()),
    };
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_target(false).with_writer(out);
    // A program that embeds us may have set a logger of its own.
    let _ = match form {
        Form::Text => lines.with_ansi(terminal).try_init(),
        Form::Coredns => lines.with_ansi(false).event_format(Coredns).try_init(),
        Form::Json => lines.with_ansi(false).event_format(Json).try_init(),
    };
    // Whoever found a packet that leads to a defect can send it again.
    static LOGGED: Seldom = Seldom::new();
    std::panic::set_hook(Box::new(|panic| {
        if LOGGED.is_due(Instant::now()) {
            tracing::error!("a defect was met, please report it: {panic}");
        }
    }));
}

/// `[INFO] text field=value`
struct Coredns;

impl<S: Subscriber + for<'a> LookupSpan<'a>, N: for<'w> FormatFields<'w> + 'static> FormatEvent<S, N> for Coredns {
    fn format_event(&self, _: &FmtContext<'_, S, N>, mut out: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let level = match *event.metadata().level() {
            Level::ERROR => "ERROR",
            Level::WARN => "WARNING",
            Level::INFO => "INFO",
            Level::DEBUG | Level::TRACE => "DEBUG",
        };
        let said = Said::by(event);
        let mut text = said.message;
        for (name, value) in said.fields {
            write!(text, " {name}={value}")?;
        }
        // Texts come from files and servers of others.
        writeln!(out, "[{level}] {}", text.replace(|c: char| c.is_control(), " "))
    }
}

/// `{"time":"…","level":"info","message":"text","field":"value"}`
struct Json;

impl<S: Subscriber + for<'a> LookupSpan<'a>, N: for<'w> FormatFields<'w> + 'static> FormatEvent<S, N> for Json {
    fn format_event(&self, _: &FmtContext<'_, S, N>, mut out: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let mut time = String::new();
        SystemTime.format_time(&mut Writer::new(&mut time))?;
        let said = Said::by(event);
        let mut object = Map::new();
        object.insert("time".into(), time.into());
        object.insert("level".into(), event.metadata().level().as_str().to_lowercase().into());
        object.insert("message".into(), said.message.into());
        for (name, value) in said.fields {
            object.insert(name.into(), value.into());
        }
        writeln!(out, "{}", Value::Object(object))
    }
}

/// What an event says.
#[derive(Default)]
struct Said {
    message: String,
    fields: Vec<(&'static str, String)>,
}

impl Said {
    fn by(event: &Event<'_>) -> Self {
        let mut said = Self::default();
        event.record(&mut said);
        said
    }
}

impl Visit for Said {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        match field.name() {
            "message" => self.message = format!("{value:?}"),
            name => self.fields.push((name, format!("{value:?}"))),
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.record_debug(field, &format_args!("{value}"));
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use tracing_subscriber::fmt::MakeWriter;

    use super::*;

    #[derive(Clone, Default)]
    struct Page(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Page {
        fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(octets)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl<'w> MakeWriter<'w> for Page {
        type Writer = Self;

        fn make_writer(&'w self) -> Self {
            self.clone()
        }
    }

    /// What is written of some events.
    fn written(
        format: impl for<'a> FormatEvent<tracing_subscriber::Registry, tracing_subscriber::fmt::format::DefaultFields>
        + Send
        + Sync
        + 'static,
    ) -> String {
        use tracing_subscriber::layer::SubscriberExt;
        let page = Page::default();
        let layer = tracing_subscriber::fmt::layer().with_ansi(false).event_format(format).with_writer(page.clone());
        tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || {
            tracing::info!("listening on {}", 53);
            let error = "no such\nfile";
            tracing::warn!(%error, tries = 3, "not read");
            tracing::error!("plugin/errors: 2 example.org. A: i/o timeout");
            tracing::debug!("\"quoted\"");
        });
        String::from_utf8(page.0.lock().unwrap().clone()).unwrap()
    }

    #[test]
    fn lines_are_like_coredns_s() {
        assert_eq!(
            written(Coredns),
            "[INFO] listening on 53\n[WARNING] not read error=no such file tries=3\n\
             [ERROR] plugin/errors: 2 example.org. A: i/o timeout\n[DEBUG] \"quoted\"\n"
        );
    }

    #[test]
    fn lines_are_objects() {
        let text = written(Json);
        let objects: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(objects.len(), 4);
        let fields = |object: &Value| {
            ["level", "message", "error", "tries"].map(|name| object[name].as_str().unwrap_or("").to_owned())
        };
        assert_eq!(fields(&objects[0]), ["info", "listening on 53", "", ""]);
        assert_eq!(fields(&objects[1]), ["warn", "not read", "no such\nfile", "3"]);
        assert_eq!(fields(&objects[3]), ["debug", "\"quoted\"", "", ""]);
        assert!(objects.iter().all(|object| object["time"].as_str().unwrap().ends_with('Z')), "{text}");
    }
}
