//! What is said means the same in both forms, and whatever is no such thing is garbled.

use proptest::{prelude::*, sample::Index};
use serde_json::{Value, json};

use super::*;
use crate::objects::decode::protobuf::written;

const FORMS: [Form; 2] = [Form::Json, Form::Protobuf];

fn event(form: Form, what: &str, object: &Value) -> Vec<u8> {
    match form {
        Form::Json => json!({"type": what, "object": object}).to_string().into_bytes(),
        Form::Protobuf => written::event(what, object),
    }
}

fn said(form: Form, what: &str, object: &Value) -> Result<Said, Failure> {
    form.event(&event(form, what, object), Kind::Service, Needs::default())
}

#[test]
fn the_form_of_a_reply_is_what_its_head_says() {
    for (content_type, form) in [
        ("application/vnd.kubernetes.protobuf", Form::Protobuf),
        ("Application/Vnd.Kubernetes.Protobuf; stream=watch", Form::Protobuf),
        ("application/vnd.kubernetes.protobuf;stream=watch", Form::Protobuf),
        ("application/json", Form::Json),
        ("application/json;stream=watch", Form::Json),
        ("application/vnd.kubernetes.protobufs", Form::Json),
        ("", Form::Json),
    ] {
        assert_eq!(Form::of(content_type.as_bytes()), form, "{content_type}");
    }
}

#[test]
fn a_bookmark_tells_where_to_go_on_and_where_a_list_ends() {
    for form in FORMS {
        let bookmark = |annotations: Value| {
            let metadata = json!({"resourceVersion": "12", "annotations": annotations});
            match said(form, "BOOKMARK", &json!({"kind": "Service", "apiVersion": "v1", "metadata": metadata})) {
                Ok(Said::Bookmark(mark)) => mark,
                _ => panic!("a bookmark"),
            }
        };
        let mark = |ends_list| Mark { version: Some("12".into()), ends_list };
        assert_eq!(bookmark(json!({"k8s.io/initial-events-end": "true", "a": "b"})), mark(true));
        assert_eq!(bookmark(json!({"a": "k8s.io/initial-events-end"})), mark(false));
        assert_eq!(bookmark(json!(null)), mark(false));
    }
}

#[test]
fn a_deletion_tells_which_object_is_gone() {
    for form in FORMS {
        let metadata = json!({"name": "web", "namespace": "shop", "resourceVersion": "12"});
        let Ok(Said::Gone(gone)) =
            said(form, "DELETED", &json!({"kind": "Service", "apiVersion": "v1", "metadata": metadata}))
        else {
            panic!("a deletion")
        };
        assert_eq!(gone.key.map(|key| key.to_string()).as_deref(), Some("Service shop/web"));
        assert_eq!(gone.version.as_deref(), Some("12"));
    }
}

#[test]
fn an_error_is_the_failure_that_it_names() {
    for form in FORMS {
        let error = |code: u16| said(form, "ERROR", &json!({"kind": "Status", "code": code, "message": "m"})).err();
        assert_eq!(error(410), Some(Failure::Gone("m".into())));
        assert_eq!(error(500), Some(Failure::Failing(500, "m".into())));
        assert!(matches!(said(form, "NEWS", &json!({})), Err(Failure::Garbled(_))));
    }
}

#[test]
fn what_is_no_event_is_garbled_and_so_is_one_of_the_other_form() {
    let usual = json!({"kind": "Service", "apiVersion": "v1", "metadata": {"name": "web"}});
    for form in FORMS {
        let garbled =
            |octets: &[u8]| matches!(form.event(octets, Kind::Service, Needs::default()), Err(Failure::Garbled(_)));
        let other = if form == Form::Json { Form::Protobuf } else { Form::Json };
        for octets in [&b"<html>"[..], b"{}", b"null", b"k8s\0", &event(other, "ADDED", &usual)] {
            assert!(garbled(octets), "{form:?}: {octets:?}");
        }
        assert!(!garbled(&event(form, "ADDED", &usual)));
    }
    let mut cut = event(Form::Protobuf, "ADDED", &usual);
    cut.pop();
    assert!(matches!(Form::Protobuf.event(&cut, Kind::Service, Needs::default()), Err(Failure::Garbled(_))));
}

#[test]
fn only_a_list_of_the_kind_is_a_list() {
    for form in FORMS {
        let read = |list: &Value| {
            let body = match form {
                Form::Json => list.to_string().into_bytes(),
                Form::Protobuf => written::object(list),
            };
            let page = form.page(&body, Kind::Service)?;
            let objects = page.items.carried(Kind::Service, Needs::default()).filter(|item| item.decoded.is_ok());
            Ok((objects.count(), page.version, page.continued))
        };
        let list = |metadata: Value, items: Value| json!({"kind": "ServiceList", "apiVersion": "v1", "metadata": metadata, "items": items});
        let object = json!({"metadata": {"name": "web", "namespace": "shop"}});
        let version = json!({"resourceVersion": "5"});
        assert_eq!(read(&list(version.clone(), Value::Null)), Ok((0, "5".into(), None)));
        assert_eq!(read(&list(version.clone(), json!([object, object]))), Ok((2, "5".into(), None)));
        let first = json!({"resourceVersion": "5", "continue": "more"});
        assert_eq!(read(&list(first, json!([object, {}]))), Ok((1, "5".into(), Some("more".into()))));
        for no_list in [
            json!({"kind": "PodList", "apiVersion": "v1", "metadata": version, "items": []}),
            json!({"kind": "Status", "metadata": {}, "items": []}),
            list(json!({}), json!([])),
        ] {
            assert!(matches!(read(&no_list), Err(Failure::Garbled(_))), "{form:?}: {no_list}");
        }
    }
    let without_items = br#"{"kind":"ServiceList","metadata":{"resourceVersion":"5"}}"#;
    assert!(matches!(Form::Json.page(without_items, Kind::Service), Err(Failure::Garbled(_))));
}

/// What is there of it may not be taken for the whole.
#[test]
fn a_list_that_is_damaged_anywhere_is_no_list() {
    let items = json!([{"metadata": {"name": "a"}}, {"metadata": {"name": "b"}}]);
    let list = json!({"kind": "ServiceList", "apiVersion": "v1", "metadata": {"resourceVersion": "5"}, "items": items});
    let body = written::object(&list);
    for length in 0..body.len() - 4 {
        assert!(Form::Protobuf.page(&body[..length], Kind::Service).is_err(), "{length} octets of it");
    }
    let number = json!({"kind": "ServiceList", "apiVersion": "v1", "metadata": {"resourceVersion": "5"}, "items": [7]});
    assert!(Form::Protobuf.page(&written::object(&number), Kind::Service).is_err());
}

#[test]
fn a_status_gives_its_message_and_anything_else_itself() {
    let status = json!({"kind": "Status", "apiVersion": "v1", "code": 403, "message": "no"});
    assert_eq!(Form::Json.status(status.to_string().as_bytes()), "no");
    assert_eq!(Form::Protobuf.status(&written::object(&status)), "no");
    for form in FORMS {
        assert_eq!(form.status(b"upstream is down"), "upstream is down");
    }
}

/// What can be read at once is what is read with care.
#[test]
fn a_slice_is_the_same_at_once_and_with_care() {
    let slice = |more: &str| {
        format!(
            r#"{{"type":"MODIFIED","object":{{"apiVersion":"discovery.k8s.io/v1","kind":"EndpointSlice","metadata":
            {{"name":"a","namespace":"b","resourceVersion":"7","labels":{{"kubernetes.io/service-name":"web","x":"y"}},
            "annotations":{{"endpoints.kubernetes.io/last-change-trigger-time":"1970-01-01T00:00:02Z"}}}}{more}}}}}"#
        )
    };
    let endpoints = r#","addressType":"IPv4","endpoints":[{"addresses":["10.0.0.1","10.0.0.2"],"hostname":"h","zone":"z",
        "targetRef":{"name":"p"}},{"addresses":["10.0.0.3"],"conditions":{"ready":false}},{"addresses":null},
        {"addresses":[null,"x.y"],"conditions":null,"targetRef":null}]"#;
    let needs = Needs { labels: true, pod_names: true, zones: true, ..Needs::default() };
    let with_care = |line: &str| {
        let event: Value = serde_json::from_str(line).unwrap();
        carried(Kind::EndpointSlice, Raw::parse(&event["object"].to_string()).unwrap(), needs)
    };
    let usual = [
        "",
        r#","endpoints":null,"ports":null"#,
        r#","ports":[{"port":80,"name":"http","protocol":"TCP"},{}]"#,
        endpoints,
    ];
    for more in usual {
        let (at_once, care) =
            (json::slice_at_once(slice(more).as_bytes(), needs).expect(more), with_care(&slice(more)));
        assert_eq!(at_once.decoded.unwrap(), care.decoded.unwrap(), "{more}");
        assert_eq!((at_once.version, at_once.triggered_unix_secs), (care.version, care.triggered_unix_secs));
        assert_eq!(care.triggered_unix_secs, Some(2.0));
    }
    for unusual in [r#","endpoints":7"#, r#","ports":[{"port":70000}]"#, r#","endpoints":[{"addresses":[3]}]"#] {
        assert!(json::slice_at_once(slice(unusual).as_bytes(), needs).is_none(), "{unusual}");
        assert!(with_care(&slice(unusual)).decoded.is_err(), "{unusual}");
    }
    for unusual in
        [slice("").replace("MODIFIED", "DELETED"), slice("").replace("\"kind\":\"EndpointSlice", "\"kind\":\"Service")]
    {
        assert!(json::slice_at_once(unusual.as_bytes(), needs).is_none());
    }
}

proptest! {
    #[test]
    fn any_text_means_something_or_is_garbled(
        kind in prop_oneof![Just("ADDED"), Just("DELETED"), Just("BOOKMARK"), Just("ERROR")],
        object in r#"\{("metadata":\{("name":"[a-z.]{0,3}")?,?("labels":(5|\{\}))?\})?,?("spec":(\[\]|\{\}|7))?\}"#,
        text in prop::collection::vec(any::<u8>(), 0..64),
        (at, octet) in any::<(Index, u8)>(),
    ) {
        fuzz(format!(r#"{{"type":"{kind}","object":{object}}}"#).as_bytes());
        fuzz(&text);
        fuzz(&[b"k8s\0", &text[..]].concat());
        let mut frame = written::event(kind, &serde_json::from_str(&object).unwrap_or_default());
        let at = at.index(frame.len());
        frame[at] = octet;
        fuzz(&frame);
    }
}
